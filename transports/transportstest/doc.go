// Package transportstest has doubles and helpers that the tests of the transports
// share.
package transportstest

// Package jsontext reads JSON text (RFC 8259) that comes from outside, strictly
// and without a tree: what it takes, every reader takes, and in the same way.
//
// Beyond what encoding/json refuses, it refuses invalid UTF-8, escaped surrogates
// without their other half, and values that nest too deep. All transports read by
// it, so that none is a way around another. Whoever reads an object member by
// member refuses a name that stands twice; Check does so at every depth. Values
// that are handed on unread, such as a message's data, keep their members as they
// are.
//
// Start at Scanner.
package jsontext

// Package presences is the API's resource of who is there: whether users are online, and
// by which transports.
//
// Start reading at presence.go.
package presences

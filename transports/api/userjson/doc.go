// Package userjson reads what a back end writes of a user: its profile and its
// preferences, as JSON, strictly.
//
// What may be in a profile is said by the package profile (actors/profile); what is
// read here is its form. An unknown or doubled field, a wrong type and a value past
// its bound are refused with the field's name.
//
// Start reading at profile.go.
package userjson

import "reddot/transports"

// A Reader reads one body after the other. Its zero value is ready for use. What it
// returns does not point into the body; its errors are each an actors.Error.
type Reader struct{ transports.FieldReader }

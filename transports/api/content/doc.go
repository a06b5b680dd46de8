// Package content is the API's resources of what an app writes to be sent: categories
// and templates.
//
// What may stand in them, and which moves a version makes, is said by the package content
// of actors; what is read here is its form, strictly: an unknown or doubled field, a wrong
// type and a value past its bound are refused with the field's name. A test is sent to
// users with the tag tester alone.
//
// Start reading at categories.go, then templates.go; source.go reads a template, preview.go
// shows what it says.
package content

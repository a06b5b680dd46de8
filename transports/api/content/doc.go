// Package content is the API's resource of what an app writes to be sent: categories.
//
// What may stand in them is said by the package content of actors; what is read here is
// its form, strictly: an unknown or doubled field, a wrong type and a value past its bound
// are refused with the field's name.
//
// Start reading at categories.go.
package content

// Package resource is what the API's resources share that live in rooms of their own:
// what they need of a request (Call), how they say which URLs they have (Route), and
// whatever has a name and versions (Entries), as segments and categories have.
//
// Rules that a change must keep:
//
//   - A resource knows neither the API nor how a caller was let in: Call is all of it.
//   - Each write is in the audit log before it is made, and under its caller's key.
//   - A route stands in openapi.yaml, which a test of the API's checks.
//
// Start reading at resource.go.
package resource

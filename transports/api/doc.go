// Package api is the HTTP API: what a back end publishes with, and what a
// user's inbox is read and marked with. openapi.yaml is its full reference.
//
// Rules that a change must keep:
//
//   - Every URL that the server answers stands in one table, routes.go, with
//     who may ask for it; a test holds the table and openapi.yaml together.
//   - What comes from outside is read strictly: an unknown or doubled field, a
//     wrong type, invalid UTF-8 or an unknown query parameter is refused with
//     its name.
//   - Everything has a bound: a body, a line, a field, a wait, a batch and what
//     of it is under way. Each bound is a field of Config or of
//     transports.Limits.
//   - Nothing that goes to an actor points into the request: fasthttp uses its
//     buffers again.
//   - An error leaves through transports.WriteProblem alone.
//   - A publish allocates its message and little else, and takes no lock.
//
// Start reading at routes.go, then api.go and call.go; message.go and
// publish.go are the hot path, and batch.go is the same for many. Resources that stand on their
// own live in rooms below, over resource (resources.go).
package api

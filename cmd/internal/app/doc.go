// Package app puts Reddot together: of a configuration it constructs the store,
// the node and the transports, starts them in order and stops them in reverse. It
// is the only place in which the parts know of each other.
//
// Rules that a change must keep:
//
//   - Wiring only. What decides something belongs into the part that it is
//     about.
//   - What Start opened Stop closes, in reverse, also when Start fails half-way.
//   - Secrets print as ***.
//
// Start reading at app.go, then front.go and web.go; cmd/internal/config has what can
// be set. house_test.go holds the rules of the whole repository.
package app

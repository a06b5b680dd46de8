// Package app puts Reddot together: it reads the configuration, constructs the
// store, the node and the transports, starts them in order and stops them in
// reverse. It is the only place in which the parts know of each other.
//
// Rules that a change must keep:
//
//   - Wiring only. What decides something belongs into the part that it is
//     about.
//   - Every setting is a field of Config with its unit and default in its
//     comment, and is checked before anything starts.
//   - What Start opened Stop closes, in reverse, also when Start fails half-way.
//   - Secrets print as ***.
//
// Start reading at app.go, then config.go and web.go. house_test.go holds
// the rules of the whole repository.
package app

// Package storetest is what each store must pass, and what the tests of stores
// share: the conformance suite (Run), random steps beside a model (Random), stale
// writers (Race), and actors that append.
//
// Rules that a change must keep:
//
//   - A test here knows a store by the interfaces of actors alone; what only one
//     store does is tested beside it.
//   - Nothing here waits for a time to go by, but for a condition; a race lasts as
//     long as RaceTime says.
//
// Start reading at suite.go.
package storetest

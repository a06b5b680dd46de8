// Package cluster knows which node runs which actor: it wakes actors, routes
// requests to them, passivates those that are idle, and keeps their timers.
//
// Rules that a change must keep:
//
//   - At any moment at most one activation of a key takes messages here. An
//     activation is out of the directory before it stops.
//   - Send never blocks and holds no lock while it sends: a turn runs in the
//     sender's goroutine.
//   - A request that got lost is repeated under the same key.
//
// Start reading at node.go.
package cluster

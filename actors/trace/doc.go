// Package trace tells live what happens to one user, connection, message, topic or campaign, on
// all nodes.
//
// A trace is opened on one node, which tells all of them of it, again and again: a node
// forgets one that it has not heard of for a while. Each node sends what it has seen, in
// batches, to the one where the trace is read. Both go by live publish and subscribe (Bus), as
// an app that nobody is.
//
// Rules that a change must keep:
//
//   - While nobody traces, nothing is paid but the look at actors.Traces.
//   - A trace ends by itself. It has a bound in events a second, in bytes on each node, and in
//     bytes where it is read; what is over it, or was lost on its way, is counted and said.
//   - What is told is durable, and has no content of a message.
//   - Nobody who has something to tell waits.
//
// Start reading at node.go, then reading.go.
package trace

// Package load is the load generator behind `reddot bench`. It speaks the
// public HTTP API only, so it measures any reddot server that has a URL.
//
// Its first result is correctness. Every message carries a stamp (run, user,
// number, time), and every answer, event and final count is compared with a
// model of the user: what was lost, doubled, out of order or wrongly counted
// is told beside the rates, and makes the run a failure.
//
// Its rooms: poller/ holds the connections, http1/, frames/, mqtt/ and event/ read
// and write what goes over them, report/ is what was found, floor/ is the bare write
// loop for comparison, hostile/ is a neighbor at its worst.
//
// Rules that a change must keep:
//
//   - Nothing of the server's code is imported: what the server believes is no
//     evidence.
//   - A worker is one goroutine that owns its users, connections, publishers
//     and figures; so there are no locks. Workers meet at a barrier and share
//     atomics only.
//   - The generator shares the machine with the server. The path of a message
//     does not allocate, and costs one write and two reads.
//   - In open loop a latency counts from the moment at which the message
//     should have left, not from the moment at which it could.
//   - A scenario is a file: a script that a worker runs from top to bottom.
//
// Start reading at load.go, then worker.go, model.go and unicast.go.
package load

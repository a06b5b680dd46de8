// Package frames takes streams apart into events for the load generator: SSE, the
// iframe's page and WebSocket.
//
// Rules that a change must keep:
//
//   - Nothing of the server's code is imported: what the server believes is no
//     evidence.
//   - Pieces of any size give what the whole gives.
//   - A frame that came whole is not copied; one that was cut is bounded by Max.
//
// Start reading at frames.go.
package frames

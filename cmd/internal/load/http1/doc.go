// Package http1 is the load generator's client of HTTP/1.1: the reader of what a
// server sends, and a caller with one request under way on one connection.
//
// Rules that a change must keep:
//
//   - Responses are read in pieces of any size, without a copy where one came whole.
//   - A caller has no goroutine and no timer: its poller calls it, and its owner
//     expires it.
//   - The fate of a request that failed is not known; its owner is told so.
//
// Start reading at caller.go, then reader.go.
package http1

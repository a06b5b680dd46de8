// Package screen is one screen of a user as the chaos program and the tests have
// many: it connects by any of the transports of HTTP and hands on what the server
// tells.
//
// Rules that a change must keep:
//
//   - A screen keeps nothing: no cursor, no counts. What was seen is its owner's, who
//     judges it.
//   - A connection is not repaired. It ends with an error that says why.
//   - Nothing of the server's code is imported: what the server believes is no
//     evidence.
//
// Start reading at screen.go.
package screen

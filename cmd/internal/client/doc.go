// Package client speaks Reddot's HTTP API for the commands of the command
// line: publish, read, manage keys, and follow a user's events over any
// transport, resuming by cursor.
//
// Rules that a change must keep:
//
//   - Nothing of ours is imported: the commands see what every other client
//     sees.
//   - An error tells a person what to do about it; a server's refusal is a
//     *Problem.
//   - A write is repeated only under one idempotency key.
//   - What a server sends is bounded before it is read.
//
// Start reading at client.go, then watch.go.
package client

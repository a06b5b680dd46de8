// Package websocket has what all WebSockets have in common, whatever is spoken on
// them (RFC 6455): the opening handshake, and the frames in both directions.
//
// Rules that a change must keep:
//
//   - A Parser knows frames and no meaning, and no socket.
//   - It holds bytes only while a message or a head is cut, and those are bounded:
//     a text by its limit; binary messages are handed on as they come.
//   - All paths are equally strict: nothing is checked for one alone.
//
// Start reading at parser.go; handshake.go opens, close.go ends.
package websocket

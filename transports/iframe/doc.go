// Package iframe serves a user's events as a page that never ends, for a hidden
// iframe: each event is a script which posts it to the page around.
//
// Rules that a change must keep:
//
//   - Events go to one origin, that of ?origin=, and only if it is trusted.
//     There is no posting to "*": whoever frames the page would read along.
//   - A Format is pure and shared: what differs between two connections (the
//     origin) stands in the head, never in a frame.
//   - What clients wrote gets into a script: every "<" in it is escaped, and
//     so are the line separators that old browsers end a string at.
//   - The page does what its head says and nothing else: its
//     Content-Security-Policy lets it load nothing, and be framed by that one
//     origin. There is no nonce: it would differ between connections, and so
//     would each frame.
//
// Start reading at page.go, then format.go; legacy.go has the older form.
package iframe

// Package sse serves a user's events as Server-Sent Events (WHATWG HTML,
// section 9.2).
//
// Rules that a change must keep:
//
//   - A Format is pure and shared: what differs between two connections stands
//     in the head, never in a frame.
//   - An event's data is one line. Its id is the cursor, so that a browser
//     resumes by itself; what gives no cursor has no id field, since an empty
//     one would make the browser forget.
//   - What comes of topics (?topic=) has no id either: it is no event of the
//     inbox, and is not replayed.
//   - The body has no chunks and ends with the connection. That is right for
//     HTTP/1.1 and HTTP/1.0 alike, and needs no bytes per event.
//   - A stream cannot say "stay away" when it ends. Whoever was told to is
//     answered 204 when the browser comes back by itself, which stops it.
//
// Start reading at stream.go, then format.go; topics.go is for streams that
// also listen to topics, legacy.go has the plain-text form.
package sse

// Package ws serves a user's events over WebSocket (RFC 6455), and takes the
// user's own doings in: read, seen, archive and the like.
//
// Rules that a change must keep:
//
//   - Everything that goes out goes through the Socket, as whole frames: events,
//     answers, pongs, closes. Nothing else writes.
//   - The reader never waits. A command goes to the user's actor as a request
//     whose answer comes back by itself; answers go out in the order of their
//     frames, and their number is bounded.
//   - Package websocket knows frames and no meaning, session.go meanings and no
//     frames.
//   - A close says by its code whether to come back.
//   - Compression, where it is agreed on, adds nothing to a connection: no
//     message refers to another, what packs and unpacks is pooled, and a push is
//     packed once for all.
//
// A client says where it resumes by ?after= in the address. Where it cannot, it
// may send connect with after as its first frame: the stream then begins anew,
// with a second hello, and what came before that is void.
//
// A client may also subscribe to topics, and publish to them (topics.go); those
// come at most once, and leave the cursor where it is.
//
// Start reading at upgrade.go, then session.go and command.go; format.go has
// the wire form, legacy.go the plain-text one, extension.go and deflate.go the
// compressed one (RFC 7692).
package ws

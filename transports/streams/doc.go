// Package streams holds the connections that stay: how they come in from HTTP or a
// listener, are counted, written to, and ended in time.
//
// Rules that a change must keep:
//
//   - A Wire never blocks the goroutine that sends to it, and has one writer.
//   - A node has very many Sockets: what is the same for many is shared, what
//     most do not need is made when it is needed, and none has a goroutine or a
//     timer where a Loop carries it.
//   - The room that a client leaves unread has a bound in bytes.
//   - How long something takes is measured by the monotonic clock. The wall clock
//     is Deps.Now, and judges tokens and the times in requests alone: when it steps
//     forward, connections whose tokens it passes end at once (Streams.EndExpired).
//
// Start reading at place.go, socket.go and wire.go: streams.go counts them,
// wheel.go ends them in time, resume.go gives them back to HTTP. portable.go and
// sink.go carry those that no Loop can, records.go and park_unix.go are those of
// TLS. deps.go is what a handler is given, subscriber.go a connection's topics.
package streams

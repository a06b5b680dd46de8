// Package eventloop carries the connections that stay in a few epoll loops
// instead of a goroutine each. It implements streams.Loop; on systems
// without epoll New says so, and package transports does with what it has.
//
// A connection is one object, about 150 bytes, and a descriptor that is not
// in Go's poller. Whoever has frames for it writes them at once, in his own
// goroutine; a loop only reads, and writes what a full socket had refused. A
// loop waits in Go's poller, in which its epoll descriptor is nested, so it
// blocks no thread and costs nothing while nothing happens. A few connections
// share one loop; many are spread.
//
// A connection with TLS is carried likewise (records_linux.go): package tls cuts
// and joins the records, under the connection's lock, and the loop moves them. So
// it writes at once, too, and waits for nobody.
//
// Rules that a change must keep:
//
//   - The descriptor is used and closed under the connection's lock, so that
//     nobody writes to one that has been reused.
//   - An event names a Socket by its id, never by its descriptor: an event for
//     a connection that is gone finds nothing.
//   - What a Socket is told (Receive, Drained, Close, Leave) is told without
//     the connection's lock. Locks are taken in the order gateway.Conn,
//     connection, then Streams or its wheel.
//   - A loop's read buffer belongs to one Receive at a time, and nothing may
//     keep a part of it.
//   - What a client has sent is read before the descriptor is closed, where the
//     Protocol takes it (streams.LateReceiver), even if a write has failed.
//   - Nothing that a loop calls may block.
//   - Events are level-triggered. One read an event is then enough: what is
//     left over is reported again, behind the others' events, so that nobody
//     starves, and no read is made only to learn that there is nothing. The
//     price is a system call when a socket fills up and one when it is empty
//     again, which are rare.
//
// Start reading at loop_linux.go, then conn_linux.go, write_linux.go and
// end_linux.go.
package eventloop

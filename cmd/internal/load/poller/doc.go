// Package poller holds the load generator's connections: many sockets in one
// goroutine, which connects, reads, writes and waits.
//
// Rules that a change must keep:
//
//   - All of a poller's peers are called in the goroutine that calls Wait, so they
//     need no locks.
//   - A message costs one write and one read, and no allocation.
//   - Nothing is called after Shut.
//
// Start reading at poller.go, then poller_linux.go; poller_go.go is for TLS and for
// systems without epoll.
package poller

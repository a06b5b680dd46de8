package eventloop

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"reddot/actors"
	"reddot/transports/streams"
)

// A conn is a Socket with its Wire, in one object: there are very many.
type conn struct {
	streams.Socket

	mu    sync.Mutex
	out   *outbox // nil: nothing waits
	fd    int32   // -1: closed
	place uint8   // of its loop among Loop.loops
	flags flags
}

// flags are the state of a conn.
type flags uint8

const (
	registered flags = 1 << iota // epoll knows the descriptor
	armed                        // it reports when there is room
	hasSent                      // something was sent
	ended                        // End was called: nothing more is taken
	keep                         // it returns to the HTTP server
	resting                      // it waits for the next request
	readPaused                   // what comes stays unread
	readShut                     // nothing is read but what has come already
)

var _ streams.Wire = (*conn)(nil)

// loop returns the loop that reads for the connection.
func (c *conn) loop() *loop { return c.Loop().(*Loop).loops[c.place] }

// begin starts the connection.
func (c *conn) begin(s *streams.Start) {
	if unread := s.Unread(); len(unread) > 0 {
		if c.out == nil {
			c.out = &outbox{}
		}
		c.out.unread = unread
	}
	if s.Answer {
		c.flags |= readPaused
	}
	s.Init(&c.Socket, c)
	if _, err := s.Run(&c.Socket); err != nil {
		c.Shut()
		return
	}
	c.decryptEarly()
	c.mu.Lock()
	over := c.fd >= 0 && c.watch() != nil
	c.mu.Unlock()
	if over {
		c.gone()
	}
}

// watch tells epoll what is waited for. The caller holds mu.
func (c *conn) watch() error {
	e := unix.EpollEvent{Events: unix.EPOLLRDHUP}
	if c.flags&readPaused == 0 {
		e.Events |= unix.EPOLLIN
	}
	c.flags &^= armed
	if c.out.waits() {
		e.Events |= unix.EPOLLOUT
		c.flags |= armed
	}
	setID(&e, c.ID())
	op := unix.EPOLL_CTL_MOD
	if c.flags&registered == 0 {
		op = unix.EPOLL_CTL_ADD
		c.flags |= registered
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(c.loop().fd, op, int(c.fd), &e))
}

// update tells epoll that something else is waited for, if it knows of the
// connection yet. The caller holds mu.
func (c *conn) update() error {
	if c.flags&registered == 0 {
		return nil
	}
	return c.watch()
}

// readable is called by the loop when there are bytes, or the client is gone.
func (c *conn) readable(buf []byte) {
	c.mu.Lock()
	if c.fd < 0 {
		c.mu.Unlock()
		return
	}
	switch {
	case c.flags&readPaused != 0, c.flags&resting != 0 && c.atEnd():
		c.mu.Unlock()
		c.gone()
		return
	case c.flags&resting != 0:
		c.resume()
		c.mu.Unlock()
		return
	case c.isSecure():
		c.mu.Unlock()
		c.decrypt(buf)
		return
	}
	n, errno := receive(c.fd, buf)
	discard := c.flags&ended != 0
	c.mu.Unlock()
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0 || n == 0:
		c.gone()
	case discard:
		c.ReceiveLate(buf[:n])
	default:
		c.Receive(buf[:n])
	}
}

// atEnd tells whether nothing more comes from the client. The caller holds mu.
func (c *conn) atEnd() bool {
	var b [1]byte
	n, _, err := unix.Recvfrom(int(c.fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n == 0 || err != nil && err != unix.EAGAIN
}

// gone ends the connection of a client that has closed its half.
func (c *conn) gone() {
	c.Close(actors.EndGone)
	c.Shut()
}

package eventloop

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"reddot/actors"
	"reddot/transports/streams"
)

// End implements actors.Sink: it writes what waits, then what the protocol
// says at the end, and closes the sending half. The rest is closed when the client
// has closed its half, or after Linger. A connection that is kept waits for the next
// request instead.
func (c *conn) End(why actors.End) {
	c.mu.Lock()
	switch {
	case c.fd < 0:
	case c.flags&resting != 0 && why == actors.EndDrain:
		c.close() // it would wait for a request that it may not serve
	case c.flags&ended != 0:
	case c.startEnd(why) != nil:
		c.giveUp()
	}
	over := c.fd < 0
	c.mu.Unlock()
	if over {
		c.Leave()
	}
}

// startEnd takes nothing more to send, and writes what the protocol says at the end. The caller holds mu.
func (c *conn) startEnd(why actors.End) error {
	c.flags |= ended
	if c.Keeps(why) {
		c.flags |= keep
	}
	last := c.AppendEnd(nil, why, c.flags&hasSent != 0)
	if len(last) > 0 {
		if err := c.write(last, false); err != nil {
			return err
		}
	}
	if c.isSecure() && c.flags&keep == 0 {
		if err := c.out.tls.conn.CloseWrite(); err != nil {
			return err
		}
	}
	if c.out.waits() {
		c.progressed()
		return nil
	}
	return c.finish()
}

// finish follows the last write. The caller holds mu.
func (c *conn) finish() error {
	if c.flags&keep != 0 {
		return c.rest()
	}
	if err := unix.Shutdown(int(c.fd), unix.SHUT_WR); err != nil {
		return os.NewSyscallError("shutdown", err)
	}
	c.SetTimeout(c.Config().Linger)
	c.flags &^= readPaused
	return c.update()
}

// rest waits for the next request, unless it is here already. The caller holds
// mu.
func (c *conn) rest() error {
	c.flags |= resting
	c.flags &^= readPaused
	c.Rest()
	if c.out != nil && c.out.unread != nil {
		c.resume()
		return nil
	}
	return c.update()
}

// resume returns the connection to the HTTP server, with what it has read of
// the next request. The caller holds mu.
func (c *conn) resume() {
	nc, err := c.netConn()
	var unread []byte
	var secure *tlsState
	if c.out != nil {
		unread, secure = c.out.unread, c.out.tls
	}
	c.close()
	if err != nil {
		c.loop().log.Debug("a connection could not be returned and is closed", "err", err)
		c.Leave()
		return
	}
	if tcp, ok := nc.(*net.TCPConn); ok && secure != nil {
		streams.RestoreTCP(secure.conn, tcp)
		nc = secure.conn
	}
	c.Resume(nc, unread)
}

// netConn returns the socket as Go's poller knows it, on a descriptor of
// its own.
func (c *conn) netConn() (net.Conn, error) {
	if c.flags&registered != 0 { // the duplicate would keep it in epoll
		if err := unix.EpollCtl(c.loop().fd, unix.EPOLL_CTL_DEL, int(c.fd), nil); err != nil {
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, firstFD)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	return net.FileConn(f)
}

// giveUp ends a connection that takes nothing more. The loop first reads what its
// client has sent, where the protocol takes that. The caller holds mu, and calls Leave
// without it if the descriptor is closed then.
func (c *conn) giveUp() {
	if c.fd < 0 {
		return
	}
	c.flags = c.flags&^(keep|readPaused) | ended
	if c.out != nil {
		c.out.Drop()
	}
	if !c.ReceivesLate() || c.update() != nil {
		c.close()
		return
	}
	c.SetTimeout(c.Config().Linger)
}

// readRest lets the loop read what the client has sent, and no more. False: the loop
// does so already, or the protocol does not take it. The caller holds mu.
func (c *conn) readRest() bool {
	if c.fd < 0 || c.flags&readShut != 0 || !c.ReceivesLate() {
		return false
	}
	c.flags |= readShut
	_ = unix.Shutdown(int(c.fd), unix.SHUT_RD) // an error says that the loop knows already
	c.giveUp()
	return c.fd >= 0
}

// Shut implements streams.Wire.
func (c *conn) Shut() {
	c.mu.Lock()
	c.close()
	c.mu.Unlock()
	c.Leave()
}

// close closes the descriptor, which takes it out of epoll. The caller holds
// mu, and calls Leave without it.
func (c *conn) close() {
	if c.fd < 0 {
		return
	}
	_ = unix.Close(int(c.fd))
	c.loop().carries.Add(-1)
	if c.out != nil {
		c.out.Drop()
	}
	c.fd, c.out = -1, nil
	c.flags |= ended
}

// SetProbes has the kernel probe the client (streams.Socket.Probe).
func (c *conn) SetProbes() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	return streams.ProbeDescriptor(int(c.fd))
}

// Timeout implements streams.Wire.
func (c *conn) Timeout() {
	c.mu.Lock()
	why, over := c.timedOut()
	left := over && !c.readRest()
	if left {
		c.close()
	}
	c.mu.Unlock()
	if over {
		c.Close(why)
	}
	if left {
		c.Leave()
	}
}

// timedOut tells whether the client has had its time, and with which reason it ends. The
// caller holds mu.
func (c *conn) timedOut() (why actors.End, over bool) {
	switch {
	case c.fd < 0 || c.flags&resting != 0:
		return 0, false
	case c.out.waits() && time.Since(c.out.progress) < c.writeTimeout():
		return 0, false // it has taken some just now
	case c.out.waits() && c.flags&ended == 0:
		return actors.EndSlow, true
	default:
		return actors.EndGone, c.out.waits() || c.flags&ended != 0
	}
}

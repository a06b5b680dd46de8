package eventloop

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"reddot/actors"
	"reddot/transports/streams"
)

// End implements actors.Sink: what waits goes first, then the last words, then
// the sending half closes; the rest follows when the client has closed too, or
// after Linger. A connection that is kept waits for the next request instead.
func (c *conn) End(why actors.End) {
	c.mu.Lock()
	switch {
	case c.fd < 0:
	case c.flags&resting != 0 && why == actors.EndDrain:
		c.close() // it would wait for a request that it may not serve
	case c.flags&ended != 0:
	case c.finalWords(why) != nil:
		c.giveUp()
	}
	over := c.fd < 0
	c.mu.Unlock()
	if over {
		c.Leave()
	}
}

// finalWords ends the sending. The caller holds mu.
func (c *conn) finalWords(why actors.End) error {
	c.flags |= ended
	if c.Keeps(why) {
		c.flags |= keep
	}
	last := c.AppendFarewell(nil, why, c.flags&spoken != 0)
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
		c.moved()
		return nil
	}
	return c.finish()
}

// finish is what follows the last words. The caller holds mu.
func (c *conn) finish() error {
	if c.flags&keep != 0 {
		return c.rest()
	}
	if err := unix.Shutdown(int(c.fd), unix.SHUT_WR); err != nil {
		return os.NewSyscallError("shutdown", err)
	}
	c.Patience(c.Config().Linger)
	c.flags &^= muted
	return c.update()
}

// rest waits for the next request, unless it is here already. The caller holds
// mu.
func (c *conn) rest() error {
	c.flags |= resting
	c.flags &^= muted
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
	nc, err := c.attachToGo()
	var unread []byte
	var secure *secured
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
		streams.Return(secure.conn, tcp)
		nc = secure.conn
	}
	c.Resume(nc, unread)
}

// attachToGo returns the socket as Go's poller knows it, on a descriptor of
// its own.
func (c *conn) attachToGo() (net.Conn, error) {
	if c.flags&watched != 0 { // the duplicate would keep it in epoll
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

// giveUp ends a connection that takes nothing more. Where what its client has sent
// is to be read first, the loop does that. The caller holds mu, and calls Leave
// without it if the descriptor is closed then.
func (c *conn) giveUp() {
	if c.fd < 0 {
		return
	}
	c.flags = c.flags&^(keep|muted) | ended
	if c.out != nil {
		c.out.Drop()
	}
	if !c.Heeds() || c.update() != nil {
		c.close()
		return
	}
	c.Patience(c.Config().Linger)
}

// hearOut lets the loop read what the client has sent, and no more. False: it was
// told so before, or it is of no interest. The caller holds mu.
func (c *conn) hearOut() bool {
	if c.fd < 0 || c.flags&heard != 0 || !c.Heeds() {
		return false
	}
	c.flags |= heard
	_ = unix.Shutdown(int(c.fd), unix.SHUT_RD) // an error says that the loop is told already
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
	why, over := c.late()
	left := over && !c.hearOut()
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

// late tells whether the client has had its time, and what that means. The
// caller holds mu.
func (c *conn) late() (why actors.End, over bool) {
	switch {
	case c.fd < 0 || c.flags&resting != 0:
		return 0, false
	case c.out.waits() && time.Since(c.out.moved) < c.patience():
		return 0, false // it has taken some just now
	case c.out.waits() && c.flags&ended == 0:
		return actors.EndSlow, true
	default:
		return actors.EndGone, c.out.waits() || c.flags&ended != 0
	}
}

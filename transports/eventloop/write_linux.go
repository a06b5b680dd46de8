package eventloop

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"reddot/actors"
	"reddot/transports/streams"
)

// maxWritev is how many chunks leave in one system call.
const maxWritev = 64

// An outbox is what waits to be written. A conn has one only while something waits,
// or while it isNeeded.
type outbox struct {
	streams.Backlog
	progress time.Time
	unread   []byte    // read from the client, and not for the protocol
	tls      *tlsState // nil: what is written is plain
}

func (o *outbox) waits() bool { return o != nil && o.Size() > 0 }

// isNeeded tells whether the outbox is needed while nothing waits.
func (o *outbox) isNeeded() bool { return o.unread != nil || o.tls != nil }

// add lets b wait, which Grow has counted: the records of one Send as one.
func (o *outbox) add(b []byte, shared bool) {
	if shared {
		o.Share(b)
		return
	}
	if o.tls != nil {
		if o.tls.parts++; o.tls.parts > 1 {
			o.Join(b)
			return
		}
	}
	o.Add(b)
}

// pending returns how many bytes wait. The caller holds mu.
func (c *conn) pending() int {
	if c.out == nil {
		return 0
	}
	return c.out.Size()
}

// Send implements actors.Sink. Several may call it at a time, which Sink does not
// ask for: a protocol's answers go out between the pushes.
func (c *conn) Send(frames []byte) (pending int, err error) { return c.send(frames, false) }

// SendShared implements streams.Wire.
func (c *conn) SendShared(frames []byte) (pending int, err error) { return c.send(frames, true) }

func (c *conn) send(frames []byte, shared bool) (pending int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fd < 0 || c.flags&ended != 0:
		return c.pending(), net.ErrClosed
	case len(frames) == 0:
		return c.pending(), nil
	case c.out != nil && c.out.IsFull(len(frames), c.Config().MaxBytes):
		return c.pending(), actors.ErrSlow
	}
	c.flags |= hasSent
	if err := c.write(frames, shared); err != nil {
		if errors.Is(err, actors.ErrSlow) {
			c.close() // perhaps within a frame: the client could not read what came after
			err = net.ErrClosed
		}
		return 0, err
	}
	return c.pending(), nil
}

// write writes or keeps b, itself if it is shared. The caller holds mu.
func (c *conn) write(b []byte, shared bool) error {
	if c.isSecure() {
		c.out.tls.parts = 0
		_, err := c.out.tls.conn.Write(b)
		return err
	}
	return c.writeRaw(b, shared)
}

// writeRaw is write without TLS.
func (c *conn) writeRaw(b []byte, shared bool) error {
	first := !c.out.waits()
	if first {
		n, err := send(c.fd, b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	if len(b) == 0 {
		return nil
	}
	if c.out == nil {
		c.out = &outbox{}
	}
	if c.flags&ended != 0 {
		c.out.Force(len(b), c)
	} else if err := c.out.Grow(len(b), c); err != nil {
		return err
	}
	c.out.add(b, shared)
	if !first {
		return nil
	}
	c.progressed()
	return c.update()
}

// progressed notes that the client has taken something, and gives it time for more. The caller holds mu.
func (c *conn) progressed() {
	c.out.progress = time.Now()
	c.SetTimeout(c.writeTimeout())
}

// writeTimeout returns how long the client may take nothing.
func (c *conn) writeTimeout() time.Duration {
	if c.flags&ended != 0 && c.flags&keep == 0 {
		return c.Config().Grace
	}
	return c.Config().Stall
}

// writable is called by the loop when a socket that was full has room.
func (c *conn) writable() {
	c.mu.Lock()
	if c.fd < 0 || !c.out.waits() {
		c.mu.Unlock()
		return
	}
	err := c.flush()
	drained := err == nil && !c.out.waits() && c.flags&ended == 0
	if err == nil && !c.out.waits() {
		err = c.drained()
	}
	c.mu.Unlock()
	switch {
	case err != nil:
		c.unwritable()
	case drained:
		c.Drained()
	}
}

// unwritable ends the connection of a client that takes nothing more.
func (c *conn) unwritable() {
	c.mu.Lock()
	c.giveUp()
	over := c.fd < 0
	c.mu.Unlock()
	c.Close(actors.EndGone)
	if over {
		c.Leave()
	}
}

// flush writes what the socket takes. The caller holds mu.
func (c *conn) flush() error {
	o := c.out
	for o.waits() {
		n, err := unix.Writev(int(c.fd), o.Chunks()[:min(len(o.Chunks()), maxWritev)])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return nil
		case err != nil:
			return os.NewSyscallError("writev", err)
		}
		o.Written(n)
		if c.flags&ended == 0 || c.flags&keep != 0 {
			c.progressed()
		}
	}
	return nil
}

// drained follows the write after which nothing waits. The caller holds mu.
func (c *conn) drained() error {
	if !c.out.isNeeded() {
		c.out = nil
	}
	c.SetTimeout(0)
	if c.flags&ended != 0 {
		return c.finish()
	}
	return c.update()
}

// send writes what the socket takes; taking nothing is no error. The call can't
// block, so the scheduler need not know of it.
func send(fd int32, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), //nolint:gosec // G103: as package syscall does
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("sendto", errno)
		}
	}
}

// receive reads what is there. The call can't block, so the scheduler need not
// know of it.
func receive(fd int32, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), //nolint:gosec // G103: as package syscall does
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

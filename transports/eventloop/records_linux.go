package eventloop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"reddot/transports/streams"
)

// readsAtOnce is how many system calls one event may use to read the records of
// one connection. What is left over is reported again, behind the others' events.
const readsAtOnce = 8

// tlsState is the TLS of a connection whose records the loop moves.
type tlsState struct {
	conn  *tls.Conn
	reads int // how many are left for the event under way
	parts int // in how many the Send under way waits
}

// records are the bytes under a conn's TLS. The caller holds the conn's lock, as
// does whoever calls package tls.
type records conn

var _ streams.Records = (*records)(nil)

// Read implements streams.Records.
func (r *records) Read(b []byte) (int, error) {
	if r.fd < 0 {
		return 0, net.ErrClosed
	}
	if r.out.tls.reads--; r.out.tls.reads < 0 {
		return 0, streams.ErrNothingYet
	}
	n, errno := receive(r.fd, b)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return 0, streams.ErrNothingYet
	case errno != 0:
		return 0, os.NewSyscallError("recvfrom", errno)
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements streams.Records.
func (r *records) Write(b []byte) (int, error) {
	c := (*conn)(r)
	if c.fd < 0 {
		return 0, net.ErrClosed
	}
	if err := c.writeRaw(b, false); err != nil {
		return 0, err
	}
	return len(b), nil
}

// isSecure tells whether there is TLS on the connection. The caller holds mu.
func (c *conn) isSecure() bool { return c.out != nil && c.out.tls != nil }

// decrypt hands over what has come in whole records.
func (c *conn) decrypt(buf []byte) {
	first := true
	for {
		c.mu.Lock()
		if c.fd < 0 || !c.isSecure() {
			c.mu.Unlock()
			return
		}
		if first {
			c.out.tls.reads, first = readsAtOnce, false
		}
		n, err := c.out.tls.conn.Read(buf)
		discard := c.flags&ended != 0
		c.mu.Unlock()
		switch {
		case n > 0 && discard:
			c.ReceiveLate(buf[:n])
		case n > 0:
			c.Receive(buf[:n])
		}
		switch {
		case errors.Is(err, streams.ErrNothingYet):
			return
		case err != nil:
			c.gone()
			return
		}
	}
}

// decryptEarly hands over what TLS holds already: a client's first bytes may come
// with the end of its handshake, and no event tells of them. The loop does not
// read yet.
func (c *conn) decryptEarly() {
	c.mu.Lock()
	wanted := c.isSecure() && c.flags&readPaused == 0
	c.mu.Unlock()
	if wanted {
		buf := earlyBuffers.Get().(*[]byte)
		c.decrypt(*buf)
		earlyBuffers.Put(buf)
	}
}

// earlyBuffers are between two beginnings.
var earlyBuffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// carrySecure takes over a connection with TLS that came by streams.Parking.
func (l *Loop) carrySecure(nc *tls.Conn, s *streams.Start, tcp *net.TCPConn) error {
	fd, err := detach(tcp)
	if err != nil {
		return err
	}
	c := &conn{place: l.choose(), fd: fd, out: &outbox{tls: &tlsState{conn: nc}}}
	streams.MoveRecords(nc, (*records)(c))
	c.begin(s)
	return nil
}

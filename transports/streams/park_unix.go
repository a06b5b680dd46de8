//go:build unix

package streams

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Parking returns a listener for tls.NewListener. An idle TLS connection from
// it waits in a goroutine that holds neither a buffer nor the deep stack of
// package tls, which together are more than all the rest.
func Parking(ln net.Listener) net.Listener { return parkingListener{ln} }

type parkingListener struct{ net.Listener }

// Accept implements net.Listener.
func (l parkingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &parkable{TCPConn: tcp}, nil
	}
	return c, err
}

// A parkable is a TCP connection under TLS. It blocks in Read as others do,
// until park: from then on Read says ErrNothingYet instead. Records may take the
// TCP connection's place.
type parkable struct {
	*net.TCPConn // nil: there are records
	records      Records
	parks        atomic.Bool
	waiter       waiter
}

func (p *parkable) under() *net.TCPConn { return p.TCPConn }

func (p *parkable) move(tcp *net.TCPConn, r Records) { p.TCPConn, p.records = tcp, r }

// A waiter reads when there is something to read.
type waiter interface {
	// readable reads until ErrNothingYet, or until the end.
	readable() error
	// over says that nothing more is read, and why.
	over(err error)
}

// parkableOf returns what is under a TLS connection, or nil if it does not park.
func parkableOf(conn net.Conn) *parkable {
	if secure, ok := conn.(*tls.Conn); ok {
		p, _ := secure.NetConn().(*parkable)
		return p
	}
	return nil
}

// Read implements net.Conn.
func (p *parkable) Read(b []byte) (n int, err error) {
	if p.records != nil {
		return p.records.Read(b)
	}
	if !p.parks.Load() {
		return p.TCPConn.Read(b)
	}
	raw, err := p.SyscallConn()
	if err != nil {
		return 0, err
	}
	r := tryReader{b: b}
	if err := raw.Read(r.attempt); err != nil {
		return 0, err
	}
	return r.n, r.err
}

// Write implements net.Conn.
func (p *parkable) Write(b []byte) (int, error) {
	if p.records != nil {
		return p.records.Write(b)
	}
	return p.TCPConn.Write(b)
}

// Close implements net.Conn.
func (p *parkable) Close() error {
	if p.TCPConn == nil {
		return nil
	}
	return p.TCPConn.Close()
}

// SetDeadline implements net.Conn. Where nothing waits there is none.
func (p *parkable) SetDeadline(t time.Time) error {
	if p.TCPConn == nil {
		return nil
	}
	return p.TCPConn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (p *parkable) SetReadDeadline(t time.Time) error {
	if p.TCPConn == nil {
		return nil
	}
	return p.TCPConn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (p *parkable) SetWriteDeadline(t time.Time) error {
	if p.TCPConn == nil {
		return nil
	}
	return p.TCPConn.SetWriteDeadline(t)
}

// tryReader reads once, without waiting.
type tryReader struct {
	b   []byte
	n   int
	err error
}

func (r *tryReader) attempt(fd uintptr) bool {
	var err error
	for {
		r.n, err = syscall.Read(int(fd), r.b)
		if err != syscall.EINTR {
			break
		}
	}
	r.n = max(r.n, 0)
	switch {
	case err == syscall.EAGAIN:
		r.err = ErrNothingYet
	case err != nil:
		r.err = os.NewSyscallError("read", err)
	case r.n == 0 && len(r.b) > 0:
		r.err = io.EOF
	}
	return true
}

// park lets w read from now on, each time that there is something.
func (p *parkable) park(w waiter) {
	p.waiter = w
	p.parks.Store(true)
	go p.take(nil) // TLS may hold what has come already
}

// unpark lets Read block again.
func (p *parkable) unpark() { p.parks.Store(false) }

// await waits until there is something to read. It runs in a goroutine of its
// own, whose stack has never been deep.
func (p *parkable) await() {
	raw, err := p.SyscallConn()
	if err == nil {
		err = raw.Read(isReadable)
	}
	go p.take(err)
}

// take lets the waiter read, unless err says that the connection is over.
func (p *parkable) take(err error) {
	if err == nil {
		err = p.waiter.readable()
	}
	if errors.Is(err, ErrNothingYet) {
		go p.await()
		return
	}
	p.waiter.over(err)
}

// isReadable tells whether a read would not wait; false makes the runtime wait
// for more bytes, and ask again.
func isReadable(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err != syscall.EAGAIN && err != syscall.EINTR
}

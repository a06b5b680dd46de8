//go:build unix

package streams

import (
	"io"
	"net"
	"os"
	"syscall"
)

// A tryWriter writes to a socket as much as the kernel takes at once. Its zero
// value is not usable.
type tryWriter struct {
	raw syscall.RawConn
	fn  func(fd uintptr) bool // made once: a closure per write would be garbage
	b   []byte
	n   int
	err error
}

// init makes the writer usable if the connection is a bare socket. A TLS
// connection is none: its records are not ours to cut.
func (t *tryWriter) init(conn net.Conn) {
	t.raw = rawConn(conn)
	if t.raw != nil {
		t.fn = t.attempt
	}
}

func (t *tryWriter) usable() bool { return t.raw != nil }

// write returns how many bytes the socket took. Taking none is no error.
func (t *tryWriter) write(b []byte) (int, error) {
	t.b, t.n, t.err = b, 0, nil
	err := t.raw.Write(t.fn)
	if err == nil {
		err = t.err
	}
	t.b = nil
	return t.n, err
}

// attempt says that it is done also where the socket is full: else the runtime
// would wait for room.
func (t *tryWriter) attempt(fd uintptr) bool {
	for t.n < len(t.b) {
		n, err := syscall.Write(int(fd), t.b[t.n:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			t.err = os.NewSyscallError("write", err)
			return true
		default:
			t.n += n
			if t.n < len(t.b) {
				return true // the socket is full: the next attempt would only say so
			}
		}
	}
	return true
}

// readSocket calls receive with what the client sends, until receive refuses
// or the connection ends; the client's half of it suffices. The buffer is
// taken when there is something to read, so a silent client holds none.
func readSocket(conn net.Conn, receive func([]byte) error) error {
	raw := rawConn(conn)
	if raw == nil {
		return readConn(conn, receive)
	}
	r := parkedReader{}
	attempt := r.attempt
	for {
		if err := raw.Read(attempt); err != nil {
			return err
		}
		// Not within Read: it keeps the descriptor from closing, and receive
		// may well close it.
		err := r.err
		if err == nil {
			err = receive((*r.buf)[:r.n])
		}
		readBuffers.Put(r.buf)
		r.buf = nil
		if err != nil {
			return err
		}
	}
}

type parkedReader struct {
	buf *[readBufferSize]byte
	n   int
	err error
}

// attempt reads once; false makes the runtime wait for more bytes.
func (r *parkedReader) attempt(fd uintptr) bool {
	r.buf = readBuffers.Get().(*[readBufferSize]byte)
	var err error
	for {
		r.n, err = syscall.Read(int(fd), r.buf[:])
		if err != syscall.EINTR {
			break
		}
	}
	switch {
	case err == syscall.EAGAIN:
		readBuffers.Put(r.buf)
		r.buf = nil
		return false
	case err != nil:
		r.err = os.NewSyscallError("read", err)
	case r.n == 0:
		r.err = io.EOF
	}
	return true
}

// rawConn returns the socket's descriptor under Go's poller, or nil.
func rawConn(conn net.Conn) syscall.RawConn {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		if raw, err := conn.(syscall.Conn).SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

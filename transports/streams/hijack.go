package streams

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// readBufferSize fits the frames that clients send; longer ones come in pieces.
const readBufferSize = 4 << 10

var readBuffers = sync.Pool{New: func() any { return new([readBufferSize]byte) }}

// maxEarly bounds what a client may send right behind its request, in bytes.
const maxEarly = 64 << 10

// takeOver returns the connection under one that fasthttp has handed over, and
// the bytes that were already read from it. Afterwards nothing of fasthttp's,
// its read buffer least of all, is held for as long as the connection lives.
//
// The server must be set to KeepHijackedConns.
func takeOver(hijacked net.Conn) (conn net.Conn, early []byte, err error) {
	conn = hijacked
	if h, ok := hijacked.(interface{ UnsafeConn() net.Conn }); ok {
		conn = h.UnsafeConn()
	}
	for c, ok := conn.(rereader); ok; c, ok = conn.(rereader) {
		conn = c.inner()
	}
	// With its time over, reading yields what is buffered and nothing else.
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return conn, nil, fmt.Errorf("take over the connection: %w", err)
	}
	var b [512]byte
	for {
		n, err := hijacked.Read(b[:])
		early = append(early, b[:n]...)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return conn, early, conn.SetReadDeadline(time.Time{})
		case err != nil:
			return conn, early, fmt.Errorf("take over the connection: %w", err)
		case len(early) > maxEarly:
			return conn, early, fmt.Errorf("take over the connection: more than %d bytes behind the request", maxEarly)
		}
	}
}

// readConn is readSocket for what is no bare socket: it holds a buffer and
// waits in Read.
func readConn(conn io.Reader, receive func([]byte) error) error {
	b := readBuffers.Get().(*[readBufferSize]byte)
	defer readBuffers.Put(b)
	for {
		n, err := conn.Read(b[:])
		if n > 0 {
			if err := receive(b[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

package streams

import (
	"crypto/tls"
	"net"
)

// resumed returns the connection with bytes that were read from it already:
// those that a client has sent behind its request.
func resumed(conn net.Conn, unread []byte) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return &resumedTLS{secure, unread}
	}
	return &resumedConn{conn, unread}
}

// A rereader is a connection which has bytes to be read before those that its
// inner one has.
type rereader interface{ inner() net.Conn }

type resumedConn struct {
	net.Conn
	unread []byte
}

// Read implements net.Conn.
func (c *resumedConn) Read(b []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(b)
	}
	return reread(b, &c.unread), nil
}

func (c *resumedConn) inner() net.Conn { return c.Conn }

// A resumedTLS is seen to be TLS by the HTTP server.
type resumedTLS struct {
	*tls.Conn
	unread []byte
}

// Read implements net.Conn.
func (c *resumedTLS) Read(b []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(b)
	}
	return reread(b, &c.unread), nil
}

func (c *resumedTLS) inner() net.Conn { return c.Conn }

func reread(b []byte, unread *[]byte) int {
	n := copy(b, *unread)
	*unread = (*unread)[n:]
	return n
}

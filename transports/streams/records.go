package streams

import (
	"crypto/tls"
	"net"
)

// ErrNothingYet says that a connection which does not wait has nothing to read.
// Package tls keeps the part of a record that it has, since the error is
// temporary.
var ErrNothingYet net.Error = nothingYet{}

type nothingYet struct{}

// Error implements error.
func (nothingYet) Error() string { return "nothing to read yet" }

// Timeout implements net.Error.
func (nothingYet) Timeout() bool { return true }

// Temporary implements net.Error: package tls may go on.
func (nothingYet) Temporary() bool { return true }

// Records moves the records of a TLS connection in the place of its TCP
// connection. Neither method waits: Read says ErrNothingYet where it would, and
// Write keeps what the socket does not take.
type Records interface {
	Read(b []byte) (int, error)
	Write(b []byte) (int, error)
}

// UnderlyingTCP returns the TCP connection below one of TLS that came by Parking; nil:
// it did not, or others move its records.
func UnderlyingTCP(conn *tls.Conn) *net.TCPConn {
	if p, ok := conn.NetConn().(*parkable); ok {
		return p.under()
	}
	return nil
}

// MoveRecords lets r move the records of a connection for which Under has found a TCP
// connection, which is forgotten.
func MoveRecords(conn *tls.Conn, r Records) { conn.NetConn().(*parkable).move(nil, r) }

// RestoreTCP lets a TCP connection move the records again.
func RestoreTCP(conn *tls.Conn, tcp *net.TCPConn) { conn.NetConn().(*parkable).move(tcp, nil) }

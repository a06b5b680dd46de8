//go:build !unix

package streams

import "net"

// A tryWriter is for systems where a socket can be written without blocking.
// This is none.
type tryWriter struct{}

func (*tryWriter) init(net.Conn) {}

func (*tryWriter) usable() bool { return false }

func (*tryWriter) write([]byte) (int, error) { return 0, nil }

// readSocket calls receive with what the client sends, until receive refuses
// or the connection ends.
func readSocket(conn net.Conn, receive func([]byte) error) error { return readConn(conn, receive) }

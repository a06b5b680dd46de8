//go:build !linux

package streams

import (
	"fmt"
	"net"
	"syscall"
)

// tune sets the kernel's bound for a client that does not read.
func tune(cfg *SinkConfig, conn net.Conn) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	if err := tcp.SetWriteBuffer(cfg.SendBuffer); err != nil {
		return fmt.Errorf("send buffer: %w", err)
	}
	return nil
}

// probe has the kernel probe the client by TCP keep-alive, in its own pauses.
func probe(conn net.Conn) error {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // tls.Conn
		conn = wrapped.NetConn()
	}
	if p, ok := conn.(interface{ SetKeepAlive(bool) error }); ok {
		return p.SetKeepAlive(true)
	}
	return nil
}

// ControlListener is for net.ListenConfig.Control; here the kernel's defaults hold.
func ControlListener(string, string, syscall.RawConn) error { return nil }

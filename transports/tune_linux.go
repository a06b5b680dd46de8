package transports

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// tune sets the kernel's bounds for a client that does not read, or is gone
// without a word.
func tune(cfg *SinkConfig, conn net.Conn) error {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // tls.Conn
		conn = wrapped.NetConn()
	}
	if p, ok := conn.(*parkable); ok {
		conn = p.TCPConn
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	if err := tcp.SetWriteBuffer(cfg.SendBuffer); err != nil {
		return fmt.Errorf("send buffer: %w", err)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return fmt.Errorf("user timeout: %w", err)
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(cfg.UserTimeout.Milliseconds())) // #nosec G115 -- a descriptor is a small number
	})
	if err == nil {
		err = set
	}
	if err != nil {
		return fmt.Errorf("user timeout: %w", err)
	}
	return nil
}

// ControlListener gives what is accepted by a socket that listens the kernel's send
// buffer of a stream (SinkConfig.SendBuffer), for net.ListenConfig.Control: an answer
// that nobody reads would fill megabytes of the kernel's otherwise.
func ControlListener(_, _ string, c syscall.RawConn) error {
	var set error
	size := SinkConfig{}.withDefaults().SendBuffer
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, size) // #nosec G115 -- a descriptor is a small number
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", set)
}

package streams

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tune sets the kernel's bounds for a client that does not read, or is gone
// without a word.
func tune(cfg *SinkConfig, conn net.Conn) error {
	tcp := tcpOf(conn)
	if tcp == nil {
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
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(cfg.UserTimeout.Milliseconds()))
	})
	if err == nil {
		err = set
	}
	if err != nil {
		return fmt.Errorf("user timeout: %w", err)
	}
	return nil
}

// tcpOf returns the TCP connection below a TLS one; nil: there is none.
func tcpOf(conn net.Conn) *net.TCPConn {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // tls.Conn
		conn = wrapped.NetConn()
	}
	if p, ok := conn.(*parkable); ok {
		return p.TCPConn
	}
	tcp, _ := conn.(*net.TCPConn)
	return tcp
}

// How the kernel probes a client that need say nothing: when nothing has come for
// probeIdle, and then every probeEvery. Without an answer to any of some probes it
// gives up, after maxSilence in all.
const (
	probeIdle  = 2 * time.Minute
	probeEvery = 15 * time.Second
	maxSilence = 3 * time.Minute
)

// ProbeDescriptor sets TCP keep-alive on a socket (Socket.Probe).
func ProbeDescriptor(fd int) error {
	for _, o := range [...]struct {
		name               string
		level, option, set int
	}{
		{"keep-alive", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"keep-alive idle", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(probeIdle / time.Second)},
		{"keep-alive interval", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(probeEvery / time.Second)},
		// It bounds the probes in the place of their number (tcp(7)): by that of all
		// streams one lost probe would be the end.
		{"user timeout", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(maxSilence.Milliseconds())},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.set); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

func probe(conn net.Conn) error {
	tcp := tcpOf(conn)
	if tcp == nil {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = ProbeDescriptor(int(fd)) })
	return errors.Join(err, set)
}

// ControlListener gives what is accepted by a socket that listens the kernel's send
// buffer of a stream (SinkConfig.SendBuffer), for net.ListenConfig.Control: an answer
// that nobody reads would fill megabytes of the kernel's otherwise.
func ControlListener(_, _ string, c syscall.RawConn) error {
	var set error
	size := SinkConfig{}.withDefaults().SendBuffer
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, size)
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", set)
}

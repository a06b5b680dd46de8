package app

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// noProbes keeps the system from probing idle connections. Each transport finds
// out by itself who is dead, and many probes at once do harm: those of thousands
// of connections that came together overflow the loopback's queue, and where
// TCP_USER_TIMEOUT is set one that is lost ends its connection.
const noProbes = -1

// The pauses of a patientListener.
const (
	firstPatience = 5 * time.Millisecond
	lastPatience  = time.Second
)

// A patientListener waits where Accept fails for lack of something, of file
// descriptors most often. fasthttp would take that for the end, and the server
// would stay deaf when its clients have gone again.
type patientListener struct {
	net.Listener
	log *slog.Logger
}

// Accept implements net.Listener.
func (l *patientListener) Accept() (net.Conn, error) {
	for pause := firstPatience; ; pause = min(2*pause, lastPatience) {
		c, err := l.Listener.Accept()
		if err == nil || !isShortage(err) {
			return c, err
		}
		l.log.Error("a connection could not be accepted; waiting", "err", err, "pause", pause)
		time.Sleep(pause)
	}
}

// isShortage tells whether Accept may succeed later (accept(2)).
func isShortage(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

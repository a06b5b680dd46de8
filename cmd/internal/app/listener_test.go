package app

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
)

// starved is a listener that lacks descriptors for a while.
type starved struct {
	net.Listener
	times int
}

func (s *starved) Accept() (net.Conn, error) {
	if s.times--; s.times >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return nil, net.ErrClosed
}

func TestPatientListener(t *testing.T) {
	inner := &starved{times: 3}
	l := &patientListener{Listener: inner, log: slog.New(slog.DiscardHandler)}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want the error that lasts", err)
	}
	if inner.times != -1 {
		t.Errorf("Accept was tried with %d shortages left", inner.times+1)
	}
}

package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/transports/streams"
)

// noProbes keeps the system from probing idle connections. Each transport finds
// out by itself who is dead, and many probes at once do harm: those of thousands
// of connections that came together overflow the loopback's queue, and where
// TCP_USER_TIMEOUT is set one that is lost ends its connection. Clients that need
// say nothing have probes of their own (streams.Socket.Probe).
const noProbes = -1

// The pauses of a patientListener. Where the system lacks something, it takes
// time until there is some again. All other errors concern one connection, and
// the next one is not kept waiting.
const (
	firstPause       = time.Millisecond
	maxPause         = 20 * time.Millisecond
	maxShortagePause = time.Second
)

// A retryListener calls Accept again where it fails: because the system lacks
// something, most often descriptors, or because one connection failed before it was
// accepted. A server would take such an error for the end, and accept nothing more.
// Accept returns only an error that can never pass: it is closed, or no listener.
type retryListener struct {
	net.Listener
	log    *slog.Logger
	failed *prometheus.CounterVec // by the listener and by what failed; nil: not counted
	name   string                 // what it listens for
	seldom actors.Throttle
	closed chan struct{}
	once   sync.Once
}

// listenTCP listens on an address, for what name says.
func (a *App) listenTCP(ctx context.Context, name, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: noProbes, Control: streams.ControlListener}
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if below := a.forTests.listener; below != nil {
		ln = below(ln)
	}
	return newRetryListener(ln, name, a.log, a.unaccepted), nil
}

// listenUnix listens on a socket of this machine, for what name says.
func (a *App) listenUnix(ctx context.Context, name, path string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return newRetryListener(ln, name, a.log, a.unaccepted), nil
}

func newRetryListener(ln net.Listener, name string, log *slog.Logger, failed *prometheus.CounterVec) *retryListener {
	return &retryListener{Listener: ln, log: log, failed: failed, name: name, closed: make(chan struct{})}
}

// newUnaccepted returns the counter of connections that could not be accepted.
func newUnaccepted(r prometheus.Registerer) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "reddot_accept_errors_total",
		Help: "Connections that could not be accepted, by listener. Cause shortage: the system lacks descriptors or memory; connection: that one had failed.",
	}, []string{"listener", "cause"})
	r.MustRegister(v)
	return v
}

// Accept implements net.Listener.
func (l *retryListener) Accept() (net.Conn, error) {
	for pause := firstPause; ; pause *= 2 {
		c, err := l.Listener.Accept()
		if err == nil || isFinal(err) {
			return c, err
		}
		most, cause := maxPause, "connection"
		if isAny(err, shortages) {
			most, cause = maxShortagePause, "shortage"
		}
		if l.failed != nil {
			l.failed.WithLabelValues(l.name, cause).Inc()
		}
		if missed, ok := l.seldom.Allow(); ok {
			l.log.Error("a connection could not be accepted; the server goes on", "listener", l.name, "err", err, "others", missed)
		}
		pause = min(pause, most)
		select {
		case <-time.After(pause):
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
}

// Close implements net.Listener.
func (l *retryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// shortages are what passes when others give back what they hold (accept(2)).
var shortages = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}

// finals say that this is no listener, or none any more. All else that accept(2)
// names passes; ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH, EPERM and others
// are of the connection that it was about to return.
var finals = []syscall.Errno{syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EFAULT}

func isFinal(err error) bool { return errors.Is(err, net.ErrClosed) || isAny(err, finals) }

func isAny(err error, list []syscall.Errno) bool {
	for _, e := range list {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

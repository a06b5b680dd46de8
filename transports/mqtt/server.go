package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports"
	"reddot/transports/auth"
	"reddot/transports/streams"
)

// Deps are what the Server needs of the node.
type Deps struct {
	Router     actors.Router
	Topics     *topic.Broker
	Streams    *streams.Streams
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no figures
	Now        func() int64          // the wall clock, unix milliseconds; nil: the machine's
}

// now returns the wall clock's time in unix milliseconds, by which messages
// expire. How long something takes is measured from Server.began.
func (s *Server) now() int64 {
	if s.deps.Now == nil {
		return time.Now().UnixMilli()
	}
	return s.deps.Now()
}

// Access is who is let in, which a reload may replace.
type Access struct {
	Auth *auth.Auth
	Gate *transports.Gate
	Dev  bool // anybody, as any user
}

// A Server serves MQTT. It is safe for concurrent use.
type Server struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	began   time.Time
	access  atomic.Pointer[Access]
	routed  routed

	nobodies anonymousCallers

	mu         sync.Mutex
	listeners  map[net.Listener]chan struct{}
	handshakes map[net.Conn]struct{} // of TLS, under way
	shaking    sync.WaitGroup
	closed     bool
}

// New returns a Server; Use must be called before Serve.
func New(cfg Config, deps Deps) (*Server, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	m, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	s := &Server{cfg: cfg, deps: deps, metrics: m, began: time.Now(), listeners: map[net.Listener]chan struct{}{}, handshakes: map[net.Conn]struct{}{}}
	s.nobodies.seed = maphash.MakeSeed()
	return s, nil
}

// Use puts another access in force. Connections that are there stay.
func (s *Server) Use(a Access) { s.access.Store(&a) }

// Serve takes connections from the listener until Close, after which it
// returns nil.
func (s *Server) Serve(ln net.Listener) error {
	done := make(chan struct{})
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ln.Close()
	}
	s.listeners[ln] = done
	s.mu.Unlock()
	defer close(done)
	for {
		conn, err := ln.Accept()
		switch {
		case err != nil && errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("mqtt: %w", err)
		}
		if err := s.open(conn); err != nil {
			s.deps.Log.Debug("connection not opened", "cause", err)
			_ = conn.Close()
		}
	}
}

// Close takes no more connections, and waits for its Serves to return. Those
// that are open belong to the Streams.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	list := s.listeners
	s.listeners = nil
	for conn := range s.handshakes {
		_ = conn.Close()
	}
	s.mu.Unlock()
	var errs []error
	for ln, done := range list {
		errs = append(errs, ln.Close())
		<-done
	}
	s.shaking.Wait()
	return errors.Join(errs...)
}

// isClosed tells whether Close was called.
func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// open lets a connection begin, one with TLS once that is agreed on.
func (s *Server) open(conn net.Conn) error {
	place, err := s.deps.Streams.AdmitFrom(address(conn), "mqtt", nil, "")
	if err != nil {
		return err
	}
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return s.begin(conn, place, s.cfg.ConnectTimeout)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		place.Release()
		return net.ErrClosed
	}
	s.handshakes[conn] = struct{}{}
	s.shaking.Go(func() { s.handshake(secure, place) })
	return nil
}

// handshake agrees on TLS, in the time that a client has for its CONNECT.
func (s *Server) handshake(conn *tls.Conn, place *streams.Place) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.ConnectTimeout)
	err := conn.HandshakeContext(ctx)
	cancel()
	s.mu.Lock()
	delete(s.handshakes, conn)
	s.mu.Unlock()
	if err != nil {
		place.Release()
	} else {
		err = s.begin(conn, place, max(s.cfg.ConnectTimeout-time.Since(began), time.Millisecond))
	}
	if err != nil {
		s.deps.Log.Debug("connection not opened", "cause", err)
		_ = conn.Close()
	}
}

// begin makes the connection a Socket, of whose client nothing is known yet.
func (s *Server) begin(conn net.Conn, place *streams.Place, timeout time.Duration) error {
	err := place.Open(conn, nil, streams.Opening{Protocol: &session{server: s}, Timeout: timeout})
	if err != nil {
		place.Release()
	}
	return err
}

// address returns where a connection comes from, or the zero Addr.
func address(conn net.Conn) netip.Addr {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// anonymousCallers are callers without a token, each at its user's hash's place, for the
// next connection of the same.
type anonymousCallers struct {
	seed  maphash.Seed
	table [sharedAnonymous]atomic.Pointer[transports.Principal]
}

// sharedAnonymous is how many are remembered.
const sharedAnonymous = 1 << 12

func (n *anonymousCallers) at(user string) *atomic.Pointer[transports.Principal] {
	return &n.table[maphash.String(n.seed, user)%sharedAnonymous]
}

// of returns the caller that stands for the user, in dev mode or not; nil: it
// is to be made.
func (n *anonymousCallers) of(user string, dev bool) *transports.Principal {
	if p := n.at(user).Load(); p != nil && p.User == user && (p.Kind == transports.Developer) == dev {
		return p
	}
	return nil
}

func (n *anonymousCallers) add(p *transports.Principal) { n.at(p.User).Store(p) }

// routed are the messages with QoS 2 that were published and whose release is
// not written down yet, by their keys: a client that sends one again on another
// connection has not published another.
type routed struct {
	mu    sync.Mutex
	keys  map[[16]byte]struct{}
	order [][16]byte
}

// maxRouted bounds them. One that falls out is published again under its key,
// and so is no second message to those who outlive a crash.
const maxRouted = 1 << 16

func (r *routed) add(key [16]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = map[[16]byte]struct{}{}
	}
	if _, ok := r.keys[key]; ok {
		return
	}
	if len(r.order) >= maxRouted {
		delete(r.keys, r.order[0])
		r.order = r.order[1:]
	}
	r.keys[key] = struct{}{}
	r.order = append(r.order, key)
}

func (r *routed) has(key [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.keys[key]
	return ok
}

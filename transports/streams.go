package transports

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// handover is how long fasthttp may take to hand over a connection whose
// client may have gone meanwhile.
const handover = 10 * time.Second

// StreamsConfig bounds the connections that stay.
type StreamsConfig struct {
	Sink SinkConfig
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Streams are the connections of this node that stay: fasthttp forgets those
// it hands over, so their number, their limits and their end are held here.
// It is safe for concurrent use.
type Streams struct {
	cfg  StreamsConfig
	hub  actors.Hub
	gate *Gate
	log  *slog.Logger

	mu       sync.Mutex
	places   map[*Place]struct{}
	counts   map[string]int
	draining bool
	empty    chan struct{} // closed when draining and no place is left
}

// NewStreams returns the registry of one node's connections.
func NewStreams(cfg StreamsConfig, hub actors.Hub, gate *Gate, log *slog.Logger) *Streams {
	cfg.Sink = cfg.Sink.withDefaults()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Streams{cfg: cfg, hub: hub, gate: gate, log: log,
		places: map[*Place]struct{}{}, counts: map[string]int{}, empty: make(chan struct{})}
}

// A Place is the right to one connection that stays. It is given back by Leave.
type Place struct {
	streams   *Streams
	transport string
	from      netip.Addr
	caller    *Principal
	key       actors.Key
	since     int64 // unix milliseconds
	timer     *time.Timer
	closer    closer // nil until the connection stands; guarded by streams.mu
	left      bool   // guarded by streams.mu
}

// closer is a connection that stays.
type closer interface{ Close(why actors.End) }

// Admit gives the caller a place for a connection to the user of key. It is
// refused with TooMany above the address's limit, and with Unavailable while
// the node drains.
func (s *Streams) Admit(ctx *fasthttp.RequestCtx, transport string, caller *Principal, key actors.Key) (*Place, error) {
	p := &Place{streams: s, transport: transport, from: s.gate.Address(ctx), caller: caller, key: key,
		since: s.cfg.Now().UnixMilli()}
	if err := s.gate.Acquire(p.from); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		s.gate.Release(p.from)
		return nil, &actors.Error{Code: actors.Unavailable, Detail: "this node is going down; connect again, and reach another",
			RetryAfter: time.Second}
	}
	s.places[p] = struct{}{}
	s.counts[transport]++
	return p, nil
}

// Leave gives the place back. It may come twice.
func (p *Place) Leave() {
	s := p.streams
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	delete(s.places, p)
	s.counts[p.transport]--
	s.gate.Release(p.from)
	if s.draining && len(s.places) == 0 {
		close(s.empty)
	}
}

// Hijack makes the request's connection a Socket of the protocol. The head is
// the whole head of the response and must not alias the request. The server
// must be set to KeepHijackedConns.
func (p *Place) Hijack(ctx *fasthttp.RequestCtx, head []byte, protocol Protocol) {
	// fasthttp drops the handler without a word where it finds the client gone.
	p.timer = time.AfterFunc(handover, p.Leave)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(c net.Conn) {
		if !p.timer.Stop() {
			_ = c.Close()
			return
		}
		if err := openSocket(p, c, head, protocol); err != nil {
			p.streams.log.Debug("connection not opened", slog.String("transport", p.transport), slog.Any("cause", err))
			p.Leave()
		}
	})
}

// Park tells who is to be closed when the node drains or the caller loses his
// right, for a connection that stays within its handler. It is attached already.
func (p *Place) Park(c *actors.Conn) { p.occupy(c) }

// Attachment returns what is known of the place's connection.
func (p *Place) Attachment() actors.Attachment {
	var a actors.Attachment
	p.describe(&a)
	return a
}

// describe fills in what the place knows.
func (p *Place) describe(a *actors.Attachment) {
	a.Key, a.Transport, a.Since = p.key, p.transport, p.since
	if p.from.IsValid() {
		a.Address = p.from.String()
	}
	if p.caller != nil {
		a.Principal = p.caller.ID
	}
}

// occupy lets the place's connection be closed from outside. If that was
// wanted before it stood, it is now.
func (p *Place) occupy(c closer) {
	s := p.streams
	s.mu.Lock()
	p.closer = c
	draining := s.draining
	s.mu.Unlock()
	if draining {
		c.Close(actors.EndDrain)
	}
}

// expiresIn returns how long the caller's credential is still good.
func (p *Place) expiresIn() (time.Duration, bool) {
	if p.caller == nil || p.caller.Expires.IsZero() {
		return 0, false
	}
	return p.caller.Expires.Sub(p.streams.cfg.Now()), true
}

// Open returns the number of connections by transport.
func (s *Streams) Open() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := make(map[string]int, len(s.counts))
	for t, n := range s.counts {
		open[t] = n
	}
	return open
}

// CloseOf ends the connections which match, given the caller's Principal.ID
// and the user's key, and returns how many there were. It is for keys and
// tokens that are revoked.
func (s *Streams) CloseOf(match func(principal string, key actors.Key) bool, why actors.End) int {
	closers := s.list(func(p *Place) bool { return p.caller != nil && match(p.caller.ID, p.key) })
	for _, c := range closers {
		c.Close(why)
	}
	return len(closers)
}

// Drain refuses new connections and ends the present ones, spread evenly over
// the time, since all of them will come back somewhere. It waits for the last
// or for ctx, whose error it returns.
func (s *Streams) Drain(ctx context.Context, over time.Duration) error {
	s.mu.Lock()
	first := !s.draining
	s.draining = true
	if first && len(s.places) == 0 {
		close(s.empty)
	}
	s.mu.Unlock()
	closers := s.list(func(*Place) bool { return true })
	start := time.Now()
	for i, c := range closers {
		due := over * time.Duration(i) / time.Duration(len(closers))
		if err := sleep(ctx, due-time.Since(start)); err != nil {
			break // no time left: the rest at once
		}
		c.Close(actors.EndDrain)
	}
	if ctx.Err() != nil {
		for _, c := range closers {
			c.Close(actors.EndDrain)
		}
	}
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// list returns the connections of the places that match.
func (s *Streams) list(match func(*Place) bool) []closer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var closers []closer
	for p := range s.places {
		if p.closer != nil && match(p) {
			closers = append(closers, p.closer)
		}
	}
	return closers
}

// sleep waits for d, or not at all if it is not above zero.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

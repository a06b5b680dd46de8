package streams

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/transports"
)

// StreamsConfig bounds the connections that stay.
type StreamsConfig struct {
	Sink SinkConfig
	// Budget bounds what waits for an address and for a caller. Nil: nothing does.
	Budget *transports.Budget
	// Loop carries the connections that it can. Nil: each has a goroutine.
	Loop Loop
	// Resume serves the next requests on a connection that has given a late
	// answer, and closes it. It may block. Nil: such connections are closed.
	Resume func(net.Conn)
	// Rest is how long such a connection waits for the next request within a
	// Loop. Zero: 2 minutes.
	Rest time.Duration
	// StillValid tells whether a caller is still let in, or else why its
	// connections end (Auth.StillValid). Nil: all are.
	StillValid func(*transports.Principal) (why actors.End, ok bool)
	// Now is the wall clock, by which tokens expire. Nil: time.Now.
	Now func() time.Time
}

// Streams are the connections of this node that stay: fasthttp forgets those
// it hands over, so their number, their limits and their end are held here.
// It is safe for concurrent use.
type Streams struct {
	cfg      StreamsConfig
	hub      gateway.Hub
	gate     *transports.Gate
	log      *slog.Logger
	wheel    wheel
	draining atomic.Bool

	mu     sync.Mutex
	slots  slots
	places atomic.Int64 // which are not given back; changed under mu
	counts [len(transportNames)]int
	names  *transports.Recent[netip.Addr, string] // of addresses, which many connections share
	keys   [sharedKeys]actors.Key                 // of users, each at its hash's place, for the next connection
	seed   maphash.Seed
	empty  chan struct{} // closed when draining and no place is left
}

// transportNames are what connections are counted by. The last are those that
// have answered and wait for the next request.
var transportNames = [...]string{"sse", "ws", "iframe", "longpoll", "mqtt", "other", "rest"}

const (
	otherTransport = len(transportNames) - 2
	restTransport  = len(transportNames) - 1
)

// sharedAddresses is how many addresses' names are remembered for the next
// connection from there.
const sharedAddresses = 1 << 12

// sharedKeys is how many users' keys are remembered for the next connection.
const sharedKeys = 1 << 10

// NewStreams returns the registry of one node's connections.
func NewStreams(cfg StreamsConfig, hub gateway.Hub, gate *transports.Gate, log *slog.Logger) *Streams {
	cfg.Sink = cfg.Sink.withDefaults()
	transports.SetDefault(&cfg.Rest, 2*time.Minute)
	if cfg.StillValid == nil {
		cfg.StillValid = func(*transports.Principal) (actors.End, bool) { return 0, true }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Streams{cfg: cfg, hub: hub, gate: gate, log: log,
		names: transports.NewRecent[netip.Addr, string](sharedAddresses), empty: make(chan struct{})}
	s.seed = maphash.MakeSeed()
	s.wheel.slots = &s.slots
	if cfg.Loop != nil {
		cfg.Loop.Serve(s.find)
	}
	return s
}

// find returns the Wire of the Socket with the id.
func (s *Streams) find(id uint64) Wire {
	if socket := s.slots.find(id); socket != nil {
		return socket.wire
	}
	return nil
}

// Admit gives the caller a place for a connection to the user of key. It is
// refused with TooMany above the address's limit, and with Unavailable while
// the node drains.
func (s *Streams) Admit(ctx *fasthttp.RequestCtx, transport string, caller *transports.Principal, key actors.Key) (*Place, error) {
	return s.AdmitFrom(s.gate.Address(ctx), transport, caller, key)
}

// AdmitFrom is Admit for a connection without a request. The zero address is
// not limited.
func (s *Streams) AdmitFrom(from netip.Addr, transport string, caller *transports.Principal, key actors.Key) (*Place, error) {
	if err := s.gate.Acquire(from); err != nil {
		return nil, err
	}
	p := &Place{streams: s, transport: uint8(otherTransport), from: from, caller: caller, key: key, since: s.cfg.Now().UnixMilli()}
	for i, name := range transportNames {
		if name == transport {
			p.transport = uint8(i)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.key = s.shared(key)
	if s.drains() {
		s.gate.Release(from)
		return nil, &actors.Error{Code: actors.Unavailable, Detail: "this node is going down; connect again, and reach another",
			RetryAfter: time.Second}
	}
	s.places.Add(1)
	s.counts[p.transport]++
	return p, nil
}

// Shared returns the key as another connection of the user has it, so that all
// of them hold one string.
func (s *Streams) Shared(key actors.Key) actors.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shared(key)
}

// shared returns the key as another connection of the user has it, so that all
// of them hold one string. The caller holds mu.
func (s *Streams) shared(key actors.Key) actors.Key {
	at := &s.keys[maphash.String(s.seed, string(key))%sharedKeys]
	if *at != key {
		*at = key
	}
	return *at
}

// Places returns how many connections there are, and are about to be.
func (s *Streams) Places() int { return int(s.places.Load()) }

// Keeps tells whether the request's connection can serve another one after a
// late answer to this. If not, the answer has to say so.
func (s *Streams) Keeps(ctx *fasthttp.RequestCtx) bool {
	// What was not read of a body would be taken for the next request.
	return s.cfg.Resume != nil && !transports.IsHTTP10(ctx) && !ctx.Request.Header.ConnectionClose() && !ctx.Request.IsBodyStream()
}

// free takes a place back. The caller holds mu.
func (s *Streams) free(transport uint8, from netip.Addr) {
	s.places.Add(-1)
	s.counts[transport]--
	s.gate.Release(from)
	if s.drains() && s.places.Load() == 0 {
		close(s.empty)
	}
}

// leave takes the place of a Socket back.
func (s *Streams) leave(socket *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots.drop(socket)
	transport := socket.transport
	if socket.state.Load()&stateRests != 0 {
		transport = uint8(restTransport)
	}
	s.free(transport, socket.address())
}

// rest counts the Socket by what it does now.
func (s *Streams) rest(socket *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[socket.transport]--
	s.counts[restTransport]++
}

// address returns the name of an address, "" for the zero one.
func (s *Streams) address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return s.names.GetOrPut(a, a.String)
}

func (s *Streams) drains() bool { return s.draining.Load() }

// Open returns the number of connections by transport; "rest" are those that
// have answered a long poll and wait for the next.
func (s *Streams) Open() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := make(map[string]int, len(s.counts))
	for i, n := range s.counts {
		open[transportNames[i]] = n
	}
	return open
}

// Recheck ends the connections of callers who are not let in any more, and
// returns how many there were. It is for whenever a credential was revoked or
// what credentials are verified by has changed.
func (s *Streams) Recheck() int {
	n := 0
	for _, socket := range s.list(func(*Socket) bool { return true }) {
		if socket.recheck() {
			n++
		}
	}
	return n
}

// EndExpired ends the connections whose tokens have expired by the wall clock,
// and returns how many there were. Their timers see to that, unless the clock
// steps forward.
func (s *Streams) EndExpired() int {
	now := s.cfg.Now()
	sockets := s.list(func(socket *Socket) bool {
		caller := socket.Caller()
		return caller != nil && caller.Expired(now)
	})
	for _, socket := range sockets {
		socket.Close(actors.EndToken)
	}
	return len(sockets)
}

// Drain refuses new connections and ends the present ones, spread evenly over
// the time, since all of them will come back somewhere. It waits for the last
// or for ctx, whose error it returns.
func (s *Streams) Drain(ctx context.Context, over time.Duration) error {
	s.mu.Lock()
	if !s.draining.Swap(true) && s.places.Load() == 0 {
		close(s.empty)
	}
	s.mu.Unlock()
	sockets := s.list(func(*Socket) bool { return true })
	start := time.Now()
	for i, socket := range sockets {
		due := over * time.Duration(i) / time.Duration(len(sockets))
		if err := sleep(ctx, due-time.Since(start)); err != nil {
			break // no time left: the rest at once
		}
		socket.Close(actors.EndDrain)
	}
	if ctx.Err() != nil {
		for _, socket := range sockets {
			socket.Close(actors.EndDrain)
		}
	}
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// list returns the Sockets that match.
func (s *Streams) list(match func(*Socket) bool) []*Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots.all(match)
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

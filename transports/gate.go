package transports

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// connectionRetry is when to come back after too many connections: nobody
// knows when one of them ends.
const connectionRetry = 10 * time.Second

// A Gate counts callers against the Limits. Its refusals are TooMany, with the
// time after which the same call would pass. An IPv6 address counts with its
// /64 network, which is what one customer has. An address that is not known
// (a Unix socket) is not limited. It is safe for concurrent use.
type Gate struct {
	now   func() time.Time // monotonic
	rules atomic.Pointer[gateRules]
	open  *Counts

	unnamed atomic.Pointer[func(peer netip.Addr)] // of OnUnnamedProxy; nil: nothing is waited for
}

// gateRules are the limits in force and what is counted under them.
type gateRules struct {
	limits    Limits // with defaults
	requests  *buckets[netip.Addr]
	failures  *buckets[netip.Addr] // bad passwords
	badTokens *buckets[netip.Addr]
	doubted   *buckets[netip.Addr] // tokens looked at of addresses that have spent theirs
	allDoubts *buckets[struct{}]   // of all of them
	publishes *buckets[callerKey]
}

// callerKey names a caller among all apps.
type callerKey struct{ app, id string }

// NewGate returns a Gate for the limits. now measures rates, so it has to be
// monotonic; nil: time.Now.
func NewGate(l Limits, now func() time.Time) (*Gate, error) {
	if now == nil {
		now = time.Now
	}
	g := &Gate{now: now, open: NewCounts()}
	if err := g.SetLimits(l); err != nil {
		return nil, err
	}
	return g, nil
}

// SetLimits puts other limits in force. All rates begin anew with a full
// burst; open connections stay counted, and none is closed.
func (g *Gate) SetLimits(l Limits) error {
	if err := l.Check(); err != nil {
		return err
	}
	l = l.WithDefaults()
	g.rules.Store(&gateRules{
		limits:    l,
		requests:  newBuckets[netip.Addr](l.RequestsPerAddress, l.RequestBurst, l.Remembered),
		failures:  newBuckets[netip.Addr](l.FailuresPerAddress, l.FailureBurst, l.Remembered),
		badTokens: newBuckets[netip.Addr](l.FailuresPerAddress, l.FailureBurst, l.Remembered),
		doubted:   newBuckets[netip.Addr](l.DoubtedTokens/DoubtedShare, doubtedBurst(l.DoubtedTokens/DoubtedShare), l.Remembered),
		allDoubts: newBuckets[struct{}](l.DoubtedTokens, doubtedBurst(l.DoubtedTokens), 1),
		publishes: newBuckets[callerKey](l.PublishesPerKey, l.PublishBurst, l.Remembered),
	})
	return nil
}

// Limits returns the limits in force, with numbers in all fields.
func (g *Gate) Limits() Limits { return g.rules.Load().limits }

// Request counts a request from the address.
func (g *Gate) Request(from netip.Addr) error {
	if !from.IsValid() {
		return nil
	}
	if wait := g.rules.Load().requests.take(NetworkOf(from), 1, g.now()); wait > 0 {
		return TooManyIn(wait, "this address sends too many requests")
	}
	return nil
}

// Publish counts n messages published by the caller. A batch above the burst
// counts as the burst.
func (g *Gate) Publish(p *Principal, n int) error {
	b := g.rules.Load().publishes
	if b.byKey == nil {
		return nil // not even the clock is asked: it is the hot path
	}
	if wait := b.take(callerKey{p.App, p.ID}, n, g.now()); wait > 0 {
		return TooManyIn(wait, "this key publishes too many messages")
	}
	return nil
}

// Failed counts a bad password from the address.
func (g *Gate) Failed(from netip.Addr) {
	if from.IsValid() {
		g.rules.Load().failures.take(NetworkOf(from), 1, g.now())
	}
}

// Trusts refuses the address while it has spent its failures.
func (g *Gate) Trusts(from netip.Addr) error {
	if !from.IsValid() {
		return nil
	}
	if wait := g.rules.Load().failures.wait(NetworkOf(from), g.now()); wait > 0 {
		return TooManyIn(wait, "this address sends too many bad credentials")
	}
	return nil
}

// Acquire counts a connection from the address. Each one that is not refused
// needs one Release.
func (g *Gate) Acquire(from netip.Addr) error {
	if g.counts(from) && !g.open.Acquire(NetworkOf(from), g.rules.Load().limits.ConnectionsPerAddress) {
		return TooManyIn(connectionRetry, "this address has too many connections")
	}
	return nil
}

// counts tells whether connections of the address are counted: not those of a
// proxy, whose clients nobody has named.
func (g *Gate) counts(from netip.Addr) bool { return from.IsValid() && !g.proxied(from) }

// Connections returns how many connections of the address are counted.
func (g *Gate) Connections(from netip.Addr) int { return g.open.Of(NetworkOf(from)) }

// Release gives back what Acquire counted.
func (g *Gate) Release(from netip.Addr) {
	if g.counts(from) {
		g.open.Release(NetworkOf(from))
	}
}

// Address returns where the request comes from: the TCP peer, or, if that is a
// trusted proxy, the last address in X-Forwarded-For that is none. What stands
// before it was written by the client, and could be anything.
func (g *Gate) Address(ctx *fasthttp.RequestCtx) netip.Addr {
	peer := PeerAddress(ctx.RemoteAddr())
	if !g.proxied(peer) {
		g.lookForProxy(ctx, peer)
		return peer
	}
	lines := ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor)
	for i := len(lines) - 1; i >= 0; i-- {
		for line := lines[i]; len(line) > 0; {
			cut := bytes.LastIndexByte(line, ',')
			addr, ok := forwarded(line[cut+1:])
			if !ok {
				return peer
			}
			if !g.proxied(addr) {
				return addr
			}
			peer, line = addr, line[:max(0, cut)]
		}
	}
	return peer
}

// OnUnnamedProxy has f called once, with the first peer that is no trusted proxy
// and yet forwards requests: if it is one, all its clients count as one address.
func (g *Gate) OnUnnamedProxy(f func(peer netip.Addr)) { g.unnamed.Store(&f) }

func (g *Gate) lookForProxy(ctx *fasthttp.RequestCtx, peer netip.Addr) {
	if f := g.unnamed.Load(); f != nil && len(ctx.Request.Header.Peek(fasthttp.HeaderXForwardedFor)) > 0 && g.unnamed.CompareAndSwap(f, nil) {
		(*f)(peer)
	}
}

func (g *Gate) proxied(a netip.Addr) bool {
	for _, p := range g.rules.Load().limits.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// forwarded reads one element of X-Forwarded-For: an address, with or without
// a port.
func forwarded(text []byte) (netip.Addr, bool) {
	s := string(bytes.TrimSpace(text))
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), true
	}
	ap, err := netip.ParseAddrPort(s)
	return ap.Addr().Unmap().WithZone(""), err == nil
}

// ParseNetworks reads addresses and networks (CIDR). The error is Invalid.
func ParseNetworks(words []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, word := range words {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			a, bad := netip.ParseAddr(word)
			if bad != nil || a.Zone() != "" {
				return nil, &actors.Error{Code: actors.Invalid, Field: "addresses",
					Detail: fmt.Sprintf("%.64q is neither an address nor a network, as 192.0.2.7 or 2001:db8::/32", word)}
			}
			a = a.Unmap()
			p = netip.PrefixFrom(a, a.BitLen())
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// PeerAddress returns the address of a TCP peer, or the zero Addr.
func PeerAddress(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// NetworkOf returns what counts as one address.
func NetworkOf(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// TooManyIn answers who came too often, and may come again after wait.
func TooManyIn(wait time.Duration, sentence string) error {
	return &actors.Error{Code: actors.TooMany, Detail: sentence, RetryAfter: wait}
}

// Counts are the open connections by address. It holds an entry only while
// the address has one, so the connections themselves are its bound.
type Counts struct {
	seed   maphash.Seed
	shards [16]countShard
}

type countShard struct {
	mu sync.Mutex
	n  map[netip.Addr]int
}

// NewCounts returns counts of no connections.
func NewCounts() *Counts {
	c := &Counts{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].n = map[netip.Addr]int{}
	}
	return c
}

// Acquire counts a connection, unless its address has as many as are allowed.
func (c *Counts) Acquire(a netip.Addr, limit int) bool {
	s := c.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n[a] >= limit {
		return false
	}
	s.n[a]++
	return true
}

// Of returns how many connections the address has.
func (c *Counts) Of(a netip.Addr) int {
	s := c.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[a]
}

// Release says that a connection has ended.
func (c *Counts) Release(a netip.Addr) {
	s := c.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n[a]--; s.n[a] <= 0 {
		delete(s.n, a)
	}
}

func (c *Counts) shard(a netip.Addr) *countShard {
	return &c.shards[maphash.Comparable(c.seed, a)%uint64(len(c.shards))]
}

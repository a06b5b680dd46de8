package membership

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/cluster/wire"
)

// signs are the signs of life that nodes leave in the store. Gossip tells who
// can be reached; the store, which all share, tells who lives all the same. So
// a node whose peers have vanished knows whether they are dead, and it takes
// their shards, or whether it is cut off from them, and the larger part goes
// on.
type signs struct {
	m       *Membership
	self    string      // this node's name
	leaving atomic.Bool // this node hands its shards over
	looking sync.Mutex  // held during a look
	count   uint64      // of looks

	mu     sync.Mutex
	gossip string // this node's address
	nodes  map[string]*sign
	looks  int       // how often the store was read
	last   time.Time // when
	began  time.Time // when that look began
	first  string    // who holds shard 0 in the store
	own    announcement
	err    error
}

// A sign is the last one of a node.
type sign struct {
	wire    *wire.WireSign
	changed time.Time     // when it was first seen
	looked  int           // how often the store was read since
	apart   time.Duration // by how much its clock is ahead of this node's, if that is too much
}

// signKind is the kind of the records.
const signKind = "node"

// The pace of it.
const (
	signEvery = 500 * time.Millisecond
	signTime  = 5 * time.Second // for one look
	// A sign that has stayed the same for so long, and for so many looks, is a
	// dead node's.
	signStale = 1800 * time.Millisecond
	signLooks = 3
	// A sign that has stayed the same for so long, and for so many looks, is that
	// of a node which can't write to the store, though its links speak.
	signGone  = 6 * time.Second
	goneLooks = 10
	// signForget is when a dead node's record goes.
	signForget = time.Hour
	// patience is how long a starting node looks for its seeds.
	patience = 3 * time.Second
)

// Lease is for how long a node may answer from memory after the store has
// confirmed its fences. Whoever takes a shard from a node that may still live
// answers nothing for so long. It is several times signEvery, so that a store
// that is slow for a moment holds nobody up.
const Lease = 2 * time.Second

func newSigns(m *Membership) *signs {
	return &signs{m: m, self: m.cfg.Node, nodes: make(map[string]*sign), own: announcement{joining: true}}
}

// setGossip says where this node gossips.
func (s *signs) setGossip(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gossip = addr
}

// Look leaves this node's sign in the store, and reads the others'.
func (m *Membership) Look() { m.signs.look() }

// lookSoon leaves a sign before its time.
func (m *Membership) lookSoon() {
	m.host.Spawn(func() {
		m.signs.look()
		m.updateSoon()
	})
}

func (s *signs) look() {
	s.looking.Lock()
	defer s.looking.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), signTime)
	defer cancel()
	// Before the sign: whoever sees the sign stay the same for a lease knows that
	// what this look confirms holds no more.
	began := time.Now()
	err := s.write(ctx)
	var records []actors.Record
	var first string
	if err == nil {
		records, first, err = s.read(ctx, began)
	}
	s.mu.Lock()
	was := s.err
	s.err = err
	if err == nil {
		s.take(records, first)
		s.began = began
	}
	s.mu.Unlock()
	switch {
	case err != nil && was == nil:
		s.m.cfg.Log.Error("the store can't be reached", "err", err)
	case err == nil && was != nil:
		s.m.cfg.Log.Info("the store can be reached again")
	}
}

func (s *signs) write(ctx context.Context) error {
	s.count++
	s.mu.Lock()
	w := &wire.WireSign{Count: s.count, Gossip: s.gossip, Leaving: s.leaving.Load()}
	s.announceIn(w)
	s.mu.Unlock()
	b, err := w.MarshalVT()
	if err != nil {
		return err
	}
	err = s.m.cfg.Store.PutRecord(ctx, signKind, s.self, b)
	if err == nil {
		s.written(w)
	}
	return err
}

func (s *signs) read(ctx context.Context, began time.Time) ([]actors.Record, string, error) {
	var all []actors.Record
	for after := ""; ; {
		const page = 256
		list, err := s.m.cfg.Store.ListRecords(ctx, signKind, after, page)
		if err != nil {
			return nil, "", err
		}
		all = append(all, list...)
		if len(list) < page {
			break
		}
		after = list[len(list)-1].Key
	}
	present, err := s.m.cfg.Store.Epochs(ctx)
	if err != nil {
		return nil, "", err
	}
	s.m.host.Confirm(present, began)
	first := ""
	for _, t := range present {
		if t.Shard == 0 {
			first = t.Owner
		}
	}
	return all, first, nil
}

// take takes in what the store holds. The caller holds mu.
func (s *signs) take(records []actors.Record, first string) {
	now := time.Now()
	s.looks++
	s.last, s.first = now, first
	apart := time.Duration(0)
	seen := make(map[string]bool, len(records))
	for _, r := range records {
		seen[r.Key] = true
		old, known := s.nodes[r.Key]
		if !known {
			old = &sign{wire: &wire.WireSign{}, changed: now}
			s.nodes[r.Key] = old
		}
		old.looked++
		w := &wire.WireSign{}
		if err := w.UnmarshalVT(r.Value); err == nil && (w.Count != old.wire.Count || !known) {
			old.wire, old.changed, old.looked = w, now, 0
			if known && r.Key != s.self { // else it may be old
				old.apart = s.m.compareClock(r.Key, w)
			}
		}
		if old.lives(now) {
			apart = max(apart, old.apart.Abs())
		}
		if now.Sub(old.changed) > signForget {
			s.m.host.Spawn(func() { s.forget(r.Key) })
		}
	}
	for name := range s.nodes {
		if !seen[name] {
			delete(s.nodes, name)
		}
	}
	s.m.host.SetClockApart(apart)
}

// Forget removes this node's sign: it has left.
func (m *Membership) Forget() { m.signs.forget(m.cfg.Node) }

// forget removes a node's record.
func (s *signs) forget(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), signTime)
	defer cancel()
	if err := s.m.cfg.Store.DeleteRecord(ctx, signKind, name); err != nil {
		s.m.cfg.Log.Debug("a dead node's sign can't be removed", "node", name, "err", err)
	}
}

// lives tells whether a sign is fresh.
func (g *sign) lives(now time.Time) bool {
	return now.Sub(g.changed) < signStale || g.looked < signLooks
}

// mayWrite tells whether a sign is that of a node that may still write.
func (g *sign) mayWrite(now time.Time) bool {
	return now.Sub(g.changed) < signGone || g.looked < goneLooks
}

// sign returns the last sign of a node; nil: there is none.
func (s *signs) sign(name string) *wire.WireSign {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.nodes[name]; g != nil {
		return g.wire
	}
	return nil
}

// Living returns the nodes with a fresh sign that do not leave.
func (m *Membership) Living() []string {
	s := m.signs
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for name, g := range s.nodes {
		if g.lives(time.Now()) && !g.wire.Leaving {
			list = append(list, name)
		}
	}
	return list
}

// stale tells whether a node has left no sign for too long. A node that never
// left one may be starting.
func (s *signs) stale(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	g := s.nodes[name]
	return g != nil && s.err == nil && now.Sub(s.last) < 2*signEvery && !g.lives(now)
}

// HandsOver tells whether a node that holds shards in the store may still hand
// them over: it leaves signs, and they do not say that it owns none.
func (m *Membership) HandsOver(name string) bool {
	s := m.signs
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.nodes[name]
	return g == nil || g.lives(time.Now()) && !g.wire.Yielded
}

// HasLetGo tells whether a node that held shards answers for none of them any more:
// its process has ended; or, by a look that began after a moment, it has left no
// sign for so long that what the store last confirmed to it holds no more, or says
// that it owns nothing.
func (m *Membership) HasLetGo(name string, after time.Time) bool {
	return m.hasExited(name) || m.signs.hasLetGo(name, after)
}

func (s *signs) hasLetGo(name string, after time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.nodes[name]
	return s.err == nil && s.began.After(after) && (g == nil || g.wire.Yielded || s.began.Sub(g.changed) > Lease)
}

// addresses returns where the nodes that live gossip.
func (s *signs) addresses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var list []string
	for name, g := range s.nodes {
		if name != s.self && g.lives(now) && g.wire.Gossip != "" {
			list = append(list, g.wire.Gossip)
		}
	}
	return list
}

// alone tells whether this node has looked long enough to know that it is the
// first.
func (s *signs) alone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looks <= signLooks || len(s.m.cfg.Seeds) > 0 && time.Since(s.m.started) < patience {
		return false
	}
	now := time.Now()
	for name, g := range s.nodes {
		if name != s.self && g.lives(now) {
			return false
		}
	}
	return true
}

// StoreError returns why the store can't be used; nil: it can.
func (m *Membership) StoreError() error {
	s := m.signs
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return fmt.Errorf("the store can't be reached: %w", s.err)
	case s.looks > 0 && time.Since(s.last) > 2*signTime:
		return fmt.Errorf("the store has not answered for %v", time.Since(s.last).Round(time.Second))
	}
	return nil
}

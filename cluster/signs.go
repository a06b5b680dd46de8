package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	node    *Node
	gossip  string // this node's address
	leaving atomic.Bool
	looking sync.Mutex // held during a look
	count   uint64     // of looks

	mu    sync.Mutex
	nodes map[string]*sign
	looks int       // how often the store was read
	last  time.Time // when
	began time.Time // when that look began
	first string    // who holds shard 0 in the store
	said  saying
	err   error
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
	// signForget is when a dead node's record goes.
	signForget = time.Hour
	// patience is how long a starting node looks for its seeds.
	patience = 3 * time.Second
)

func newSigns(n *Node) *signs {
	return &signs{node: n, nodes: make(map[string]*sign), said: saying{joining: true}}
}

// at says where this node gossips.
func (s *signs) at(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gossip = addr
}

// look leaves this node's sign, and reads the others'.
func (s *signs) look() {
	s.looking.Lock()
	defer s.looking.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), signTime)
	defer cancel()
	// Before the sign: whoever sees the sign stay the same for sureTime knows
	// that what this look confirms holds no more.
	began, clock := time.Now(), s.node.clock()
	err := s.leave(ctx)
	var records []actors.Record
	var first string
	if err == nil {
		records, first, err = s.read(ctx, clock)
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
		s.node.cfg.Log.Error("the store can't be reached", "err", err)
	case err == nil && was != nil:
		s.node.cfg.Log.Info("the store can be reached again")
	}
}

func (s *signs) leave(ctx context.Context) error {
	s.count++
	s.mu.Lock()
	w := &wire.WireSign{Count: s.count, Gossip: s.gossip, Leaving: s.leaving.Load()}
	s.say(w)
	s.mu.Unlock()
	b, err := w.MarshalVT()
	if err != nil {
		return err
	}
	err = s.node.records.PutRecord(ctx, signKind, s.node.cfg.Name, b)
	if err == nil {
		s.wrote(w)
	}
	return err
}

func (s *signs) read(ctx context.Context, began int64) ([]actors.Record, string, error) {
	var all []actors.Record
	for after := ""; ; {
		const page = 256
		list, err := s.node.records.ListRecords(ctx, signKind, after, page)
		if err != nil {
			return nil, "", err
		}
		all = append(all, list...)
		if len(list) < page {
			break
		}
		after = list[len(list)-1].Key
	}
	present, err := s.node.store.Epochs(ctx)
	if err != nil {
		return nil, "", err
	}
	s.node.confirm(present, began)
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
			if known && r.Key != s.node.cfg.Name { // else it may be old
				old.apart = s.node.compareClock(r.Key, w)
			}
		}
		if old.lives(now) {
			apart = max(apart, old.apart.Abs())
		}
		if now.Sub(old.changed) > signForget {
			s.node.spawn(func() { s.forget(r.Key) })
		}
	}
	for name := range s.nodes {
		if !seen[name] {
			delete(s.nodes, name)
		}
	}
	s.node.clockApart.Store(int64(apart))
}

// forget removes a node's record.
func (s *signs) forget(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), signTime)
	defer cancel()
	if err := s.node.records.DeleteRecord(ctx, signKind, name); err != nil {
		s.node.cfg.Log.Debug("a dead node's sign can't be removed", "node", name, "err", err)
	}
}

// lives tells whether a sign is fresh.
func (g *sign) lives(now time.Time) bool {
	return now.Sub(g.changed) < signStale || g.looked < signLooks
}

// living returns the nodes with a fresh sign that do not leave.
func (s *signs) living() []string {
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

// quiet tells whether a node has left no sign for so long that what the store
// last confirmed to it holds no more, by a look that began after a moment.
func (s *signs) quiet(name string, after time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.nodes[name]
	return s.err == nil && s.began.After(after) && (g == nil || s.began.Sub(g.changed) > sureTime)
}

// addresses returns where the nodes that live gossip.
func (s *signs) addresses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var list []string
	for name, g := range s.nodes {
		if name != s.node.cfg.Name && g.lives(now) && g.wire.Gossip != "" {
			list = append(list, g.wire.Gossip)
		}
	}
	return list
}

// alone tells whether this node has looked long enough to know that it is the
// first.
func (s *signs) alone(seeds []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looks <= signLooks || len(seeds) > 0 && s.node.clock() < int64(patience) {
		return false
	}
	now := time.Now()
	for name, g := range s.nodes {
		if name != s.node.cfg.Name && g.lives(now) {
			return false
		}
	}
	return true
}

// verdict says whether this node may go on with the members that it sees.
type verdict uint8

const (
	waiting verdict = iota // it does not know yet; nothing changes
	goOn
	cutOff
	admitted // it may say that it takes part
)

// judge says whether the members that gossip has, this node among them, are to
// own the shards, where an older program does not announce how its links are:
// nobody else lives, or those who do are fewer. Of two equal
// parts the one goes on that holds shard 0 in the store. linked tells to whom
// a link speaks; dead are those who live no more, whatever their signs say.
func (s *signs) judge(members []member, ready bool, linked func(name string) bool, dead map[string]bool) (verdict, *actors.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[string]bool, len(members))
	for _, o := range members {
		seen[o.name] = true
	}
	if !ready || s.looks == 0 {
		return waiting, nil
	}
	if s.err != nil {
		// It can't be told who lives. Whoever owned a shard may go on with it:
		// the store has to agree to every write.
		return waiting, nil
	}
	strangers := s.strangers(seen, dead)
	if len(strangers) == 0 {
		return goOn, nil
	}
	// Somebody lives whom gossip has lost. Gossip loses one after the other, so
	// whoever is on this side shows by the links.
	mine := make(map[string]bool, len(members))
	for name := range seen {
		if name == s.node.cfg.Name || linked(name) {
			mine[name] = true
		}
	}
	strangers = s.strangers(mine, dead)
	switch {
	case len(strangers) < len(mine), len(strangers) == len(mine) && mine[s.first]:
		return goOn, nil
	case len(strangers) == len(mine) && !slices.Contains(strangers, s.first):
		// Whoever holds it is not known yet, or can't be seen to live: until the
		// next look, or until the signs are stale.
		return waiting, nil
	}
	return cutOff, actors.Errorf(actors.Unavailable, "this node can't reach %d of the cluster's nodes (%s), and they go on without it; try another one",
		len(strangers), strings.Join(strangers[:min(3, len(strangers))], ", "))
}

// strangers returns who lives, by the signs, and is not among those. The
// caller holds mu.
func (s *signs) strangers(among, dead map[string]bool) []string {
	now := time.Now()
	var list []string
	for name, g := range s.nodes {
		if !among[name] && g.lives(now) && !g.wire.Leaving && !dead[name] {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// state returns why the store can't be used; nil: it can.
func (s *signs) state() error {
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

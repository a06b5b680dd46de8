package cluster

import (
	"slices"
	"strings"
	"time"

	"reddot/actors"
	"reddot/cluster/wire"
)

// What nodes say of themselves and of their links in their signs, and what
// follows from it.

// saying is what this node says.
type saying struct {
	ties     []*wire.WireTie
	joining  bool
	resuming bool // it is about to own shards again
	yielded  bool // its last sign, or one of unknown outcome, says that it owns none
}

// say puts it into a sign. The caller holds mu.
func (s *signs) say(w *wire.WireSign) {
	n := s.node
	for _, t := range s.said.ties {
		w.Ties = append(w.Ties, t)
		w.Sees = append(w.Sees, t.Node) // of programs before they announced
	}
	w.Announces, w.Joining = n.announces, s.said.joining
	w.Yielded = n.suspended.Load() != nil && !s.said.resuming && n.shards() == 0 && n.dir.len() == 0
	s.said.yielded = s.said.yielded || w.Yielded
	n.introduce(w)
}

// wrote is told that a sign is in the store.
func (s *signs) wrote(w *wire.WireSign) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.yielded = w.Yielded
}

// announce sets what the next signs say.
func (s *signs) announce(ties []*wire.WireTie, joining bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.ties, s.said.joining = ties, joining
}

// resume tells whether this node may own shards again: no sign says any more
// that it owns none. Else the next sign takes it back.
func (s *signs) resume() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.resuming = true
	return !s.said.yielded
}

// yield says that this node owns no shards from now on.
func (s *signs) yield() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.resuming = false
}

// A sign that has stayed the same for so long, and for so many looks, is that
// of a node which can't write to the store, though its links speak.
const (
	signGone  = 6 * time.Second
	goneLooks = 10
)

// handsOver tells whether a node that holds shards in the store may still hand
// them over: it leaves signs, and they do not say that it owns none.
func (s *signs) handsOver(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.nodes[name]
	return g == nil || g.lives(time.Now()) && !g.wire.Yielded
}

// ownsNothing tells whether a node says that it owns no shards, by a look that
// began after a moment.
func (s *signs) ownsNothing(name string, after time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.nodes[name]
	return s.err == nil && s.began.After(after) && g != nil && g.wire.Yielded
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

// lingers tells whether a sign is that of a node that may still write.
func (g *sign) lingers(now time.Time) bool {
	return now.Sub(g.changed) < signGone || g.looked < goneLooks
}

// announced tells whether all nodes that live say how their links are. The
// caller holds mu.
func (s *signs) announced(members []member, dead map[string]bool) bool {
	now := time.Now()
	for name, g := range s.nodes {
		if g.lives(now) && !g.wire.Leaving && !dead[name] && !g.wire.Announces {
			return false
		}
	}
	return !slices.ContainsFunc(members, func(o member) bool { return !o.announces && !o.leaving })
}

// witnesses returns the nodes that live, by their signs, and those whose links
// others say to hold. The caller holds mu.
func (s *signs) witnesses(dead map[string]bool) []*witness {
	now := time.Now()
	var all, silent []*witness
	held := make(map[string]bool)
	for name, g := range s.nodes {
		if g.wire.Leaving || dead[name] || !g.lingers(now) || name == s.node.cfg.Name && s.leaving.Load() {
			continue
		}
		w := &witness{name: name, fresh: g.lives(now), joining: g.wire.Joining, yielded: g.wire.Yielded, holds: make(map[string]bool), lost: make(map[string]bool)}
		if !w.fresh {
			silent = append(silent, w)
			continue
		}
		all = append(all, w)
		for _, t := range g.wire.Ties {
			switch t.State {
			case wire.TieState_TIE_HOLDS:
				w.holds[t.Node], held[t.Node] = true, true
			case wire.TieState_TIE_LOST:
				w.lost[t.Node] = true
			}
		}
	}
	for _, w := range silent {
		if held[w.name] {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b *witness) int { return strings.Compare(a.name, b.name) })
	return all
}

// A decision says whether this node goes on, and with whom.
type decision struct {
	verdict verdict
	owners  []string      // nil: those whom gossip has
	why     *actors.Error // it is cut off; nil: the owners tell
}

// decide says who is to own the shards. members are those that gossip has.
func (s *signs) decide(members []member, ready bool, linked func(name string) bool, dead map[string]bool) decision {
	s.mu.Lock()
	if !s.announced(members, dead) {
		s.mu.Unlock()
		v, why := s.judge(members, ready, linked, dead)
		return decision{verdict: v, why: why}
	}
	defer s.mu.Unlock()
	// While the store can't be reached, whoever owned a shard may go on with it:
	// the store has to agree to every write.
	if !ready || s.looks == 0 || s.err != nil {
		return decision{verdict: waiting}
	}
	all := s.witnesses(dead)
	part, ok := choose(all, s.first)
	if !ok {
		return decision{verdict: waiting}
	}
	d := decision{verdict: goOn, owners: make([]string, 0, len(part))}
	for _, w := range part {
		if !w.joining {
			d.owners = append(d.owners, w.name)
		}
	}
	if s.leaving.Load() || slices.Contains(d.owners, s.node.cfg.Name) {
		return d
	}
	d.verdict = cutOff
	if i := slices.IndexFunc(all, func(w *witness) bool { return w.name == s.node.cfg.Name && w.joining }); i >= 0 && admits(part, all[i]) {
		d.verdict = admitted
	}
	return d
}

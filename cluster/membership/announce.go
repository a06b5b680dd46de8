package membership

import (
	"slices"
	"strings"
	"time"

	"reddot/cluster/wire"
)

// What nodes say of themselves and of their links in their signs.

// An announcement is what this node says.
type announcement struct {
	links    []*wire.WireTie
	joining  bool
	resuming bool // it is about to own shards again
	yielded  bool // its last sign, or one of unknown outcome, says that it owns none
}

// announceIn puts it into a sign, with who this node is. The caller holds mu.
func (s *signs) announceIn(w *wire.WireSign) {
	cfg, host := &s.m.cfg, s.m.host
	for _, t := range s.own.links {
		w.Ties = append(w.Ties, t)
		w.Sees = append(w.Sees, t.Node) // of programs before they announced
	}
	w.Announces, w.Joining = !cfg.Mute, s.own.joining
	w.Yielded = host.Suspended() && !s.own.resuming && host.Empty()
	s.own.yielded = s.own.yielded || w.Yielded
	w.Cluster, w.Key, w.Time, w.Links = cfg.Cluster, cfg.KeyPrint, cfg.Now(), cfg.Links
}

// written is told that a sign is in the store.
func (s *signs) written(w *wire.WireSign) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own.yielded = w.Yielded
}

// announce sets what the next signs say.
func (s *signs) announce(links []*wire.WireTie, joining bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own.links, s.own.joining = links, joining
}

// resume tells whether this node may own shards again: no sign says any more
// that it owns none. Else the next sign takes it back.
func (s *signs) resume() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own.resuming = true
	return !s.own.yielded
}

// yield says that this node owns no shards from now on.
func (s *signs) yield() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own.resuming = false
}

// announceLinks looks which links speak, and lets the signs say so.
func (m *Membership) announceLinks() {
	nodes := make(map[string]bool)
	for _, name := range m.Living() {
		nodes[name] = false
	}
	for _, p := range m.host.Peers() {
		nodes[p.Name()] = p.Speaks()
	}
	delete(nodes, m.cfg.Node)
	changed := m.links.look(time.Since(m.started), nodes)
	list := make([]*wire.WireTie, 0, len(nodes))
	for name := range nodes {
		t := &wire.WireTie{Node: name, State: m.links.state(name)}
		if !m.links.up(name) {
			t.Why = m.whyNot(name).full(maxWhy)
		} else if m.unreachable(name) {
			t.Why = m.noGossip(name).full(maxWhy)
		}
		list = append(list, t)
		m.logGossip(name, t)
	}
	slices.SortFunc(list, func(a, b *wire.WireTie) int { return strings.Compare(a.Node, b.Node) })
	m.signs.announce(list, !m.ownsShards())
	for _, name := range changed {
		if m.links.state(name) == wire.TieState_TIE_LOST {
			m.cfg.Log.Error("a link is lost", "node", name, "why", m.whyNot(name).full(maxWhy))
		}
	}
	if len(changed) > 0 {
		m.lookSoon()
	}
}

// announced returns what a sign says of the link to a node; nil: nothing.
func announced(w *wire.WireSign, name string) *wire.WireTie {
	if w != nil {
		for _, t := range w.Ties {
			if t.Node == name {
				return t
			}
		}
	}
	return nil
}

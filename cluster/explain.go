package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"reddot/actors"
	"reddot/cluster/wire"
)

// Why nodes are not together: each says of its links that do not speak what it
// knows, to itself and to the other side.

// lookAtTies looks which links speak, and lets the signs say so.
func (m *membership) lookAtTies() {
	n := m.node
	nodes := make(map[string]bool)
	for _, name := range m.signs.living() {
		nodes[name] = false
	}
	for _, p := range n.peers.list() {
		nodes[p.name] = p.bothWays()
	}
	delete(nodes, n.cfg.Name)
	changed := m.ties.look(time.Duration(n.clock()), nodes)
	say := make([]*wire.WireTie, 0, len(nodes))
	for name := range nodes {
		t := &wire.WireTie{Node: name, State: m.ties.state(name)}
		if t.State != wire.TieState_TIE_HOLDS {
			t.Why = m.whyNot(name).full(maxWhy)
		} else if m.misses(name) {
			t.Why = m.noGossip(name).full(maxWhy)
		}
		say = append(say, t)
		m.listenTo(name, t)
	}
	slices.SortFunc(say, func(a, b *wire.WireTie) int { return strings.Compare(a.Node, b.Node) })
	m.signs.announce(say, !m.takesPart())
	for _, name := range changed {
		if m.ties.state(name) == wire.TieState_TIE_LOST {
			n.cfg.Log.Error("a link is lost", "node", name, "why", m.whyNot(name).full(maxWhy))
		}
	}
	if len(changed) > 0 {
		m.lookSoon()
	}
}

// listenTo logs that the link holds and gossip fails, if this node or the other
// one finds so: who is taken for dead next is a matter of chance.
func (m *membership) listenTo(name string, t *wire.WireTie) {
	if t.State != wire.TieState_TIE_HOLDS {
		return
	}
	theirs := tieOf(m.signs.sign(name), m.node.cfg.Name)
	if theirs.GetState() != wire.TieState_TIE_HOLDS || t.Why == "" && theirs.GetWhy() == "" {
		return
	}
	if _, ok := m.gossiping.May(); ok {
		m.node.cfg.Log.Error("gossip between two servers fails", "node", name, "here", t.Why, "there", theirs.GetWhy())
	}
}

// unheardMost is how often nobody must have listened where a node that lives
// gossips, before that is said.
const unheardMost = 3

// noGossip returns why gossip does not reach a node.
func (m *membership) noGossip(name string) reason {
	r := reason{public: fmt.Sprintf("gossip with %s fails: look at cluster.advertise, here and there, and let the port of cluster.bind through, UDP and TCP, both ways", name)}
	if w := m.signs.sign(name); w != nil && w.Gossip != "" {
		r.inner = fmt.Sprintf("it is at %s, this node at %s", w.Gossip, m.self)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.proofs[name].err; err != nil {
		r.inner += "; " + err.Error()
	} else if m.joinErr != nil {
		r.inner += "; " + strings.Join(strings.Fields(m.joinErr.Error()), " ")
	}
	return r
}

// misses tells whether gossip has not reached a node that lives for a while.
func (m *membership) misses(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proofs[name].missed >= unheardMost && !m.proofs[name].done
}

// prove connects once to the address at which each node that lives gossips. What
// comes from a node says nothing about it: gossip may go on for a while by what it
// sends itself.
func (m *membership) prove() {
	living := m.signs.living()
	for _, name := range living {
		w := m.signs.sign(name)
		if name == m.node.cfg.Name || w == nil || w.Gossip == "" || m.proved(name) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
		c, err := m.node.connect(ctx, w.Gossip)
		if cancel(); err == nil {
			err = c.Close()
		}
		m.mu.Lock()
		p := m.proofs[name]
		if p.err = err; err != nil {
			p.missed++
		}
		p.done = err == nil
		m.proofs[name] = p
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.proofs, func(name string, _ proof) bool { return !slices.Contains(living, name) })
}

// proof is whether a node can be reached where it gossips.
type proof struct {
	done   bool
	missed int // attempts
	err    error
}

func (m *membership) proved(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proofs[name].done
}

// maxWhy bounds what a sign says of one link, in bytes.
const maxWhy = 256

// lookSoon leaves a sign before its time.
func (m *membership) lookSoon() {
	m.node.spawn(func() {
		m.signs.look()
		m.kick()
	})
}

// holds tells whether the link to a node is not lost, and the node has not said
// that it leaves. The caller holds mu.
func (m *membership) holds(name string) bool {
	return !m.farewell[name] && m.ties.state(name) == wire.TieState_TIE_HOLDS
}

// A reason is why a link does not speak.
type reason struct {
	public string // for everybody: what to look at
	inner  string // for logs: addresses and errors
}

// full returns both, within a bound in bytes.
func (r reason) full(most int) string {
	s := r.public
	if r.inner != "" {
		s += " (" + r.inner + ")"
	}
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}

// unlike is a difference between two nodes by which they can't be one cluster.
type unlike struct{ text string }

// Error implements error.
func (u *unlike) Error() string { return u.text }

// whyNot returns why the link to a node does not speak.
func (m *membership) whyNot(name string) reason {
	n := m.node
	w := m.signs.sign(name)
	if w != nil && w.Announces {
		if err := n.foreign(name, w); err != nil {
			return reason{public: err.Error()}
		}
	}
	p := n.peers.get(name)
	if p == nil {
		return m.noGossip(name)
	}
	var u *unlike
	err := p.failure()
	if errors.As(err, &u) {
		return reason{public: u.text}
	}
	r := reason{public: fmt.Sprintf("the link to %s does not speak: look at cluster.advertise_peers (else the host of cluster.advertise), here and there, and let the port of cluster.peers through, TCP, both ways", name), inner: p.addr}
	if err != nil {
		r.inner += ": " + err.Error()
	}
	return r
}

// failure returns why there is no link that speaks; nil: that is not known.
func (p *peer) failure() error {
	if s := p.session.Load(); s != nil {
		switch silent, deaf := s.silent(p.node), time.Duration(s.deaf.Load()); {
		case silent > quietTime:
			return fmt.Errorf("nothing has come for %v", silent.Round(100*time.Millisecond))
		case deaf > quietTime:
			return fmt.Errorf("it has heard nothing for %v", deaf.Round(100*time.Millisecond))
		}
		return nil
	}
	if err := p.why.Load(); err != nil {
		return *err
	}
	return nil
}

// apart says why this node does not own shards while others do; nil: its links
// to them speak.
func (m *membership) apart(owners []string) *actors.Error {
	missing, whys, inner := []string(nil), []string(nil), []string(nil)
	for _, name := range owners {
		w := m.signs.sign(name)
		theirs := tieOf(w, m.node.cfg.Name)
		if name == m.node.cfg.Name || m.ties.state(name) == wire.TieState_TIE_HOLDS && theirs.GetState() == wire.TieState_TIE_HOLDS {
			continue
		}
		missing = append(missing, name)
		r := m.whyNot(name)
		if !slices.Contains(whys, r.public) {
			whys = append(whys, r.public)
		}
		inner = append(inner, r.inner)
		if theirs.GetWhy() != "" {
			inner = append(inner, fmt.Sprintf("%s says: %s", name, theirs.Why))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	const most = 3 // are told
	return &actors.Error{
		Code: actors.Unavailable,
		Detail: fmt.Sprintf("this node can't reach %d of the cluster's nodes (%s), and they go on without it; try another one; %s",
			len(missing), strings.Join(missing[:min(most, len(missing))], ", "), strings.Join(whys[:min(most, len(whys))], "; ")),
		Cause: errors.New(strings.Join(inner[:min(2*most, len(inner))], "; ")),
	}
}

// tieOf returns what a sign says of the link to a node; nil: nothing.
func tieOf(w *wire.WireSign, name string) *wire.WireTie {
	if w != nil {
		for _, t := range w.Ties {
			if t.Node == name {
				return t
			}
		}
	}
	return nil
}

// wait says why this node, which has owned nothing yet, owns nothing now.
func (m *membership) wait(d decision) {
	n := m.node
	why := d.why
	if why == nil {
		owners := d.owners
		if len(owners) == 0 {
			owners = m.signs.living()
		}
		if why = m.apart(owners); why == nil || n.clock() < int64(patience) {
			why = errJoining
		}
	}
	n.waits.Store(why)
	if why != errJoining {
		if _, ok := m.waiting.May(); ok {
			n.cfg.Log.Error("this node owns no users yet", "err", why)
		}
	}
}

// introduce says in a sign who this node is.
func (n *Node) introduce(w *wire.WireSign) {
	w.Cluster, w.Key, w.Time, w.Links = n.cfg.Cluster.Name, n.cfg.Cluster.keyPrint(), n.cfg.Now(), n.peersAddr
}

// foreign tells by what a node that uses the same store can't be of the same
// cluster; nil: by nothing.
func (n *Node) foreign(name string, w *wire.WireSign) error {
	switch {
	case w.Cluster != n.cfg.Cluster.Name:
		return &unlike{fmt.Sprintf("cluster.name is %q here and %q on %s, which uses the same database: give both the same name, or a database of its own to each", n.cfg.Cluster.Name, w.Cluster, name)}
	case !bytes.Equal(w.Key, n.cfg.Cluster.keyPrint()):
		return &unlike{fmt.Sprintf("cluster.key is another one here than on %s, which uses the same database: give both the same", name)}
	}
	return nil
}

// clockApart is by how much clocks may differ before it is told: users' times
// (expiry, send_at, tokens) are judged by whichever node owns them.
const clockApart = 5 * time.Second

// compareClock compares a node's clock, as it was when it left its sign just
// now, with this node's.
func (n *Node) compareClock(name string, w *wire.WireSign) time.Duration {
	if w.Time == 0 {
		return 0
	}
	ahead := time.Duration(w.Time-n.cfg.Now()) * time.Millisecond
	if ahead.Abs() <= clockApart {
		return 0
	}
	if _, ok := n.apartSaid.May(); ok {
		by, where := ahead.Abs().Round(time.Second), "behind"
		if ahead > 0 {
			where = "ahead"
		}
		n.cfg.Log.Error("another server's clock differs from this one's: set both by NTP; what expires, is sent later or is signed for a while goes wrong by as much", "node", name, "by", by, "where", where)
	}
	return ahead
}

package membership

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"reddot/cluster/wire"
)

// Whether gossip reaches those who live.

// A probe is whether a node can be reached where it gossips.
type probe struct {
	done   bool
	missed int // attempts
	err    error
}

const (
	// probeDialTime is how long one attempt may take.
	probeDialTime = 2 * time.Second
	// missedMost is how often nobody must have listened where a node that lives
	// gossips, before that is said.
	missedMost = 3
)

// probe connects once to the address at which each node that lives gossips. What
// comes from a node says nothing about it: gossip may go on for a while by what it
// sends itself.
func (m *Membership) probe() {
	living := m.Living()
	for _, name := range living {
		w := m.signs.sign(name)
		if name == m.cfg.Node || w == nil || w.Gossip == "" || m.probed(name).done {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), probeDialTime)
		c, err := m.cfg.Dial(ctx, w.Gossip)
		if cancel(); err == nil {
			err = c.Close()
		}
		m.mu.Lock()
		p := m.probes[name]
		if p.err = err; err != nil {
			p.missed++
		}
		p.done = err == nil
		m.probes[name] = p
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.probes, func(name string, _ probe) bool { return !slices.Contains(living, name) })
}

func (m *Membership) probed(name string) probe {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.probes[name]
}

// unreachable tells whether gossip has not reached a node that lives for a while.
func (m *Membership) unreachable(name string) bool {
	p := m.probed(name)
	return p.missed >= missedMost && !p.done
}

// noGossip returns why gossip does not reach a node.
func (m *Membership) noGossip(name string) reason {
	r := reason{public: fmt.Sprintf("gossip with %s fails: look at cluster.advertise, here and there, and let the port of cluster.bind through, UDP and TCP, both ways", name)}
	if w := m.signs.sign(name); w != nil && w.Gossip != "" {
		r.inner = fmt.Sprintf("it is at %s, this node at %s", w.Gossip, m.addr)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.probes[name].err; err != nil {
		r.inner += "; " + err.Error()
	} else if m.joinErr != nil {
		r.inner += "; " + strings.Join(strings.Fields(m.joinErr.Error()), " ")
	}
	return r
}

// logGossip logs that the link to a node is up and gossip fails, if this node or
// the other one finds so: who is taken for dead next is a matter of chance.
func (m *Membership) logGossip(name string, t *wire.WireTie) {
	if t.State != wire.TieState_TIE_HOLDS {
		return
	}
	theirs := announced(m.signs.sign(name), m.cfg.Node)
	if theirs.GetState() != wire.TieState_TIE_HOLDS || t.Why == "" && theirs.GetWhy() == "" {
		return
	}
	if _, ok := m.gossipLog.Allow(); ok {
		m.cfg.Log.Error("gossip between two servers fails", "node", name, "here", t.Why, "there", theirs.GetWhy())
	}
}

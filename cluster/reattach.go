package cluster

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/cluster/membership"
)

// reattach lets this node's connections attach again to users whose shard has
// moved, or whose node could not be reached: shard by shard, not all at once.
type reattach struct {
	conns atomic.Int64 // that this node held a moment ago
	mu    sync.Mutex
	due   map[uint16]time.Time
}

// The pace of it.
const (
	reattachSpread = 400 * time.Millisecond // and more, if the connections are many
	reattachMost   = 5 * time.Second
	reattachPace   = 20_000                 // connections a second
	reattachAgain  = 100 * time.Millisecond // after an owner that was none
	reattachLook   = 50 * time.Millisecond
)

// soon lets a shard's connections attach at some moment soon: each wakes a user
// where it now lives.
func (r *reattach) soon(shard uint16) {
	spread := reattachSpread + time.Duration(r.conns.Load())*time.Second/reattachPace
	r.at(shard, time.Now().Add(rand.N(min(spread, reattachMost))))
}

// later lets them attach a little later.
func (r *reattach) later(shard uint16) { r.at(shard, time.Now().Add(reattachAgain)) }

// at sets when; a shard that is due earlier stays so.
func (r *reattach) at(shard uint16, when time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.due == nil {
		r.due = make(map[uint16]time.Time)
	}
	if was, ok := r.due[shard]; !ok || when.Before(was) {
		r.due[shard] = when
	}
}

// take returns the shards whose time has come; nil: none.
func (r *reattach) take(now time.Time) *actors.ShardSet {
	r.mu.Lock()
	defer r.mu.Unlock()
	var set *actors.ShardSet
	for shard, when := range r.due {
		if !now.Before(when) {
			if set == nil {
				set = &actors.ShardSet{}
			}
			set.Add(shard)
			delete(r.due, shard)
		}
	}
	return set
}

// reattachDue tells the gateways.
func (n *Node) reattachDue() {
	if set := n.reattach.take(time.Now()); set != nil {
		for _, g := range n.gateways {
			n.system.Root.Send(g.PID(), &actors.Reattach{Shards: set})
		}
		n.system.Root.Send(n.home.Exchange, &actors.Reattach{Shards: set})
	}
}

// strandedTime is how long connections stay whose users are behind a link that is
// down, while the node at its other end lives. Another node may reach it. It is
// longer than it takes until one of the two owns nothing any more.
const strandedTime = membership.LostTime + 3*time.Second

// endStranded ends those connections: what happens to their users can't be told
// here, and their clients had better come back elsewhere.
func (n *Node) endStranded() {
	away := make(map[string]bool)
	now := n.clock()
	for _, p := range n.peers.list() {
		l := p.link.Load()
		if l != nil && !l.stuck(n) {
			p.downSince.Store(0)
			continue
		}
		since := p.downSince.Load()
		if since == 0 {
			p.downSince.Store(now)
		}
		if since != 0 && now-since > int64(strandedTime) {
			away[p.name] = true
			p.downSince.Store(now) // those who come back have as long
		}
	}
	if len(away) == 0 {
		return
	}
	before := n.connections()
	left := n.endAll(func() *gateway.EndWhere {
		return &gateway.EndWhere{Why: actors.EndFailed, Match: func(c *gateway.Conn) bool {
			owner, _ := n.dir.part(c.Key).where()
			return away[owner]
		}}
	})
	n.cfg.Log.Warn("sent connections away: the links to the nodes that own their users are down", "links", len(away), "connections", before-left)
}

// linkUp is told that a link has come up: connections to the peer's users
// attach again, and what waits for it is sent.
func (n *Node) linkUp(p *peer) {
	n.place.send(&linkUp{p.name})
	n.changed(changedLink)
	n.linkTopics(p)
	for i := range n.dir.parts {
		if owner, _ := n.dir.parts[i].where(); owner == p.name {
			n.reattach.soon(uint16(i))
			n.flush(uint16(i))
		}
	}
}

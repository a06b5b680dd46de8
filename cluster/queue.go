package cluster

import (
	"time"

	"reddot/actors"
)

// What can be sent nowhere at present waits: for a shard that is on its way
// from one node to another, for a link, until it is known who owns what.

// A queued message waits.
type queued struct {
	key   actors.Key
	m     any
	size  int
	since time.Time
}

// The bounds of what waits on one node.
const (
	queueTime = 5 * time.Second
	// queueLinkTime is how long it waits for a link to a node that lives: a moment,
	// as when that one has just been killed. One that stays cut off from this
	// node can be reached by others, and the caller had better ask those.
	queueLinkTime  = 1500 * time.Millisecond
	queueMost      = 1 << 16
	queueMostBytes = 64 << 20
	// flushEvery is how often what waits is tried again.
	flushEvery = 50 * time.Millisecond
)

// queue keeps a message until it can be sent, or for so long. since is when it
// first came; zero: now.
func (n *Node) queue(key actors.Key, m any, since time.Time, most time.Duration) {
	if since.IsZero() {
		since = time.Now()
	}
	size := actors.Weight(m)
	switch {
	case time.Since(since) > most && most == queueLinkTime:
		n.home.Refuse(m, actors.Errorf(actors.Unavailable, "this node can't reach the one that owns this user; nothing was done, try again or another node"))
		return
	case time.Since(since) > most:
		n.home.Refuse(m, actors.Errorf(actors.Unavailable, "no node has taken this user over in time; nothing was done, try again"))
		return
	case n.queuedCount.Load() >= queueMost || n.queuedBytes.Load()+int64(size) > queueMostBytes:
		n.home.Refuse(m, actors.Errorf(actors.Busy, "too many requests wait for users that move between nodes; nothing was done"))
		return
	}
	n.queuedCount.Add(1)
	n.queuedBytes.Add(int64(size))
	p := n.dir.part(key)
	p.mu.Lock()
	p.queue = append(p.queue, queued{key, m, size, since})
	p.mu.Unlock()
}

// flush tries again what waits for a shard.
func (n *Node) flush(shard uint16) {
	p := &n.dir.parts[shard]
	p.mu.Lock()
	list := p.queue
	p.queue = nil
	p.mu.Unlock()
	for _, h := range list {
		n.queuedCount.Add(-1)
		n.queuedBytes.Add(-int64(h.size))
		n.route(h.key, h.m, h.since)
	}
}

// flushAll tries again all that waits.
func (n *Node) flushAll() {
	if n.queuedCount.Load() == 0 {
		return
	}
	for shard := range n.dir.parts {
		n.flush(uint16(shard))
	}
}

package cluster

import (
	"time"

	"reddot/actors"
)

// What can be sent nowhere at present waits: for a shard that is on its way
// from one node to another, for a link, for news of who owns what.

// held is a message that waits.
type held struct {
	key   actors.Key
	m     any
	size  int
	since time.Time
}

// The bounds of what waits on one node.
const (
	holdTime = 5 * time.Second
	// linkTime is how long it waits for a link to a node that lives: a moment,
	// as when that one has just been killed. One that stays cut off from this
	// node can be reached by others, and the caller had better ask those.
	linkTime  = 1500 * time.Millisecond
	holdMost  = 1 << 16
	holdBytes = 64 << 20
	// holdLook is how often what waits is tried again.
	holdLook = 50 * time.Millisecond
)

// hold keeps a message until it can be sent, or for so long. since is when it
// first came; zero: now.
func (n *Node) hold(key actors.Key, m any, since time.Time, most time.Duration) {
	if since.IsZero() {
		since = time.Now()
	}
	size := actors.Weight(m)
	switch {
	case time.Since(since) > most && most == linkTime:
		n.home.Refuse(m, actors.Errorf(actors.Unavailable, "this node can't reach the one that owns this user; nothing was done, try again or another node"))
		return
	case time.Since(since) > most:
		n.home.Refuse(m, actors.Errorf(actors.Unavailable, "no node has taken this user over in time; nothing was done, try again"))
		return
	case n.heldCount.Load() >= holdMost || n.heldBytes.Load()+int64(size) > holdBytes:
		n.home.Refuse(m, actors.Errorf(actors.Busy, "too many requests wait for users that move between nodes; nothing was done"))
		return
	}
	n.heldCount.Add(1)
	n.heldBytes.Add(int64(size))
	p := n.dir.part(key)
	p.mu.Lock()
	p.held = append(p.held, held{key, m, size, since})
	p.mu.Unlock()
}

// release tries again what waits for a shard.
func (n *Node) release(shard uint16) {
	p := &n.dir.parts[shard]
	p.mu.Lock()
	list := p.held
	p.held = nil
	p.mu.Unlock()
	for _, h := range list {
		n.heldCount.Add(-1)
		n.heldBytes.Add(-int64(h.size))
		n.route(h.key, h.m, h.since)
	}
}

// releaseAll tries again all that waits.
func (n *Node) releaseAll() {
	if n.heldCount.Load() == 0 {
		return
	}
	for shard := range n.dir.parts {
		n.release(uint16(shard)) // #nosec G115 -- there are 1,024
	}
}

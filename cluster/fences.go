package cluster

import (
	"context"
	"fmt"
	"sync/atomic"

	"reddot/actors"
	"reddot/cluster/membership"
)

// A fenceTable is the fences that this node holds, each as its epoch plus one; 0
// means that the node does not own the shard.
type fenceTable [actors.Shards]atomic.Uint64

func (h *fenceTable) set(f actors.Fence) { h[f.Shard].Store(f.Epoch + 1) }

// forKey returns the fence by which this node writes to key.
func (h *fenceTable) forKey(key actors.Key) (actors.Fence, bool) {
	return h.of(actors.ShardOf(key))
}

// of returns the fence of a shard.
func (h *fenceTable) of(shard uint16) (actors.Fence, bool) {
	held := h[shard].Load()
	return actors.Fence{Shard: shard, Epoch: held - 1}, held != 0
}

// holdsLease tells whether the actor's shard is this node's and nobody else can
// answer for it: the store has lately confirmed that.
func (n *Node) holdsLease(key actors.Key) bool {
	if n.membership == nil {
		return true
	}
	_, ok := n.fences.forKey(key)
	return ok && n.clock()-n.confirmed.Load() < int64(membership.Lease)
}

// confirm is told what the fences were in the store at some moment after began.
func (n *Node) confirm(present []actors.Taken, began int64) {
	lost := false
	for _, t := range present {
		if f, ok := n.fences.of(t.Shard); ok && t.Epoch > f.Epoch {
			lost = true
			n.place.send(&fenced{f})
		}
	}
	if !lost {
		n.confirmed.Store(began)
	}
}

// takeAll takes all shards: this is the only node.
func (n *Node) takeAll(ctx context.Context) error {
	var from [actors.Shards]actors.Fence
	for i := range from {
		from[i].Shard = uint16(i)
	}
	present, err := n.store.Epochs(ctx)
	if err != nil {
		return fmt.Errorf("read the shards' epochs: %w", err)
	}
	for _, t := range present {
		from[t.Shard] = t.Fence
	}
	taken, err := n.store.Take(ctx, n.cfg.Name, from[:])
	if err != nil {
		return fmt.Errorf("take the shards: %w", err)
	}
	if len(taken) != actors.Shards {
		return fmt.Errorf("take the shards: another node took %d of %d at the same time; one node at a time uses this store", actors.Shards-len(taken), actors.Shards)
	}
	for _, f := range taken {
		n.fences.set(f)
		n.dir.parts[f.Shard].set(n.cfg.Name, true, nil)
	}
	return nil
}

// fenced is told that another node has taken a shard that this one wrote to.
func (n *Node) fenced(f actors.Fence) {
	switch {
	case n.membership != nil:
		n.place.send(&fenced{f})
	case n.cfg.Fenced != nil:
		n.cfg.Fenced(f)
	}
}

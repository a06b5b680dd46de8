package actors

import "context"

// A Fence is the right to write to the actors of one shard. The store holds
// one epoch for each shard, and takes a write only if it comes under that one.
// The epoch of a shard that nobody has taken yet is 0.
type Fence struct {
	Shard uint16
	Epoch uint64
}

// Fences hands out the fences. Two nodes may believe that they own a shard;
// the one that took its fence last is right, and the other's writes fail.
type Fences interface {
	// Take raises the epoch of each shard in from that still has the epoch
	// given there by one, all in one commit, and returns the new fences, in
	// the order of from; those of shards that have moved on are left out.
	// From when it returns no write under an older fence becomes durable, and
	// all that did before can be read. After an error the outcome is unknown:
	// Epochs tells, for owner names a node as it was started, once.
	Take(ctx context.Context, owner string, from []Fence) ([]Fence, error)
	// Epochs returns the present fences, in the order of their shards; shards
	// that nobody ever took may be left out.
	Epochs(ctx context.Context) ([]Taken, error)
}

// Taken says who took a fence.
type Taken struct {
	Fence
	Owner string
}

package store

import (
	"context"
	"fmt"
	"sync"

	"reddot/actors"
)

// A Take asks for shards, whose epochs it raises. Its caller waits at done.
type Take struct {
	owner string
	from  []actors.Fence
	taken []actors.Fence // set before done is told
	done  chan error     // has room for the one answer
}

// Take raises the epochs of shards, as actors.Fences says, and waits for the
// commit.
func (w *Writer) Take(ctx context.Context, owner string, from []actors.Fence) ([]actors.Fence, error) {
	if err := CheckTake(owner, from); err != nil {
		return nil, err
	}
	t := &Take{owner: owner, from: append([]actors.Fence(nil), from...), done: make(chan error, 1)}
	if err := w.put(Job{Take: t, size: len(from) * (fenceSize + len(owner))}); err != nil {
		return nil, err
	}
	select {
	case err := <-t.done:
		return t.taken, err
	case <-ctx.Done():
		return nil, fmt.Errorf("take %d shards: await the commit: %w", len(from), ctx.Err())
	}
}

// fenceSize is about how many bytes a fence adds to a batch.
const fenceSize = 1 + 2 + 8

// CheckTake returns an error unless somebody with a name takes each shard once.
func CheckTake(owner string, from []actors.Fence) error {
	if owner == "" {
		return actors.Errorf(actors.Invalid, "whoever takes a shard has a name")
	}
	seen := make(map[uint16]bool, len(from))
	for _, f := range from {
		if f.Shard >= actors.Shards || seen[f.Shard] {
			return actors.Errorf(actors.Invalid, "shard %d is named twice, or there is no such shard", f.Shard)
		}
		seen[f.Shard] = true
	}
	return nil
}

// Fences are the epochs of a store to which one process at a time writes, kept
// in memory. The writer's goroutine alone checks and raises them.
type Fences struct {
	staged [actors.Shards]actors.Taken
	raised bool // since the last commit

	mu        sync.Mutex
	committed [actors.Shards]actors.Taken
}

// Check returns an error if w comes under another fence than its shard's.
func (f *Fences) Check(w *actors.Write) error {
	has := w.Stream.Fence
	if has.Shard < actors.Shards && has.Epoch == f.staged[has.Shard].Epoch {
		return nil
	}
	return Fenced(w.Stream)
}

// Load puts in force an epoch that was taken before the store was opened.
func (f *Fences) Load(t actors.Taken) {
	f.staged[t.Shard], f.committed[t.Shard] = t, t
}

// Raise carries t out, and calls note with each epoch that it raises.
func (f *Fences) Raise(t *Take, note func(actors.Taken)) {
	for _, from := range t.from {
		now := &f.staged[from.Shard]
		if now.Epoch != from.Epoch {
			continue
		}
		from.Epoch++
		*now = actors.Taken{Fence: from, Owner: t.owner}
		t.taken = append(t.taken, from)
		f.raised = true
		note(*now)
	}
}

// Commit shows what was raised.
func (f *Fences) Commit() {
	if !f.raised {
		return
	}
	f.raised = false
	f.mu.Lock()
	f.committed = f.staged
	f.mu.Unlock()
}

// Epochs implements actors.Fences.
func (f *Fences) Epochs(context.Context) ([]actors.Taken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []actors.Taken
	for _, t := range f.committed {
		if t.Epoch != 0 {
			all = append(all, t)
		}
	}
	return all, nil
}

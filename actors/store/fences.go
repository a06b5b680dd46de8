package store

import (
	"context"
	"fmt"
	"sync"

	"reddot/actors"
)

// A take raises epochs; the caller waits at done.
type take struct {
	owner string
	from  []actors.Fence
	taken []actors.Fence // set before done is told
	done  chan error     // has room for the one answer
}

// Take implements actors.Fences.
func (w *writer) Take(ctx context.Context, owner string, from []actors.Fence) ([]actors.Fence, error) {
	if err := checkTake(owner, from); err != nil {
		return nil, err
	}
	t := &take{owner: owner, from: append([]actors.Fence(nil), from...), done: make(chan error, 1)}
	if err := w.put(job{take: t, size: len(from) * (fenceLen + len(owner))}); err != nil {
		return nil, err
	}
	select {
	case err := <-t.done:
		return t.taken, err
	case <-ctx.Done():
		return nil, fmt.Errorf("take %d shards: await the commit: %w", len(from), ctx.Err())
	}
}

func checkTake(owner string, from []actors.Fence) error {
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

// fences are the epochs of a store to which one process at a time writes. The
// writer's goroutine alone asks and raises them.
type fences struct {
	staged [actors.Shards]actors.Taken
	raised bool // since the last commit

	mu        sync.Mutex
	committed [actors.Shards]actors.Taken
}

// check returns an error if w comes under another fence than its shard's.
func (f *fences) check(w *actors.Write) error {
	has := w.Stream.Fence
	if has.Shard < actors.Shards && has.Epoch == f.staged[has.Shard].Epoch {
		return nil
	}
	return fencedError(w.Stream)
}

// take carries t out, and calls raise with what it raises.
func (f *fences) take(t *take, raise func(actors.Taken)) {
	for _, from := range t.from {
		now := &f.staged[from.Shard]
		if now.Epoch != from.Epoch {
			continue
		}
		from.Epoch++
		*now = actors.Taken{Fence: from, Owner: t.owner}
		t.taken = append(t.taken, from)
		f.raised = true
		raise(*now)
	}
}

// commit shows what was raised.
func (f *fences) commit() {
	if !f.raised {
		return
	}
	f.raised = false
	f.mu.Lock()
	f.committed = f.staged
	f.mu.Unlock()
}

// Epochs implements actors.Fences.
func (f *fences) Epochs(context.Context) ([]actors.Taken, error) {
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

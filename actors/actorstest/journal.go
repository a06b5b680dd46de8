package actorstest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"reddot/actors"
	"reddot/actors/store/memory"
)

// Journal keeps everything in memory. Writes are settled by a goroutine of its
// own, batch by batch, as a store does.
type Journal struct {
	*memory.State
	mu       sync.Mutex
	changed  *sync.Cond
	queue    []*actors.Write
	held     bool
	closed   bool
	settling bool
	writes   int
	refuse   error
	fail     error
	unread   error
	noRecord error
	swaps    sync.Mutex // held while a record is compared and set
	panics   string
	done     chan struct{}

	last   map[actors.Key]uint64 // the last event that was ever written
	fences [actors.Shards]actors.Taken
}

var (
	_ actors.Journal     = (*Journal)(nil)
	_ actors.Lookup      = (*Journal)(nil)
	_ actors.SwapRecords = (*Journal)(nil)
	_ actors.Fences      = (*Journal)(nil)
)

// NewJournal returns an empty journal; Close ends its goroutine.
func NewJournal() *Journal {
	j := &Journal{
		State: memory.NewState(), done: make(chan struct{}), last: make(map[actors.Key]uint64),
	}
	for i := range j.fences {
		j.fences[i].Shard = uint16(i)
	}
	j.changed = sync.NewCond(&j.mu)
	go j.commit()
	return j
}

// Close settles what is queued and ends the journal's goroutine.
func (j *Journal) Close() {
	j.set(func() { j.closed, j.held = true, false })
	<-j.done
}

func (j *Journal) set(fn func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fn()
	j.changed.Broadcast()
}

// Hold lets nothing become durable until Release.
func (j *Journal) Hold() { j.set(func() { j.held = true }) }

// Release ends a Hold.
func (j *Journal) Release() { j.set(func() { j.held = false }) }

// ErrBusy is what a store answers that has no room.
var ErrBusy = actors.Errorf(actors.Busy, "the store has as much to write as it may; nothing was done")

// Refuse lets Append fail with err, nil: no more.
func (j *Journal) Refuse(err error) { j.set(func() { j.refuse = err }) }

// Fail lets the next batch fail with err: nothing of it is stored.
func (j *Journal) Fail(err error) { j.set(func() { j.fail = err }) }

// Unreadable lets the next Load fail with err.
func (j *Journal) Unreadable(err error) { j.set(func() { j.unread = err }) }

// Panic lets the next Append for an actor with this name panic.
func (j *Journal) Panic(name string) { j.set(func() { j.panics = name }) }

// Panics tells whether a panic is still to come.
func (j *Journal) Panics() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.panics != ""
}

// Flush waits until nothing is queued and nothing is being settled.
func (j *Journal) Flush() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.queue) > 0 || j.settling {
		j.changed.Wait()
	}
}

// WaitQueued waits until n writes wait for Release.
func (j *Journal) WaitQueued(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.queue) < n {
		j.changed.Wait()
	}
}

// Writes returns how many writes were stored.
func (j *Journal) Writes() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.writes
}

// Append implements actors.Journal.
func (j *Journal) Append(w *actors.Write) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.panics != "" && w.Stream.Key.Name() == j.panics {
		j.panics = ""
		panic("a journal that panics on demand")
	}
	if j.refuse != nil {
		return j.refuse
	}
	if j.closed {
		return actors.Errorf(actors.Unavailable, "closed")
	}
	j.queue = append(j.queue, w)
	j.changed.Broadcast()
	return nil
}

// commit settles what is queued until Close.
func (j *Journal) commit() {
	defer close(j.done)
	for {
		j.mu.Lock()
		for !j.closed && (j.held || len(j.queue) == 0) {
			j.changed.Wait()
		}
		batch, err := j.queue, j.fail
		if len(batch) == 0 {
			j.mu.Unlock()
			return
		}
		j.queue, j.fail, j.settling = nil, nil, true
		var good, bad, fenced []*actors.Write
		for _, w := range batch {
			switch {
			case err != nil || w.Stream.Err() != nil:
				bad = append(bad, w)
			case w.Stream.Fence != j.fences[w.Stream.Fence.Shard].Fence:
				fenced = append(fenced, w)
			default:
				j.apply(w)
				good = append(good, w)
			}
		}
		j.mu.Unlock()
		if err == nil {
			err = fmt.Errorf("an earlier write failed")
		}
		actors.Settle(bad, err)
		actors.Settle(good, nil)
		actors.Settle(fenced, actors.Errorf(actors.Fenced, "the shard was taken by another node"))
		j.set(func() { j.settling = false })
	}
}

// apply stores a write. It panics where an actor breaks the journal's rules.
func (j *Journal) apply(w *actors.Write) {
	key := w.Stream.Key
	last := j.last[key]
	if slices.ContainsFunc(w.Delete, func(r actors.Range) bool { return r.First > w.After && r.Last == last }) {
		last = w.After // it goes on before a hole
	}
	if w.After != last {
		panic(fmt.Sprintf("%s: a write after event %d, the last is %d: two activations write", key, w.After, last))
	}
	for _, r := range w.Rewrite {
		if stored, _ := j.HasEvent(key, r.Seq); !stored && (r.Seq <= w.After || r.Seq > w.Last()) {
			panic(fmt.Sprintf("event %d is rewritten, and is not there", r.Seq))
		}
	}
	j.last[actors.Key(strings.Clone(string(key)))] = w.Last()
	if w.Forget > w.Last() && w.Snapshot == nil { // nothing is left
		delete(j.last, key)
	}
	j.writes++
	j.Apply(w)
}

// Take implements actors.Fences.
func (j *Journal) Take(_ context.Context, owner string, from []actors.Fence) (taken []actors.Fence, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range from {
		if j.fences[f.Shard].Fence == f {
			f.Epoch++
			j.fences[f.Shard] = actors.Taken{Fence: f, Owner: owner}
			taken = append(taken, f)
		}
	}
	return taken, nil
}

// Epochs implements actors.Fences.
func (j *Journal) Epochs(context.Context) ([]actors.Taken, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.fences[:]), nil
}

// Load implements actors.Journal.
func (j *Journal) Load(ctx context.Context, key actors.Key, snapshot, event func([]byte) error) error {
	j.mu.Lock()
	err := j.unread
	j.unread = nil
	j.mu.Unlock()
	if err != nil {
		return err
	}
	return j.State.Load(ctx, key, snapshot, event)
}

// FailRecords lets every call about records fail with err; nil: none.
func (j *Journal) FailRecords(err error) { j.set(func() { j.noRecord = err }) }

func (j *Journal) recordsFail() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.noRecord
}

// PutRecord implements actors.Records.
func (j *Journal) PutRecord(_ context.Context, kind, key string, value []byte) error {
	if err := j.recordsFail(); err != nil {
		return err
	}
	j.SetRecord(kind, key, value)
	return nil
}

// SwapRecord implements actors.SwapRecords.
func (j *Journal) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	if err := j.recordsFail(); err != nil {
		return err
	}
	j.swaps.Lock()
	defer j.swaps.Unlock()
	now, err := j.State.ReadRecord(ctx, kind, key)
	if (err != nil) != (old == nil) || !bytes.Equal(now, old) {
		return actors.Errorf(actors.Conflict, "the record is another one by now")
	}
	if value == nil {
		j.RemoveRecord(kind, key)
	} else {
		j.SetRecord(kind, key, value)
	}
	return nil
}

// DeleteRecord implements actors.Records.
func (j *Journal) DeleteRecord(_ context.Context, kind, key string) error {
	if err := j.recordsFail(); err != nil {
		return err
	}
	j.RemoveRecord(kind, key)
	return nil
}

// ReadRecord implements actors.Records.
func (j *Journal) ReadRecord(ctx context.Context, kind, key string) ([]byte, error) {
	if err := j.recordsFail(); err != nil {
		return nil, err
	}
	return j.State.ReadRecord(ctx, kind, key)
}

// ListRecords implements actors.Records.
func (j *Journal) ListRecords(ctx context.Context, kind, after string, limit int) ([]actors.Record, error) {
	if err := j.recordsFail(); err != nil {
		return nil, err
	}
	return j.State.ListRecords(ctx, kind, after, limit)
}

package actorstest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"reddot/actors"
)

// Journal keeps everything in memory. Writes are settled by a goroutine of its
// own, batch by batch, as a store does.
type Journal struct {
	Records
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
	panics   string
	done     chan struct{}

	streams map[actors.Key]*stream
	owners  map[actors.ID]actors.Key
	tallies map[actors.ID][actors.NumTallies]int64
	wakes   map[wake]bool
	fences  [actors.Shards]actors.Taken
}

type stream struct {
	last      uint64
	events    map[uint64][]byte
	snapshots map[uint64][]byte
}

type wake struct {
	at  int64
	key actors.Key
}

var (
	_ actors.Journal = (*Journal)(nil)
	_ actors.Lookup  = (*Journal)(nil)
	_ actors.Records = (*Journal)(nil)
	_ actors.Fences  = (*Journal)(nil)
)

// NewJournal returns an empty journal; Close ends its goroutine.
func NewJournal() *Journal {
	j := &Journal{
		done: make(chan struct{}), streams: map[actors.Key]*stream{}, owners: map[actors.ID]actors.Key{},
		tallies: map[actors.ID][actors.NumTallies]int64{}, wakes: map[wake]bool{},
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

// Stored returns how many events of an actor are stored.
func (j *Journal) Stored(key actors.Key) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s := j.streams[key]; s != nil {
		return len(s.events)
	}
	return 0
}

// Holds tells whether a text stands anywhere in what is stored.
func (j *Journal) Holds(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.streams {
		for _, list := range []map[uint64][]byte{s.events, s.snapshots} {
			for _, b := range list {
				if bytes.Contains(b, []byte(text)) {
					return true
				}
			}
		}
	}
	return false
}

// Writes returns how many writes were stored.
func (j *Journal) Writes() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.writes
}

// Beside returns how many owners, funnels and wake-ups are stored.
func (j *Journal) Beside() (owners, funnels, wakes int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.owners), len(j.tallies), len(j.wakes)
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

func (j *Journal) apply(w *actors.Write) {
	key := actors.Key(strings.Clone(string(w.Stream.Key)))
	s := j.streams[key]
	if s == nil {
		s = &stream{events: map[uint64][]byte{}, snapshots: map[uint64][]byte{}}
		j.streams[key] = s
	}
	if w.After != s.last {
		panic(fmt.Sprintf("%s: a write after event %d, the last is %d: two activations write", key, w.After, s.last))
	}
	j.writes++
	s.apply(w)
	delete(j.wakes, wake{w.Wake.Old, key})
	if w.Wake.New != 0 {
		j.wakes[wake{w.Wake.New, key}] = true
	}
	for _, id := range w.Disown {
		delete(j.owners, id)
	}
	for _, id := range w.Own {
		j.owners[id] = key
	}
	for _, id := range w.Untally {
		delete(j.tallies, id)
	}
	for _, t := range w.Tally {
		sum := j.tallies[t.ID]
		sum[t.Kind] += t.N
		j.tallies[t.ID] = sum
	}
}

func (s *stream) apply(w *actors.Write) {
	for i, e := range w.Events {
		s.events[w.After+1+uint64(i)] = slices.Clone(e)
	}
	s.last = w.Last()
	for _, r := range w.Rewrite {
		if s.events[r.Seq] == nil {
			panic(fmt.Sprintf("event %d is rewritten, and is not there", r.Seq))
		}
		s.events[r.Seq] = slices.Clone(r.Event)
	}
	for _, r := range w.Delete {
		for seq := r.First; seq <= r.Last; seq++ {
			delete(s.events, seq)
		}
	}
	if w.Snapshot != nil {
		s.snapshots[w.Last()] = w.Snapshot
	}
	for seq := range s.snapshots {
		if seq < w.Forget {
			delete(s.snapshots, seq)
		}
	}
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
func (j *Journal) Load(_ context.Context, key actors.Key, snapshot, event func([]byte) error) error {
	j.mu.Lock()
	err := j.unread
	j.unread = nil
	j.mu.Unlock()
	if err != nil {
		return err
	}
	raw, at, events := j.state(key)
	if raw != nil {
		if err := snapshot(raw); err != nil {
			return err
		}
	}
	for i, e := range events {
		if e == nil {
			return fmt.Errorf("%s: event %d is gone", key, at+1+uint64(i))
		}
		if err := event(e); err != nil {
			return err
		}
	}
	return nil
}

// state returns the newest snapshot, its seq, and the events after it.
func (j *Journal) state(key actors.Key) (raw []byte, at uint64, events [][]byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.streams[key]
	if s == nil {
		return nil, 0, nil
	}
	for seq := range s.snapshots {
		at = max(at, seq)
	}
	for seq := at + 1; seq <= s.last; seq++ {
		events = append(events, s.events[seq])
	}
	return s.snapshots[at], at, events
}

// Events implements actors.Journal.
func (j *Journal) Events(_ context.Context, key actors.Key, first, last uint64, fn func(uint64, []byte) bool) error {
	for seq := first; seq <= last; seq++ {
		j.mu.Lock()
		var e []byte
		if s := j.streams[key]; s != nil {
			e = s.events[seq]
		}
		j.mu.Unlock()
		if e != nil && !fn(seq, e) {
			break
		}
	}
	return nil
}

// Snapshot implements actors.Journal.
func (j *Journal) Snapshot(_ context.Context, key actors.Key, seq uint64) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s, best := j.streams[key], uint64(0)
	if s == nil {
		return nil, nil
	}
	for at := range s.snapshots {
		if at <= seq {
			best = max(best, at)
		}
	}
	return s.snapshots[best], nil
}

// Owner implements actors.Lookup.
func (j *Journal) Owner(_ context.Context, id actors.ID) (actors.Key, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if key, ok := j.owners[id]; ok {
		return key, nil
	}
	return "", actors.Errorf(actors.NotFound, "nobody answers for this message")
}

// Tallies implements actors.Lookup.
func (j *Journal) Tallies(_ context.Context, id actors.ID) ([actors.NumTallies]int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.tallies[id], nil
}

// Due implements actors.Lookup.
func (j *Journal) Due(_ context.Context, now int64, fn func(actors.Key, int64) bool) error {
	j.mu.Lock()
	var due []wake
	for w := range j.wakes {
		if w.at <= now {
			due = append(due, w)
		}
	}
	j.mu.Unlock()
	slices.SortFunc(due, func(a, b wake) int { return int(a.at - b.at) })
	for _, w := range due {
		if !fn(w.key, w.at) {
			break
		}
	}
	return nil
}

package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
)

// Memory is a store that forgets everything at exit. It settles as Pebble
// does: from one goroutine, batch by batch.
type Memory struct {
	*writer
	*shelf
	history uint64
}

var (
	_ actors.Journal = (*Memory)(nil)
	_ actors.Lookup  = (*Memory)(nil)
	_ actors.Records = (*Memory)(nil)
	_ actors.Fences  = (*Memory)(nil)

	_ actors.Historian = (*Memory)(nil)
)

// NewMemory returns an empty store. r may be nil.
func NewMemory(cfg Config, r prometheus.Registerer) (*Memory, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Memory{history: mintHistory(), shelf: &shelf{
		journals: make(map[actors.Key]*journal),
		owners:   make(map[actors.ID]actors.Key),
		tallies:  make(map[actors.ID][actors.NumTallies]int64),
		records:  make(map[string]map[string][]byte),
	}}
	m.writer = newWriter(cfg, m.shelf, newMetrics(r))
	if err := m.metrics.register(m.writer); err != nil {
		return nil, err
	}
	go m.run()
	return m, nil
}

// Close waits until all that is queued is settled; later writes fail with
// Unavailable, reads go on.
func (m *Memory) Close(ctx context.Context) error {
	if err := m.stop(ctx); err != nil {
		return err
	}
	m.metrics.unregister()
	return nil
}

// A shelf is what Memory holds.
type shelf struct {
	mu       sync.RWMutex
	journals map[actors.Key]*journal
	owners   map[actors.ID]actors.Key
	tallies  map[actors.ID][actors.NumTallies]int64
	wakes    []wakeUp // sorted
	records  map[string]map[string][]byte
	fences

	staged []*job // of the writer's goroutine
}

// A journal is one actor's part. Both lists are in the order of seq.
type journal struct {
	events    []entry
	snapshots []entry
}

type entry struct {
	seq  uint64
	data []byte
}

type wakeUp struct {
	at  int64
	key actors.Key
}

func (a wakeUp) compare(b wakeUp) int {
	return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(string(a.key), string(b.key)))
}

func (s *shelf) stage(j *job) {
	switch {
	case j.take != nil:
		s.take(j.take, func(actors.Taken) {})
		return
	case j.write != nil:
		if j.err = s.check(j.write); j.err == nil {
			j.err = follow(j.write, s)
		}
		if j.err != nil {
			return
		}
	}
	s.staged = append(s.staged, j)
}

func (s *shelf) put(w *actors.Write) {
	key := actors.Key(strings.Clone(string(w.Stream.Key)))
	j := s.journals[key]
	if j == nil {
		j = &journal{}
		s.journals[key] = j
	}
	j.apply(w)
	s.applyWake(key, w.Wake)
	for _, id := range w.Disown {
		delete(s.owners, id)
	}
	for _, id := range w.Own {
		s.owners[id] = key
	}
	for _, id := range w.Untally {
		delete(s.tallies, id)
	}
	for _, t := range w.Tally {
		sum := s.tallies[t.ID]
		sum[t.Kind] += t.N
		s.tallies[t.ID] = sum
	}
}

func (j *journal) apply(w *actors.Write) {
	for i, e := range w.Events {
		put(&j.events, w.After+1+uint64(i), e)
	}
	for _, r := range w.Rewrite {
		put(&j.events, r.Seq, r.Event)
	}
	for _, r := range w.Delete {
		cut(&j.events, r.First, r.Last)
	}
	if w.Snapshot != nil {
		put(&j.snapshots, w.Last(), w.Snapshot)
	}
	if w.Forget > 0 {
		cut(&j.snapshots, 0, w.Forget-1)
	}
}

func (s *shelf) applyWake(key actors.Key, w actors.Wake) {
	if w.Old == w.New {
		return
	}
	if i, ok := slices.BinarySearchFunc(s.wakes, wakeUp{w.Old, key}, wakeUp.compare); ok {
		s.wakes = slices.Delete(s.wakes, i, i+1)
	}
	if w.New == 0 {
		return
	}
	if i, ok := slices.BinarySearchFunc(s.wakes, wakeUp{w.New, key}, wakeUp.compare); !ok {
		s.wakes = slices.Insert(s.wakes, i, wakeUp{w.New, key})
	}
}

func (s *shelf) putRecord(r *recordWrite) {
	if r.delete {
		delete(s.records[r.kind], r.key)
		return
	}
	if s.records[r.kind] == nil {
		s.records[r.kind] = make(map[string][]byte)
	}
	s.records[r.kind][r.key] = r.value
}

// commit shows the whole batch, whose settling is certain from here on.
func (s *shelf) commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, j := range s.staged {
		if j.record != nil {
			s.putRecord(j.record)
		} else {
			s.put(j.write)
		}
		s.staged[i] = nil
	}
	s.staged = s.staged[:0]
	s.fences.commit()
	return nil
}

// find returns where seq is in the list, or would be.
func find(list []entry, seq uint64) (int, bool) {
	return slices.BinarySearchFunc(list, seq, func(e entry, seq uint64) int { return cmp.Compare(e.seq, seq) })
}

// put sets seq to a copy of data.
func put(list *[]entry, seq uint64, data []byte) {
	e := entry{seq, append([]byte{}, data...)}
	if i, ok := find(*list, seq); ok {
		(*list)[i] = e
	} else {
		*list = slices.Insert(*list, i, e)
	}
}

// cut removes first to last.
func cut(list *[]entry, first, last uint64) {
	if first > last {
		return
	}
	i, _ := find(*list, first)
	j, ok := find(*list, last)
	if ok {
		j++
	}
	*list = slices.Delete(*list, i, j)
}

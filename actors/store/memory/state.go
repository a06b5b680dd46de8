package memory

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"

	"reddot/actors"
	"reddot/actors/store"
)

// A State is what a store holds. It is made by the writes that are applied to it,
// and reads as a store does.
type State struct {
	mu       sync.RWMutex
	journals map[actors.Key]*journal
	owners   map[actors.ID]actors.Key
	tallies  map[actors.ID][actors.NumTallies]int64
	wakes    []wakeUp // sorted
	records  map[string]map[string][]byte
	rows     map[string][]byte
	rowKeys  []string // of rows, sorted; nil: they are to be sorted again
}

var (
	_ actors.Lookup = (*State)(nil)
	_ actors.Index  = (*State)(nil)
	_ store.Index   = (*State)(nil)
)

// A journal is one actor's part.
type journal struct{ events, snapshots store.Entries }

type wakeUp struct {
	at  int64
	key actors.Key
}

func (a wakeUp) compare(b wakeUp) int {
	return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(string(a.key), string(b.key)))
}

// NewState returns the state of an empty store.
func NewState() *State {
	return &State{
		journals: make(map[actors.Key]*journal),
		owners:   make(map[actors.ID]actors.Key),
		tallies:  make(map[actors.ID][actors.NumTallies]int64),
		records:  make(map[string]map[string][]byte),
		rows:     make(map[string][]byte),
	}
}

// Apply carries out a write, of which it keeps nothing.
func (s *State) Apply(w *actors.Write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(w)
}

func (s *State) apply(w *actors.Write) {
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
	for _, id := range w.Release {
		if s.owners[id] == key {
			delete(s.owners, id)
		}
	}
	for _, id := range w.Claim {
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
	for _, r := range w.Index {
		s.applyRow(r)
	}
	for _, r := range w.Records {
		if r.Value == nil {
			delete(s.records[r.Kind], r.Key)
		} else {
			s.setRecord(r.Kind, strings.Clone(r.Key), append([]byte{}, r.Value...))
		}
	}
}

func (j *journal) apply(w *actors.Write) {
	for i, e := range w.Events {
		j.events.Put(w.After+1+uint64(i), e)
	}
	for _, r := range w.Rewrite {
		j.events.Put(r.Seq, r.Event)
	}
	for _, r := range w.Delete {
		j.events.Cut(r.First, r.Last)
	}
	if w.Snapshot != nil {
		j.snapshots.Put(w.Last(), w.Snapshot)
	}
	if w.Forget > 0 {
		j.snapshots.Cut(0, w.Forget-1)
	}
}

func (s *State) applyWake(key actors.Key, w actors.Wake) {
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

func (s *State) applyRow(r actors.IndexRow) {
	s.rowKeys = nil
	if r.Value == nil {
		delete(s.rows, string(r.Key))
	} else {
		s.rows[string(r.Key)] = append([]byte{}, r.Value...)
	}
}

// SetRecord keeps a copy of a record.
func (s *State) SetRecord(kind, key string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setRecord(kind, key, append([]byte{}, value...))
}

func (s *State) setRecord(kind, key string, value []byte) {
	if s.records[kind] == nil {
		s.records[kind] = make(map[string][]byte)
	}
	s.records[kind][key] = value
}

// RemoveRecord removes a record, if it is there.
func (s *State) RemoveRecord(kind, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records[kind], key)
}

// HasEvent implements store.Index.
func (s *State) HasEvent(key actors.Key, seq uint64) (bool, error) {
	return s.look(key, func(j *journal) bool {
		_, found := j.events.Find(seq)
		return found
	})
}

// HasSnapshot implements store.Index.
func (s *State) HasSnapshot(key actors.Key, seq uint64) (bool, error) {
	return s.look(key, func(j *journal) bool {
		_, found := j.snapshots.Find(seq)
		return found
	})
}

// Begun implements store.Index.
func (s *State) Begun(key actors.Key) (bool, error) {
	return s.look(key, func(j *journal) bool {
		return len(j.snapshots) > 0 || len(j.events) > 0 && j.events[0].Seq == 1
	})
}

func (s *State) look(key actors.Key, has func(*journal) bool) (bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	j := s.journals[key]
	return j != nil && has(j), nil
}

// Stored returns how many events of an actor are stored.
func (s *State) Stored(key actors.Key) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if j := s.journals[key]; j != nil {
		return len(j.events)
	}
	return 0
}

// Contains tells whether a text stands anywhere in an event or a snapshot.
func (s *State) Contains(text string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, j := range s.journals {
		for _, e := range slices.Concat(j.events, j.snapshots) {
			if bytes.Contains(e.Data, []byte(text)) {
				return true
			}
		}
	}
	return false
}

// Sizes returns how many messages have an owner, how many have a funnel, and how
// many wake-ups there are.
func (s *State) Sizes() (owners, funnels, wakes int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.owners), len(s.tallies), len(s.wakes)
}

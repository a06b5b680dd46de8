package memory

import (
	"context"
	"maps"
	"slices"

	"reddot/actors"
	"reddot/actors/store"
)

// Load implements actors.Journal.
func (s *State) Load(ctx context.Context, key actors.Key, snapshot, event func([]byte) error) error {
	events, snapshots := s.read(key)
	next := uint64(1)
	if n := len(snapshots); n > 0 {
		if err := snapshot(snapshots[n-1].Data); err != nil {
			return err
		}
		next = snapshots[n-1].Seq + 1
	}
	i, _ := events.Find(next)
	for _, e := range events[i:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Seq != next {
			return &actors.Gap{Key: key, After: next - 1, Next: e.Seq}
		}
		if err := event(e.Data); err != nil {
			return err
		}
		next++
	}
	return nil
}

// Events implements actors.Journal.
func (s *State) Events(ctx context.Context, key actors.Key, first, last uint64, fn func(uint64, []byte) bool) error {
	events, _ := s.read(key)
	i, _ := events.Find(first)
	for _, e := range events[i:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Seq > last || !fn(e.Seq, e.Data) {
			return nil
		}
	}
	return nil
}

// Snapshot implements actors.Journal.
func (s *State) Snapshot(_ context.Context, key actors.Key, seq uint64) ([]byte, error) {
	_, snapshots := s.read(key)
	i, ok := snapshots.Find(seq)
	if ok {
		i++
	}
	if i == 0 {
		return nil, nil
	}
	return slices.Clone(snapshots[i-1].Data), nil
}

// read returns copies of the actor's lists: callbacks run without the lock.
func (s *State) read(key actors.Key) (events, snapshots store.Entries) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	j := s.journals[key]
	if j == nil {
		return nil, nil
	}
	return slices.Clone(j.events), slices.Clone(j.snapshots)
}

// Owner implements actors.Lookup.
func (s *State) Owner(_ context.Context, id actors.ID) (actors.Key, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key, ok := s.owners[id]
	if !ok {
		return "", store.ErrNoMessage
	}
	return key, nil
}

// Tallies implements actors.Lookup.
func (s *State) Tallies(_ context.Context, id actors.ID) ([actors.NumTallies]int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tallies[id], nil
}

// Due implements actors.Lookup.
func (s *State) Due(ctx context.Context, now int64, fn func(actors.Key, int64) bool) error {
	s.mu.RLock()
	i := slices.IndexFunc(s.wakes, func(w wakeUp) bool { return w.at > now })
	if i < 0 {
		i = len(s.wakes)
	}
	due := slices.Clone(s.wakes[:i])
	s.mu.RUnlock()
	for _, w := range due {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !fn(w.key, w.at) {
			return nil
		}
	}
	return nil
}

// ReadRecord implements actors.Records.
func (s *State) ReadRecord(_ context.Context, kind, key string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, ok := s.records[kind][key]
	if !ok {
		return nil, store.NoRecord(kind)
	}
	return slices.Clone(value), nil
}

// ListRecords implements actors.Records.
func (s *State) ListRecords(_ context.Context, kind, after string, limit int) ([]actors.Record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []actors.Record
	for _, key := range slices.Sorted(maps.Keys(s.records[kind])) {
		if len(list) >= limit {
			break
		}
		if key > after {
			list = append(list, actors.Record{Key: key, Value: slices.Clone(s.records[kind][key])})
		}
	}
	return list, nil
}

// ScanIndex implements actors.Index.
func (s *State) ScanIndex(ctx context.Context, from, below []byte, limit int, fn func(key, value []byte) bool) error {
	for _, r := range s.someRows(from, below, limit) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !fn(r.Key, r.Value) {
			return nil
		}
	}
	return nil
}

// someRows returns up to limit rows from a key to below another one.
func (s *State) someRows(from, below []byte, limit int) (rows []actors.IndexRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rowKeys == nil {
		s.rowKeys = slices.Sorted(maps.Keys(s.rows))
	}
	first, _ := slices.BinarySearch(s.rowKeys, string(from))
	for _, k := range s.rowKeys[first:] {
		if k >= string(below) || len(rows) >= limit {
			break
		}
		rows = append(rows, actors.IndexRow{Key: []byte(k), Value: s.rows[k]})
	}
	return rows
}

// ReadIndex implements actors.Index.
func (s *State) ReadIndex(_ context.Context, keys [][]byte, fn func(i int, value []byte) error) error {
	for i, k := range keys {
		s.mu.RLock()
		value, ok := s.rows[string(k)]
		s.mu.RUnlock()
		if !ok {
			continue
		}
		if err := fn(i, value); err != nil {
			return err
		}
	}
	return nil
}

package memory

import (
	"context"
	"math/rand/v2"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/store"
)

// Store is a store that forgets everything at exit. It settles as the others
// do: from one goroutine, batch by batch.
type Store struct {
	*State
	writer  *store.Writer
	metrics *store.Metrics
	fences  store.Fences
	history uint64
}

var (
	_ actors.Journal = (*Store)(nil)
	_ actors.Lookup  = (*Store)(nil)
	_ actors.Fences  = (*Store)(nil)

	_ actors.SwapRecords = (*Store)(nil)

	_ actors.Historian = (*Store)(nil)
)

// New returns an empty store. r may be nil.
func New(cfg store.Config, r prometheus.Registerer) (*Store, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	m := &Store{State: NewState(), metrics: store.NewMetrics(r), history: max(rand.Uint64(), 1)}
	m.writer = store.NewWriter(cfg, &committer{m: m}, m.metrics)
	if err := m.metrics.Register(m); err != nil {
		return nil, err
	}
	go m.writer.Run()
	return m, nil
}

// Append implements actors.Journal.
func (m *Store) Append(w *actors.Write) error { return m.writer.Append(w) }

// PutRecord implements actors.Records.
func (m *Store) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	return m.writer.PutRecord(ctx, kind, key, value)
}

// DeleteRecord implements actors.Records.
func (m *Store) DeleteRecord(ctx context.Context, kind, key string) error {
	return m.writer.DeleteRecord(ctx, kind, key)
}

// SwapRecord implements actors.SwapRecords.
func (m *Store) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	return m.writer.SwapRecord(ctx, kind, key, old, value)
}

// Take implements actors.Fences.
func (m *Store) Take(ctx context.Context, owner string, from []actors.Fence) ([]actors.Fence, error) {
	return m.writer.Take(ctx, owner, from)
}

// Epochs implements actors.Fences.
func (m *Store) Epochs(ctx context.Context) ([]actors.Taken, error) { return m.fences.Epochs(ctx) }

// History implements actors.Historian.
func (m *Store) History() uint64 { return m.history }

// Err returns why no write is taken; nil while all is well.
func (m *Store) Err() error { return m.writer.Err() }

// Writable tells whether every write is taken.
func (m *Store) Writable() bool { return m.Err() == nil }

// Stats returns what the store has done.
func (m *Store) Stats() store.Stats { return m.writer.Stats() }

// Close waits until all that is queued is settled; later writes fail with
// Unavailable, reads go on.
func (m *Store) Close(ctx context.Context) error {
	if err := m.writer.Stop(ctx); err != nil {
		return err
	}
	m.metrics.Unregister()
	return nil
}

// A memoryCommitter is the engine of the store's writer.
type committer struct {
	m       *Store
	staged  []*store.Job
	records store.RecordBatch
}

// Stage implements store.Engine.
func (c *committer) Stage(j *store.Job) {
	switch {
	case j.Take != nil:
		c.m.fences.Raise(j.Take, func(actors.Taken) {})
		return
	case j.Record != nil:
		j.Err = c.records.Stage(j.Record, func(kind, key string) ([]byte, error) { return c.m.ReadRecord(context.Background(), kind, key) })
		if j.Err != nil {
			return
		}
	case j.Write != nil:
		if j.Err = c.m.fences.Check(j.Write); j.Err == nil {
			j.Err = store.Follow(j.Write, c.m.State)
		}
		if j.Err != nil {
			return
		}
		c.records.Note(j.Write.Records)
	}
	c.staged = append(c.staged, j)
}

// Commit implements store.Engine: it shows the whole batch, whose settling is certain from here on.
func (c *committer) Commit() error {
	s := c.m.State
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, j := range c.staged {
		switch r := j.Record; {
		case r == nil:
			s.apply(j.Write)
		case r.Delete:
			delete(s.records[r.Kind], r.Key)
		default:
			s.setRecord(r.Kind, r.Key, r.Value)
		}
		c.staged[i] = nil
	}
	c.staged = c.staged[:0]
	c.records.Reset()
	c.m.fences.Commit()
	return nil
}

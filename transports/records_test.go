package transports

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
)

// memoryRecords are Records in memory. fail, if set, is the error of every write.
type memoryRecords struct {
	mu   sync.Mutex
	all  map[string]map[string][]byte
	fail error
}

var _ actors.Records = (*memoryRecords)(nil)

func newMemoryRecords() *memoryRecords {
	return &memoryRecords{all: map[string]map[string][]byte{}}
}

func (m *memoryRecords) PutRecord(_ context.Context, kind, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.all[kind] == nil {
		m.all[kind] = map[string][]byte{}
	}
	m.all[kind][key] = slices.Clone(value)
	return nil
}

func (m *memoryRecords) DeleteRecord(_ context.Context, kind, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	delete(m.all[kind], key)
	return nil
}

func (m *memoryRecords) ReadRecord(_ context.Context, kind, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.all[kind][key]
	if !ok {
		return nil, actors.Errorf(actors.NotFound, "no such record")
	}
	return slices.Clone(v), nil
}

func (m *memoryRecords) ListRecords(_ context.Context, kind, after string, limit int) ([]actors.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []actors.Record
	for k, v := range m.all[kind] {
		if k > after {
			list = append(list, actors.Record{Key: k, Value: slices.Clone(v)})
		}
	}
	slices.SortFunc(list, func(a, b actors.Record) int { return strings.Compare(a.Key, b.Key) })
	return list[:min(limit, len(list))], nil
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// wantCode fails the test unless err is an actors.Error with the code ("" for
// nil) whose detail contains the text. It returns the error.
func wantCode(t *testing.T, err error, code actors.Code, text string) *actors.Error {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Fatalf("got %v, want no error", err)
		}
		return nil
	}
	var e *actors.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an actors.Error with %s", err, code)
	}
	if e.Code != code || !strings.Contains(e.Detail, text) {
		t.Fatalf("got %s %q, want %s with %q", e.Code, e.Detail, code, text)
	}
	return e
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

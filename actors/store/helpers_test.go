package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"reddot/actors"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// A store is what every implementation offers.
type store interface {
	actors.Journal
	actors.Lookup
	actors.Records
	actors.Fences
	actors.Historian
	Close(context.Context) error
	Err() error
	Stats() Stats
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openPebble(t testing.TB, cfg Config) *Pebble {
	t.Helper()
	p, err := Open(cfg, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newMemory(t testing.TB, cfg Config) *Memory {
	t.Helper()
	m, err := NewMemory(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func closeStore(t testing.TB, s interface{ Close(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// An actor is a stand-in for the owner of a stream.
type actor struct {
	*actors.Stream
	last uint64        // the last seq it has appended
	told chan struct{} // has a token once it was notified
}

func newActor(key actors.Key, last uint64) *actor { return newFenced(key, 0, last) }

// newFenced returns an actor that writes under an epoch of its shard.
func newFenced(key actors.Key, epoch, last uint64) *actor {
	a := &actor{last: last, told: make(chan struct{}, 1)}
	a.Stream = actors.NewStream(key, actors.Fence{Shard: actors.ShardOf(key), Epoch: epoch}, last, func() {
		select {
		case a.told <- struct{}{}:
		default:
		}
	})
	return a
}

// write returns a write of the events after what a has written so far.
func (a *actor) write(events ...string) *actors.Write {
	w := &actors.Write{Stream: a.Stream, After: a.last}
	for _, e := range events {
		w.Events = append(w.Events, []byte(e))
	}
	a.last = w.Last()
	return w
}

// await waits until everything that a has appended is settled.
func (a *actor) await() error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for a.Err() == nil && a.Durable() < a.last {
		select {
		case <-a.told:
		case <-timeout.C:
			return fmt.Errorf("%s: durable %d after %v, want %d", a.Key, a.Durable(), patience, a.last)
		}
	}
	return a.Err()
}

// do appends w, which is all that a has under way, and waits for it.
func (a *actor) do(t testing.TB, s actors.Journal, w *actors.Write) {
	t.Helper()
	select {
	case <-a.told:
	default:
	}
	if err := s.Append(w); err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.told:
	case <-time.After(patience):
		t.Fatal("the write was not settled")
	}
	if err := a.Err(); err != nil {
		t.Fatal(err)
	}
}

// load returns the snapshot ("" if there is none) and the events.
func load(s actors.Journal, key actors.Key) (snapshot string, events []string, err error) {
	err = s.Load(context.Background(), key, func(b []byte) error {
		snapshot = string(b)
		return nil
	}, func(b []byte) error {
		events = append(events, string(b))
		return nil
	})
	return snapshot, events, err
}

func codeOf(err error) actors.Code {
	var e *actors.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

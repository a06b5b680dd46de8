package storetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/memory"
)

// Patience is how long a test waits for what must come.
const Patience = 20 * time.Second

// A Store is what each of them offers.
type Store interface {
	actors.Journal
	actors.Lookup
	actors.SwapRecords
	actors.Index
	actors.Fences
	actors.Historian
	Close(context.Context) error
	Err() error
	Stats() store.Stats
}

// NoLog returns a logger that says nothing.
func NoLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Close closes a store.
func Close(t testing.TB, s interface{ Close(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// An Actor is a stand-in for the owner of a stream.
type Actor struct {
	*actors.Stream
	Last uint64        // the last seq it has appended
	Told chan struct{} // has a token once it was notified
}

// NewActor returns an actor whose journal ends with event last.
func NewActor(key actors.Key, last uint64) *Actor { return NewFenced(key, 0, last) }

// NewFenced returns an actor that writes under an epoch of its shard.
func NewFenced(key actors.Key, epoch, last uint64) *Actor {
	a := &Actor{Last: last, Told: make(chan struct{}, 1)}
	a.Stream = actors.NewStream(key, actors.Fence{Shard: actors.ShardOf(key), Epoch: epoch}, last, func() {
		select {
		case a.Told <- struct{}{}:
		default:
		}
	})
	return a
}

// Write returns a write of the events after what a has written so far.
func (a *Actor) Write(events ...string) *actors.Write {
	w := &actors.Write{Stream: a.Stream, After: a.Last}
	for _, e := range events {
		w.Events = append(w.Events, []byte(e))
	}
	a.Last = w.Last()
	return w
}

// Await waits until everything that a has appended is settled.
func (a *Actor) Await() error {
	timeout := time.NewTimer(Patience)
	defer timeout.Stop()
	for a.Err() == nil && a.Durable() < a.Last {
		select {
		case <-a.Told:
		case <-timeout.C:
			return fmt.Errorf("%s: durable %d after %v, want %d", a.Key, a.Durable(), Patience, a.Last)
		}
	}
	return a.Err()
}

// Do appends w, which is all that a has under way, and waits for it.
func (a *Actor) Do(t testing.TB, s actors.Journal, w *actors.Write) {
	t.Helper()
	select {
	case <-a.Told:
	default:
	}
	if err := s.Append(w); err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.Told:
	case <-time.After(Patience):
		t.Fatal("the write was not settled")
	}
	if err := a.Err(); err != nil {
		t.Fatal(err)
	}
}

// Load returns the snapshot ("" if there is none) and the events.
func Load(s actors.Journal, key actors.Key) (snapshot string, events []string, err error) {
	err = s.Load(context.Background(), key, func(b []byte) error {
		snapshot = string(b)
		return nil
	}, func(b []byte) error {
		events = append(events, string(b))
		return nil
	})
	return snapshot, events, err
}

// CodeOf returns the code of an error; "": it has none.
func CodeOf(err error) actors.Code {
	var e *actors.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Until waits until a condition is true.
func Until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for late := time.Now().Add(Patience); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// AwaitOutage waits until the store tells of an error with the text.
func AwaitOutage(t *testing.T, s Store, text string) {
	t.Helper()
	var err error
	Until(t, "an error with "+text, func() bool {
		err = s.Err()
		return err != nil && strings.Contains(err.Error(), text)
	})
	if CodeOf(err) != actors.Unavailable {
		t.Errorf("got %v", err)
	}
}

func newMemory(t testing.TB, cfg store.Config) *memory.Store {
	t.Helper()
	m, err := memory.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

package storetest

import (
	"errors"
	"fmt"
	"testing"

	"reddot/actors"
	"reddot/actors/store"
)

// A stream that has failed gets no more of its writes applied.
func testFailedStream(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	a.Do(t, b, a.Write("1"))
	lost := errors.New("lost")
	actors.Settle([]*actors.Write{a.Write("2")}, lost)
	<-a.Told
	if err := b.Append(a.Write("3")); err != nil {
		t.Fatal(err)
	}
	<-a.Told
	if a.Durable() != 1 || !errors.Is(a.Err(), lost) {
		t.Errorf("got durable %d, %v; want 1, %v", a.Durable(), a.Err(), lost)
	}
	z := NewActor(actors.UserKey("default", "zoe"), 0)
	z.Do(t, b, z.Write("1"))
	b.wantLoad(t, a.Key, "", "1")
	b.wantLoad(t, z.Key, "", "1")
}

// Actors run their turns within Settle, and append there.
func testAppendWithinNotify(t *testing.T, b *fixture) {
	const last = 50
	var s *actors.Stream
	done := make(chan error, 1)
	next := func(after uint64) *actors.Write {
		return &actors.Write{Stream: s, After: after, Events: [][]byte{[]byte("e")}}
	}
	key := actors.UserKey("default", "ann")
	s = actors.NewStream(key, actors.Fence{Shard: actors.ShardOf(key)}, 0, func() {
		if s.Err() != nil || s.Durable() == last {
			done <- s.Err()
		} else if err := b.Append(next(s.Durable())); err != nil {
			done <- err
		}
	})
	if err := b.Append(next(0)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := eventsOf(t, b, s.Key, 1, 100); len(got) != last {
		t.Errorf("got %d events, want %d", len(got), last)
	}
}

// Close settles what is queued; then writes are refused.
func testClosed(t *testing.T, b *fixture) {
	var all []*Actor
	for i := range 100 {
		a := NewActor(actors.UserKey("default", fmt.Sprint(i)), 0)
		if err := b.Append(a.Write("1")); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	Close(t, b.Store)
	for _, a := range all {
		if a.Err() != nil || a.Durable() != 1 {
			t.Fatalf("%s: durable %d, %v", a.Key, a.Durable(), a.Err())
		}
	}
	if err := b.Append(all[0].Write("2")); CodeOf(err) != actors.Unavailable {
		t.Errorf("append: got %v", err)
	}
	if err := b.PutRecord(t.Context(), "k", "k", nil); CodeOf(err) != actors.Unavailable {
		t.Errorf("put a record: got %v", err)
	}
	if b.persists {
		if _, _, err := Load(b, all[0].Key); CodeOf(err) != actors.Unavailable {
			t.Errorf("load: got %v", err)
		}
	}
	if got := b.Stats(); got.Events != 100 || got.Queued != 0 {
		t.Errorf("stats: got %+v", got)
	}
	Close(t, b.Store)
}

// A history has an id, which a restart keeps and a new store does not share.
func testHistory(t *testing.T, b *fixture) {
	id := b.History()
	if id == 0 {
		t.Error("the history has no id")
	}
	if other := newMemory(t, store.Config{}); other.History() == id {
		t.Errorf("two stores have the history %d", id)
	}
	b.check(t, func() {
		if got := b.History(); got != id {
			t.Errorf("got history %d, want %d", got, id)
		}
	})
}

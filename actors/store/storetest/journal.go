package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"reddot/actors"
)

func testEmpty(t *testing.T, b *fixture) {
	key := actors.UserKey("default", "nobody")
	b.wantLoad(t, key, "")
	if got := eventsOf(t, b, key, 0, math.MaxUint64); got != nil {
		t.Errorf("events: got %v", got)
	}
	if got, err := b.Snapshot(t.Context(), key, math.MaxUint64); got != nil || err != nil {
		t.Errorf("snapshot: got %q, %v", got, err)
	}
	if _, err := b.Owner(t.Context(), actors.NewID()); CodeOf(err) != actors.NotFound {
		t.Errorf("owner: got %v", err)
	}
	if got, err := b.Tallies(t.Context(), actors.NewID()); err != nil || got != [actors.NumTallies]int64{} {
		t.Errorf("tallies: got %v, %v", got, err)
	}
}

func testLoad(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	a.Do(t, b, a.Write("one", "two"))
	w := a.Write("three")
	w.Snapshot = []byte("up to three")
	a.Do(t, b, w)
	if a.Durable() != 3 {
		t.Errorf("durable: got %d, want 3", a.Durable())
	}
	b.check(t, func() { b.wantLoad(t, a.Key, "up to three") })
	a.Do(t, b, a.Write("four", ""))
	b.check(t, func() { b.wantLoad(t, a.Key, "up to three", "four", "") })
	w = a.Write()
	w.Snapshot = []byte{} // an empty one is one
	a.Do(t, b, w)
	b.check(t, func() {
		b.wantLoad(t, a.Key, "")
		if s, err := b.Snapshot(t.Context(), a.Key, 5); s == nil || err != nil {
			t.Errorf("empty snapshot: got %v, %v", s, err)
		}
	})
}

func testLarge(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	large := string(make([]byte, 20<<20)) // more than one batch, and than half a memory table
	a.Do(t, b, a.Write("small", large))
	a.Do(t, b, a.Write("after"))
	b.check(t, func() { b.wantLoad(t, a.Key, "", "small", large, "after") })
}

func testEvents(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	for i := range 10 {
		a.Do(t, b, a.Write(fmt.Sprint("e", i+1)))
	}
	b.check(t, func() {
		for _, tt := range []struct {
			first, last uint64
			want        []string
		}{
			{0, 2, []string{"1=e1", "2=e2"}},
			{3, 3, []string{"3=e3"}},
			{9, math.MaxUint64, []string{"9=e9", "10=e10"}},
			{5, 4, nil},
			{11, 20, nil},
		} {
			if got := eventsOf(t, b, a.Key, tt.first, tt.last); !slices.Equal(got, tt.want) {
				t.Errorf("events %d to %d: got %v, want %v", tt.first, tt.last, got, tt.want)
			}
		}
		calls := 0
		err := b.Events(t.Context(), a.Key, 1, 10, func(uint64, []byte) bool { calls++; return calls < 2 })
		if err != nil || calls != 2 {
			t.Errorf("stop early: got %d calls, %v", calls, err)
		}
	})
}

func testSnapshots(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	for _, name := range []string{"two", "four", "six"} {
		w := a.Write("x", "y")
		w.Snapshot = []byte(name)
		a.Do(t, b, w)
	}
	want := func(seq uint64, name string) {
		t.Helper()
		if got, err := b.Snapshot(t.Context(), a.Key, seq); err != nil || string(got) != name {
			t.Errorf("snapshot at %d: got %q, %v, want %q", seq, got, err, name)
		}
	}
	b.check(t, func() {
		for seq, name := range []string{"", "", "two", "two", "four", "four", "six", "six"} {
			want(uint64(seq), name)
		}
	})
	w := a.Write("z")
	w.Forget = 6
	a.Do(t, b, w)
	b.check(t, func() {
		want(5, "")
		want(math.MaxUint64, "six")
		b.wantLoad(t, a.Key, "six", "z")
	})
}

func testDelete(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	other := NewActor(actors.UserKey("default", "anna"), 0)
	for i := range 30 {
		a.Do(t, b, a.Write(fmt.Sprint(i+1)))
		other.Do(t, b, other.Write(fmt.Sprint(i+1)))
	}
	w := a.Write()
	w.Snapshot = []byte("s")
	w.Delete = []actors.Range{{First: 1, Last: 1}, {First: 3, Last: 5}, {First: 7, Last: 20}, {First: 22, Last: 22}, {First: 9, Last: 8}}
	a.Do(t, b, w)
	b.check(t, func() {
		want := []string{"2=2", "6=6", "21=21", "23=23"}
		if got := eventsOf(t, b, a.Key, 0, 23); !slices.Equal(got, want) {
			t.Errorf("events: got %v, want %v", got, want)
		}
		if got := eventsOf(t, b, other.Key, 0, 99); len(got) != 30 {
			t.Errorf("the neighbor has %d events, want 30", len(got))
		}
	})
	w = a.Write()
	w.Delete = []actors.Range{{First: 0, Last: math.MaxUint64}}
	a.Do(t, b, w)
	b.check(t, func() {
		b.wantLoad(t, a.Key, "s")
		if got := eventsOf(t, b, a.Key, 0, math.MaxUint64); got != nil {
			t.Errorf("events after all are deleted: got %v", got)
		}
	})
}

func testRewrite(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	a.Do(t, b, a.Write("1", "2", "3", "4"))
	w := a.Write("5")
	w.Rewrite = []actors.Rewrite{{Seq: 2, Event: []byte("two")}, {Seq: 3, Event: nil}, {Seq: 5, Event: []byte("five")}}
	w.Delete = []actors.Range{{First: 3, Last: 3}}
	a.Do(t, b, w)
	b.check(t, func() {
		want := []string{"1=1", "2=two", "4=4", "5=five"}
		if got := eventsOf(t, b, a.Key, 0, 9); !slices.Equal(got, want) {
			t.Errorf("events: got %v, want %v", got, want)
		}
	})
}

func testHole(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	a.Do(t, b, a.Write("1", "2", "3"))
	w := a.Write()
	w.Delete = []actors.Range{{First: 2, Last: 2}}
	a.Do(t, b, w)
	if _, _, err := Load(b, a.Key); err == nil {
		t.Error("a journal with a hole was loaded")
	}
}

func testNeighbors(t *testing.T, b *fixture) {
	keys := []actors.Key{"ua/a", "ua/a\x01", "ua/aa", "ua/b", "sa/a", "ua/", "ua/\xff"}
	for _, k := range keys {
		a := NewActor(k, 0)
		w := a.Write("of " + string(k))
		w.Snapshot = []byte("s" + string(k))
		a.Do(t, b, w)
		a.Do(t, b, a.Write("next"))
	}
	b.check(t, func() {
		for _, k := range keys {
			b.wantLoad(t, k, "s"+string(k), "next")
		}
		b.wantLoad(t, "ua", "")
		b.wantLoad(t, "ua/a\x01\x01", "")
	})
}

func testCallbackError(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	w := a.Write("1")
	w.Snapshot = []byte("s")
	a.Do(t, b, w)
	a.Do(t, b, a.Write("2"))
	stop := errors.New("stop")
	fine := func([]byte) error { return nil }
	bad := func([]byte) error { return stop }
	if err := b.Load(t.Context(), a.Key, bad, fine); !errors.Is(err, stop) {
		t.Errorf("snapshot: got %v", err)
	}
	if err := b.Load(t.Context(), a.Key, fine, bad); !errors.Is(err, stop) {
		t.Errorf("event: got %v", err)
	}
}

func testCancelled(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	a.Do(t, b, a.Write("1"))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	fine := func([]byte) error { return nil }
	if err := b.Load(gone, a.Key, fine, fine); !errors.Is(err, context.Canceled) {
		t.Errorf("load: got %v", err)
	}
}

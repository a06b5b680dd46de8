package storetest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"reddot/actors"
)

// Rows of the index: in the commit of an actor's write, under its fence.
func testIndex(t *testing.T, b *fixture) {
	ann, bob := NewActor(actors.UserKey("default", "ann"), 0), NewActor(actors.UserKey("default", "bob"), 0)
	do := func(a *Actor, rows ...actors.IndexRow) {
		t.Helper()
		w := a.Write("e")
		w.Index = rows
		a.Do(t, b, w)
	}
	row := func(key, value string) actors.IndexRow {
		return actors.IndexRow{Key: []byte(key), Value: []byte(value)}
	}
	gone := func(key string) actors.IndexRow { return actors.IndexRow{Key: []byte(key)} }
	random := make([]byte, actors.MaxIndexKey) // which no store compresses
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	random[0] = 0xfe
	long := string(random)
	do(ann, row("a\x00ann", "1"), row("b\x00ann", ""), row("c", "old"), row("c", "new"), gone("c"), row(long, "long"))
	do(bob, row("a\x00bob", "2"), row("b", "3"), gone("none"))
	want := func(from, below string, limit int, rows ...string) {
		t.Helper()
		if got := scan(t, b, from, below, limit); !slices.Equal(got, rows) {
			t.Errorf("%q to %q: got %q, want %q", from, below, got, rows)
		}
	}
	b.check(t, func() {
		want("", "\xff", 10, "a\x00ann=1", "a\x00bob=2", "b=3", "b\x00ann=", long+"=long")
		want("", "\xff", 2, "a\x00ann=1", "a\x00bob=2")
		want("", "\xff", 0)
		want("a\x00ann\x00", "b\x00", 10, "a\x00bob=2", "b=3")
		want("b", "b\x00ann", 10, "b=3")
		want("c", "d", 10)
		var got []string
		keys := [][]byte{[]byte("a"), []byte("a\x00bob"), []byte("b"), []byte("b\x00ann"), []byte("c"), []byte(long), []byte(long + "x")}
		err := b.ReadIndex(t.Context(), keys, func(i int, value []byte) error {
			got = append(got, fmt.Sprint(i, "=", string(value)))
			return nil
		})
		if err != nil || !slices.Equal(got, []string{"1=2", "2=3", "3=", "5=long"}) {
			t.Errorf("read: got %q, %v", got, err)
		}
	})
	stale := NewFenced(ann.Key, 7, ann.Last)
	w := stale.Write("stale")
	w.Index = []actors.IndexRow{row("a\x00ann", "stale"), gone("b\x00ann")}
	if err := b.Append(w); err != nil {
		t.Fatal(err)
	}
	if err := stale.Await(); CodeOf(err) != actors.Fenced {
		t.Errorf("a write under an epoch that is not the shard's: got %v", err)
	}
	b.check(t, func() { want("a", "b\x00b", 10, "a\x00ann=1", "a\x00bob=2", "b=3", "b\x00ann=") })
	do(ann, gone("a\x00ann"), gone("b\x00ann"), gone(long))
	b.check(t, func() { want("", "\xff", 10, "a\x00bob=2", "b=3") })
	stop := fmt.Errorf("stop")
	if err := b.ReadIndex(t.Context(), [][]byte{[]byte("b")}, func(int, []byte) error { return stop }); err == nil {
		t.Error("what the callback fails with is lost")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.ScanIndex(ctx, nil, []byte{0xff}, math.MaxInt32, func(_, _ []byte) bool { return true }); err == nil {
		t.Error("a scan that was cancelled has an end")
	}
}

// scan returns rows of the index, as key=value.
func scan(t *testing.T, s Store, from, below string, limit int) (got []string) {
	t.Helper()
	err := s.ScanIndex(t.Context(), []byte(from), []byte(below), limit, func(key, value []byte) bool {
		got = append(got, fmt.Sprintf("%s=%s", key, value))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

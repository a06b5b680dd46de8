package storetest

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"reddot/actors"
)

// testSwaps: a record is replaced only while it is what the caller has seen.
func testSwaps(t *testing.T, b *fixture) {
	swap := func(key, old, value string, want actors.Code) {
		t.Helper()
		var before []byte
		if old != "none" {
			before = []byte(old)
		}
		if got := CodeOf(b.SwapRecord(t.Context(), "key", key, before, []byte(value))); got != want {
			t.Errorf("swap %s from %q to %q: got %q, want %q", key, old, value, got, want)
		}
	}
	read := func(key, want string) {
		t.Helper()
		if got, err := b.ReadRecord(t.Context(), "key", key); string(got) != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", key, got, err, want)
		}
	}
	swap("a", "x", "1", actors.Conflict)
	swap("a", "", "1", actors.Conflict)
	swap("a", "none", "1", "")
	swap("a", "none", "2", actors.Conflict)
	swap("a", "2", "3", actors.Conflict)
	b.check(t, func() { read("a", "1") })
	swap("a", "1", "", "")
	swap("a", "none", "4", actors.Conflict)
	swap("a", "", "5", "")
	b.check(t, func() { read("a", "5") })
	if err := b.DeleteRecord(t.Context(), "key", "a"); err != nil {
		t.Fatal(err)
	}
	swap("a", "5", "6", actors.Conflict)
	swap("a", "none", "7", "")
	b.check(t, func() { read("a", "7") })

	drop := func(old []byte, want actors.Code) {
		t.Helper()
		if got := CodeOf(b.SwapRecord(t.Context(), "key", "a", old, nil)); got != want {
			t.Errorf("remove what was %q: got %q, want %q", old, got, want)
		}
	}
	drop([]byte("x"), actors.Conflict)
	drop(nil, actors.Conflict)
	drop([]byte("7"), "")
	drop([]byte("7"), actors.Conflict)
	drop(nil, "")
	b.check(t, func() {
		if _, err := b.ReadRecord(t.Context(), "key", "a"); CodeOf(err) != actors.NotFound {
			t.Errorf("a removed one: got %v", err)
		}
	})

	const writers, rounds = 8, 10
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range rounds {
				if err := increment(t.Context(), b.Store); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.check(t, func() { read("sum", strconv.Itoa(writers*rounds)) })
}

// increment adds one to a record that others add to as well.
func increment(ctx context.Context, s Store) error {
	for {
		old, err := s.ReadRecord(ctx, "key", "sum")
		if err != nil && CodeOf(err) != actors.NotFound {
			return err
		}
		n, _ := strconv.Atoi(string(old))
		if err = s.SwapRecord(ctx, "key", "sum", old, []byte(strconv.Itoa(n+1))); CodeOf(err) != actors.Conflict {
			return err
		}
	}
}

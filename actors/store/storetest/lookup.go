package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"reddot/actors"
)

func testOwner(t *testing.T, b *fixture) {
	a, z := NewActor(actors.UserKey("default", "ann"), 0), NewActor(actors.UserKey("default", "zoe"), 0)
	one, two := actors.NewID(), actors.NewID()
	w := a.Write("1")
	w.Own = []actors.ID{one, two}
	a.Do(t, b, w)
	w = a.Write("2")
	w.Disown = []actors.ID{one}
	a.Do(t, b, w)
	w = z.Write("1")
	w.Disown, w.Own = []actors.ID{two}, []actors.ID{two}
	z.Do(t, b, w)
	b.check(t, func() {
		if _, err := b.Owner(t.Context(), one); CodeOf(err) != actors.NotFound {
			t.Errorf("disowned: got %v", err)
		}
		if key, err := b.Owner(t.Context(), two); key != z.Key || err != nil {
			t.Errorf("owned: got %q, %v", key, err)
		}
	})
}

// neighbor returns the key of another user of the same shard.
func neighbor(of actors.Key) actors.Key {
	for i := 0; ; i++ {
		if key := actors.UserKey("default", fmt.Sprint("zoe", i)); actors.ShardOf(key) == actors.ShardOf(of) {
			return key
		}
	}
}

func testClaim(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	z := NewActor(neighbor(a.Key), 0) // of one shard, whose order each store keeps
	one, two, three := actors.ID{1}, actors.ID{2}, actors.ID{3}
	claim := func(of *Actor, claim, release []actors.ID) *actors.Write {
		w := of.Write("e")
		w.Claim, w.Release = claim, release
		return w
	}
	together := func(writes ...*actors.Write) {
		t.Helper()
		for _, w := range writes {
			if err := b.Append(w); err != nil {
				t.Fatal(err)
			}
		}
		for _, of := range []*Actor{a, z} {
			if err := of.Await(); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(id actors.ID, key actors.Key) {
		t.Helper()
		got, err := b.Owner(t.Context(), id)
		if got != key || (err == nil) == (key == "") || key == "" && CodeOf(err) != actors.NotFound {
			t.Errorf("id %d: got %q, %v, want %q", id[0], got, err, key)
		}
	}
	together(claim(a, []actors.ID{three, one, two}, nil))
	want(one, a.Key)
	together(claim(z, []actors.ID{one}, nil))
	together(claim(a, nil, []actors.ID{one, two})) // one is no longer its own
	b.check(t, func() {
		want(one, z.Key)
		want(two, "")
		want(three, a.Key)
	})
	// In one commit, in whichever the store puts them: the last one has it.
	together(claim(a, []actors.ID{one}, []actors.ID{three}), claim(z, []actors.ID{three}, []actors.ID{one}),
		claim(a, []actors.ID{two}, nil), claim(a, nil, []actors.ID{two}), claim(z, nil, []actors.ID{two}))
	b.check(t, func() {
		want(one, a.Key)
		want(two, "")
		want(three, z.Key)
	})
	together(claim(z, []actors.ID{two}, nil), claim(a, []actors.ID{two}, nil), claim(z, nil, []actors.ID{two, three}))
	b.check(t, func() {
		want(two, a.Key)
		want(three, "")
	})
}

func testTallies(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	id, other := actors.ID{15: 1}, actors.ID{15: 2}
	for range 3 {
		w := a.Write("e")
		w.Tally = []actors.Tally{
			{ID: id, Kind: actors.TallySeen, N: 2}, {ID: id, Kind: actors.TallySeen, N: -3},
			{ID: id, Kind: actors.TallyFiltered, N: 7}, {ID: other, Kind: actors.TallyAccepted, N: 1},
		}
		a.Do(t, b, w)
	}
	b.check(t, func() {
		got, err := b.Tallies(t.Context(), id)
		want := [actors.NumTallies]int64{actors.TallySeen: -3, actors.TallyFiltered: 21}
		if err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		if got, err := b.Tallies(t.Context(), other); err != nil || got[actors.TallyAccepted] != 3 {
			t.Errorf("other: got %v, %v", got, err)
		}
	})
	w, again := a.Write("e"), a.Write()
	w.Untally = []actors.ID{id, other}
	a.Last = w.Last()
	again.After, again.Tally = a.Last, []actors.Tally{{ID: other, Kind: actors.TallyRead, N: 4}}
	for _, w := range []*actors.Write{w, again} { // in one commit
		if err := b.Append(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Await(); err != nil {
		t.Fatal(err)
	}
	b.check(t, func() {
		if got, err := b.Tallies(t.Context(), id); err != nil || got != [actors.NumTallies]int64{} {
			t.Errorf("deleted: got %v, %v", got, err)
		}
		if got, err := b.Tallies(t.Context(), other); err != nil || got != [actors.NumTallies]int64{actors.TallyRead: 4} {
			t.Errorf("deleted, and counted anew: got %v, %v", got, err)
		}
	})
}

func testDue(t *testing.T, b *fixture) {
	ann, bob := NewActor(actors.UserKey("default", "ann"), 0), NewActor(actors.UserKey("default", "bob"), 0)
	wake := func(a *Actor, from, to int64) {
		t.Helper()
		w := a.Write()
		w.Wake = actors.Wake{Old: from, New: to}
		a.Do(t, b, w)
	}
	want := func(now int64, names ...string) {
		t.Helper()
		if got := Due(t, b, now); !slices.Equal(got, names) {
			t.Errorf("due at %d: got %v, want %v", now, got, names)
		}
	}
	wake(bob, 0, 500)
	wake(ann, 0, 1000)
	b.check(t, func() {
		want(499)
		want(-1)
		want(500, "bob@500")
		want(2000, "bob@500", "ann@1000")
	})
	wake(ann, 1000, 400) // below what was looked at already
	wake(bob, 500, 500)
	b.check(t, func() { want(math.MaxInt64, "ann@400", "bob@500") })
	calls := 0
	if err := b.Due(t.Context(), 2000, func(actors.Key, int64) bool { calls++; return false }); err != nil || calls != 1 {
		t.Errorf("stop early: got %d calls, %v", calls, err)
	}
	want(2000, "ann@400", "bob@500")
	wake(ann, 400, 0)
	wake(bob, 500, 0)
	b.check(t, func() { want(2000) })
	wake(bob, 0, 3)
	b.check(t, func() { want(2000, "bob@3") })
}

// Records that go with an actor's write: in its commit, under its fence.
func testWrittenRecords(t *testing.T, b *fixture) {
	a := NewActor(actors.UserKey("default", "ann"), 0)
	set := func(value []byte, events ...string) {
		t.Helper()
		w := a.Write(events...)
		w.Records = []actors.RecordChange{{Kind: "of", Key: string(a.Key), Value: value}}
		a.Do(t, b, w)
	}
	want := func(value string) {
		t.Helper()
		got, err := b.ReadRecord(t.Context(), "of", string(a.Key))
		if value == "" && CodeOf(err) != actors.NotFound || value != "" && (err != nil || string(got) != value) {
			t.Errorf("got %q, %v, want %q", got, err, value)
		}
	}
	set([]byte("1"))
	b.check(t, func() { want("1") })
	set([]byte("2"), "e")
	b.check(t, func() { want("2") })
	stale := NewFenced(a.Key, 7, a.Last)
	w := stale.Write("stale")
	w.Records = []actors.RecordChange{{Kind: "of", Key: string(a.Key), Value: []byte("stale")}}
	if err := b.Append(w); err != nil {
		t.Fatal(err)
	}
	if err := stale.Await(); CodeOf(err) != actors.Fenced {
		t.Errorf("a write under an epoch that is not the shard's: got %v", err)
	}
	b.check(t, func() { want("2") })
	set(nil)
	b.check(t, func() { want("") })
}

func testRecords(t *testing.T, b *fixture) {
	put := func(kind, key, value string) {
		t.Helper()
		if err := b.PutRecord(t.Context(), kind, key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []string{"b", "a", "c", "a\x00"} {
		put("key", k, "old")
		put("key", k, "of "+k)
	}
	put("keys", "a", "other kind")
	if err := b.DeleteRecord(t.Context(), "key", "c"); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteRecord(t.Context(), "key", "none"); err != nil {
		t.Fatal(err)
	}
	list := func(after string, limit int) []string {
		t.Helper()
		rs, err := b.ListRecords(t.Context(), "key", after, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rs {
			if string(r.Value) != "of "+r.Key {
				t.Errorf("record %q: got %q", r.Key, r.Value)
			}
			got = append(got, r.Key)
		}
		return got
	}
	b.check(t, func() {
		if got, err := b.ReadRecord(t.Context(), "key", "a"); string(got) != "of a" || err != nil {
			t.Errorf("read: got %q, %v", got, err)
		}
		if _, err := b.ReadRecord(t.Context(), "key", "c"); CodeOf(err) != actors.NotFound {
			t.Errorf("read a deleted one: got %v", err)
		}
		if got, want := list("", 10), []string{"a", "a\x00", "b"}; !slices.Equal(got, want) {
			t.Errorf("list: got %q, want %q", got, want)
		}
		if got, want := list("a", 1), []string{"a\x00"}; !slices.Equal(got, want) {
			t.Errorf("page: got %q, want %q", got, want)
		}
		if got := list("b", 0); got != nil {
			t.Errorf("limit 0: got %q", got)
		}
	})
	if err := b.PutRecord(t.Context(), "a\x00b", "k", nil); CodeOf(err) != actors.Invalid {
		t.Errorf("a kind with a zero byte: got %v", err)
	}
	if err := b.PutRecord(t.Context(), "", "k", nil); CodeOf(err) != actors.Invalid {
		t.Errorf("no kind: got %v", err)
	}
	if err := b.PutRecord(t.Context(), "k", "", nil); CodeOf(err) != actors.Invalid {
		t.Errorf("no key: got %v", err)
	}
}

package storetest

import (
	"slices"
	"testing"

	"reddot/actors"
)

// Whoever knows the present epoch takes a shard, and nobody else.
func testFences(t *testing.T, b *fixture) {
	if got := b.epochs(t); got != "[]" {
		t.Errorf("a new store: got %s", got)
	}
	take := func(owner string, from []actors.Fence, want ...actors.Fence) {
		t.Helper()
		taken, err := b.Take(t.Context(), owner, from)
		if err != nil || !slices.Equal(taken, want) {
			t.Errorf("%s takes %v: got %v, %v, want %v", owner, from, taken, err, want)
		}
	}
	take("a", []actors.Fence{{Shard: 7}, {Shard: 1023}, {Shard: 0}, {Shard: 3, Epoch: 1}},
		actors.Fence{Shard: 7, Epoch: 1}, actors.Fence{Shard: 1023, Epoch: 1}, actors.Fence{Shard: 0, Epoch: 1})
	take("b", []actors.Fence{{Shard: 7}})
	take("b", []actors.Fence{{Shard: 7, Epoch: 1}, {Shard: 1023, Epoch: 2}}, actors.Fence{Shard: 7, Epoch: 2})
	take("c", nil)
	b.check(t, func() {
		if got, want := b.epochs(t), "[{{0 1} a} {{7 2} b} {{1023 1} a}]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	for name, from := range map[string][]actors.Fence{"no such shard": {{Shard: actors.Shards}}, "twice": {{Shard: 4}, {Shard: 4}}} {
		if _, err := b.Take(t.Context(), "a", from); CodeOf(err) != actors.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := b.Take(t.Context(), "", nil); CodeOf(err) != actors.Invalid {
		t.Errorf("nobody: got %v", err)
	}
	all := make([]actors.Fence, actors.Shards)
	for i := range all {
		all[i].Shard = uint16(i)
	}
	if taken, err := b.Take(t.Context(), "d", all); err != nil || len(taken) != actors.Shards-3 {
		t.Errorf("all that nobody has: got %d, %v", len(taken), err)
	}
}

// A write under an older or a newer epoch than its shard's leaves nothing
// behind, whatever it holds, and disturbs no other's.
func testFenced(t *testing.T, b *fixture) {
	old := NewActor(actors.UserKey("default", "ann"), 0)
	other := NewActor(actors.UserKey("default", "zoe"), 0)
	if old.Fence.Shard == other.Fence.Shard {
		t.Fatal("the test wants users of different shards")
	}
	id := actors.NewID()
	w := old.Write("1", "2")
	w.Own, w.Tally = []actors.ID{id}, []actors.Tally{{ID: id, Kind: actors.TallyRead, N: 1}}
	w.Wake = actors.Wake{New: 100}
	old.Do(t, b, w)
	epoch := TakeShard(t, b, "new", old.Key, 0)

	fresh := NewFenced(old.Key, epoch, 2)
	fresh.Do(t, b, fresh.Write("3"))
	for _, stale := range []*Actor{old, NewFenced(old.Key, epoch+1, 2), NewFenced(old.Key, epoch+1, 3)} {
		w = stale.Write("stale")
		w.Snapshot, w.Forget = []byte("stale"), 1
		w.Delete = []actors.Range{{First: 1, Last: 3}}
		w.Wake = actors.Wake{Old: 100, New: 50}
		w.Disown, w.Tally = []actors.ID{id}, []actors.Tally{{ID: id, Kind: actors.TallyRead, N: 1}}
		second := stale.Write("behind it")
		for _, w := range []*actors.Write{w, second, other.Write("fine")} {
			if err := b.Append(w); err != nil {
				t.Fatal(err)
			}
		}
		if err := stale.Await(); CodeOf(err) != actors.Fenced {
			t.Errorf("a write under epoch %d: got %v", stale.Fence.Epoch, err)
		}
		if err := other.Await(); err != nil {
			t.Errorf("another user's write: %v", err)
		}
	}
	fresh.Do(t, b, fresh.Write("4"))
	b.check(t, func() {
		b.wantLoad(t, old.Key, "", "1", "2", "3", "4")
		b.wantLoad(t, other.Key, "", "fine", "fine", "fine")
		if got := Due(t, b, 1000); !slices.Equal(got, []string{"ann@100"}) {
			t.Errorf("due: got %v", got)
		}
		if tallies, err := b.Tallies(t.Context(), id); err != nil || tallies[actors.TallyRead] != 1 {
			t.Errorf("tallies: got %v, %v", tallies, err)
		}
		if owner, err := b.Owner(t.Context(), id); owner != old.Key || err != nil {
			t.Errorf("owner: got %q, %v", owner, err)
		}
	})
	again := NewFenced(old.Key, epoch, 4)
	again.Do(t, b, again.Write("5")) // the same epoch, also after a restart
}

// A write is refused that does not follow what the journal holds: an event or a
// snapshot or, for a first event, nothing. Those of other actors in the same
// commit are not.
func testPredecessor(t *testing.T, b *fixture) {
	key := actors.UserKey("default", "ann")
	a := NewActor(key, 0)
	a.Do(t, b, a.Write("1", "2", "3", "4", "5"))
	refused := func(what string, from uint64, change func(*actors.Write)) {
		t.Helper()
		other := NewActor(actors.UserKey("default", what), 0)
		lost := NewActor(key, from)
		w := lost.Write()
		change(w)
		lost.Last = w.Last()
		if err := b.Append(w); err != nil {
			t.Fatal(err)
		}
		follower := lost.Write("next")
		for _, w := range []*actors.Write{other.Write("1"), follower} {
			if err := b.Append(w); err != nil {
				t.Fatal(err)
			}
		}
		if err := other.Await(); err != nil {
			t.Errorf("%s: another actor: %v", what, err)
		}
		if err := lost.Await(); CodeOf(err) != actors.Conflict {
			t.Errorf("%s: got %v, want %s", what, err, actors.Conflict)
		}
	}
	event := func(w *actors.Write) { w.Events = [][]byte{[]byte("new")} }
	snapshot := func(w *actors.Write) { w.Snapshot = []byte("new") }
	refused("behind the end", 7, event)
	refused("right behind the end", 6, event)
	refused("a snapshot", 7, snapshot)
	refused("a wake-up", 7, func(w *actors.Write) { w.Wake.New = 1 })
	refused("from the beginning", 0, event)
	refused("an event that is there", 4, event)
	b.check(t, func() { b.wantLoad(t, key, "", "1", "2", "3", "4", "5") })

	// A snapshot stands for the event that is gone.
	a = NewActor(key, 5)
	w := a.Write()
	w.Snapshot, w.Delete = []byte("s"), []actors.Range{{First: 1, Last: 5}}
	a.Do(t, b, w)
	refused("from the beginning again", 0, event)
	refused("an event that was never there", 4, event)
	a = NewActor(key, 5)
	a.Do(t, b, a.Write("6"))
	b.check(t, func() { b.wantLoad(t, key, "s", "6") })
}

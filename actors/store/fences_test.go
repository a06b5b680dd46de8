package store

import (
	"fmt"
	"slices"
	"testing"

	"reddot/actors"
)

// take takes the shard of key, and returns its new epoch.
func (b *bench) take(t *testing.T, owner string, key actors.Key, from uint64) uint64 {
	t.Helper()
	taken, err := b.Take(t.Context(), owner, []actors.Fence{{Shard: actors.ShardOf(key), Epoch: from}})
	if err != nil || len(taken) != 1 {
		t.Fatalf("%s takes the shard from epoch %d: got %v, %v", owner, from, taken, err)
	}
	return taken[0].Epoch
}

func (b *bench) epochs(t *testing.T) string {
	t.Helper()
	all, err := b.Epochs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(a actors.Taken) bool { return a.Epoch == 0 })
	return fmt.Sprint(all)
}

// Whoever knows the present epoch takes a shard, and nobody else.
func testFences(t *testing.T, b *bench) {
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
		if _, err := b.Take(t.Context(), "a", from); codeOf(err) != actors.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := b.Take(t.Context(), "", nil); codeOf(err) != actors.Invalid {
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
func testFenced(t *testing.T, b *bench) {
	old := newActor(actors.UserKey("default", "ann"), 0)
	other := newActor(actors.UserKey("default", "zoe"), 0)
	if old.Fence.Shard == other.Fence.Shard {
		t.Fatal("the test wants users of different shards")
	}
	id := actors.NewID()
	w := old.write("1", "2")
	w.Own, w.Tally = []actors.ID{id}, []actors.Tally{{ID: id, Kind: actors.TallyRead, N: 1}}
	w.Wake = actors.Wake{New: 100}
	old.do(t, b, w)
	epoch := b.take(t, "new", old.Key, 0)

	fresh := newFenced(old.Key, epoch, 2)
	fresh.do(t, b, fresh.write("3"))
	for _, stale := range []*actor{old, newFenced(old.Key, epoch+1, 2), newFenced(old.Key, epoch+1, 3)} {
		w = stale.write("stale")
		w.Snapshot, w.Forget = []byte("stale"), 1
		w.Delete = []actors.Range{{First: 1, Last: 3}}
		w.Wake = actors.Wake{Old: 100, New: 50}
		w.Disown, w.Tally = []actors.ID{id}, []actors.Tally{{ID: id, Kind: actors.TallyRead, N: 1}}
		second := stale.write("behind it")
		for _, w := range []*actors.Write{w, second, other.write("fine")} {
			if err := b.Append(w); err != nil {
				t.Fatal(err)
			}
		}
		if err := stale.await(); codeOf(err) != actors.Fenced {
			t.Errorf("a write under epoch %d: got %v", stale.Fence.Epoch, err)
		}
		if err := other.await(); err != nil {
			t.Errorf("another user's write: %v", err)
		}
	}
	fresh.do(t, b, fresh.write("4"))
	b.check(t, func() {
		b.wantLoad(t, old.Key, "", "1", "2", "3", "4")
		b.wantLoad(t, other.Key, "", "fine", "fine", "fine")
		if got := b.due(t, 1000); !slices.Equal(got, []string{"ann@100"}) {
			t.Errorf("due: got %v", got)
		}
		if tallies, err := b.Tallies(t.Context(), id); err != nil || tallies[actors.TallyRead] != 1 {
			t.Errorf("tallies: got %v, %v", tallies, err)
		}
		if owner, err := b.Owner(t.Context(), id); owner != old.Key || err != nil {
			t.Errorf("owner: got %q, %v", owner, err)
		}
	})
	again := newFenced(old.Key, epoch, 4)
	again.do(t, b, again.write("5")) // the same epoch, also after a restart
}

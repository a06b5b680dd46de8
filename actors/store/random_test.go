package store

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
)

// A twin does the same to two stores.
type twin struct {
	*rand.Rand
	pair   [2]store
	actors map[actors.Key]*twinActor
	ids    []actors.ID
	epochs map[uint16]uint64
	apart  bool // each actor has ids of its own
}

// A twinActor writes as an actor would.
type twinActor struct {
	pair     [2]*actor
	last     uint64 // the last seq
	trimmed  uint64 // events up to it are deleted
	snapshot uint64
	wake     int64
}

func TestRandom(t *testing.T) {
	pebble := Config{Dir: t.TempDir(), MemTableBytes: 1 << 20, BatchWrites: 7}
	t.Run("pebble", func(t *testing.T) {
		testRandom(t, func() store { return openPebble(t, pebble) }, false)
	})
	// One committer keeps the order between actors, so that they may meddle
	// with each other's ids as they never do; several do not.
	for _, committers := range []int{1, 4} {
		t.Run(fmt.Sprint("postgres, committers: ", committers), func(t *testing.T) {
			cfg := Config{URL: newDatabase(t), Committers: committers}
			testRandom(t, func() store { return openPostgres(t, cfg) }, committers > 1)
		})
	}
}

func testRandom(t *testing.T, open func() store, apart bool) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	tw := &twin{
		Rand:   rand.New(rand.NewPCG(seed, 0)),
		pair:   [2]store{newMemory(t, Config{}), open()},
		actors: make(map[actors.Key]*twinActor),
		epochs: make(map[uint16]uint64),
		apart:  apart,
	}
	for i := range 20 {
		tw.ids = append(tw.ids, actors.ID{0: byte(i), 15: byte(i * 13)})
	}
	for range 15 {
		for range 200 {
			tw.step(t)
		}
		tw.settle(t)
		tw.compare(t)
		switch tw.IntN(3) {
		case 0:
			closeStore(t, tw.pair[1])
			tw.pair[1] = open()
		case 1:
			tw.take(t)
		}
	}
	closeStore(t, tw.pair[0])
	closeStore(t, tw.pair[1])
}

// step does one thing to both.
func (tw *twin) step(t *testing.T) {
	t.Helper()
	if tw.IntN(20) == 0 {
		tw.record(t)
		return
	}
	key := actors.UserKey("default", strings.Repeat("u", 1+tw.IntN(3))+fmt.Sprint(tw.IntN(6)))
	a := tw.actors[key]
	if a == nil {
		epoch := tw.epochs[actors.ShardOf(key)]
		a = &twinActor{pair: [2]*actor{newFenced(key, epoch, 0), newFenced(key, epoch, 0)}}
		tw.actors[key] = a
	}
	tw.append(t, a, tw.write(key, a))
}

func (tw *twin) append(t *testing.T, a *twinActor, w actors.Write) {
	t.Helper()
	for i, s := range tw.pair {
		w := w // each store has its own, which it owns until it is settled
		w.Stream = a.pair[i].Stream
		a.pair[i].last = w.Last()
		if err := s.Append(&w); err != nil {
			t.Fatal(err)
		}
	}
}

func (tw *twin) write(key actors.Key, a *twinActor) actors.Write {
	w := actors.Write{After: a.last}
	for range tw.IntN(4) {
		w.Events = append(w.Events, []byte(strings.Repeat("e", tw.IntN(400))))
	}
	a.last = w.Last()
	if tw.IntN(8) == 0 {
		w.Snapshot = []byte(fmt.Sprintf("s%d", a.last))
		a.snapshot = a.last
	}
	if n := a.last - a.trimmed; n > 0 && tw.IntN(4) == 0 {
		w.Rewrite = []actors.Rewrite{{Seq: a.trimmed + 1 + tw.Uint64N(n), Event: []byte(fmt.Sprint("again", a.last))}}
	}
	if n := a.snapshot - a.trimmed; n > 0 && tw.IntN(6) == 0 {
		upTo := a.trimmed + 1 + tw.Uint64N(n)
		w.Delete = []actors.Range{{First: a.trimmed + 1, Last: upTo}}
		a.trimmed = upTo
	}
	if tw.IntN(10) == 0 {
		w.Forget = tw.Uint64N(a.snapshot + 1)
	}
	if tw.IntN(4) == 0 {
		w.Wake = actors.Wake{Old: a.wake, New: tw.Int64N(50)}
		a.wake = w.Wake.New
	}
	if !tw.apart && tw.IntN(8) == 0 {
		w.Untally = append(w.Untally, tw.id())
		return w
	}
	for range tw.IntN(3) {
		w.Own = append(w.Own, tw.idOf(key))
		w.Disown = append(w.Disown, tw.idOf(key))
		w.Tally = append(w.Tally, actors.Tally{ID: tw.id(), Kind: actors.TallyKind(tw.IntN(int(actors.NumTallies))), N: tw.Int64N(20) - 5})
	}
	return w
}

func (tw *twin) id() actors.ID { return tw.ids[tw.IntN(len(tw.ids))] }

// idOf returns an id that the actor may own.
func (tw *twin) idOf(key actors.Key) actors.ID {
	id := tw.id()
	if tw.apart {
		copy(id[1:8], key.Name())
	}
	return id
}

// take takes some shards in both, and lets their actors go on under the new
// epochs; one that does not is refused.
func (tw *twin) take(t *testing.T) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(tw.actors)) {
		a, shard := tw.actors[key], actors.ShardOf(key)
		if tw.IntN(4) != 0 || a.pair[0].Fence.Epoch != tw.epochs[shard] {
			continue
		}
		from := []actors.Fence{{Shard: shard, Epoch: tw.epochs[shard]}}
		for i, s := range tw.pair {
			if taken, err := s.Take(t.Context(), fmt.Sprint("node", tw.IntN(3)), from); err != nil || len(taken) != 1 {
				t.Fatalf("take %v: got %v, %v", from, taken, err)
			}
			old := a.pair[i]
			if err := s.Append(old.write("stale")); err != nil {
				t.Fatal(err)
			}
			if err := old.await(); codeOf(err) != actors.Fenced {
				t.Fatalf("a write under an old epoch: got %v", err)
			}
		}
		tw.epochs[shard]++
		for other, b := range tw.actors {
			if actors.ShardOf(other) == shard {
				for i := range b.pair {
					b.pair[i] = newFenced(other, tw.epochs[shard], b.last)
				}
			}
		}
	}
}

func (tw *twin) record(t *testing.T) {
	t.Helper()
	kind, key, value := fmt.Sprint("k", tw.IntN(2)), fmt.Sprint(tw.IntN(30)), []byte(fmt.Sprint(tw.Int()))
	remove := tw.IntN(3) == 0
	for _, s := range tw.pair {
		var err error
		if remove {
			err = s.DeleteRecord(t.Context(), kind, key)
		} else {
			err = s.PutRecord(t.Context(), kind, key, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// settle waits until all writes are, those without events too: an event is
// behind each actor's.
func (tw *twin) settle(t *testing.T) {
	t.Helper()
	for _, a := range tw.actors {
		w := actors.Write{After: a.last, Events: [][]byte{[]byte("last")}}
		a.last = w.Last()
		tw.append(t, a, w)
	}
	for _, a := range tw.actors {
		for i := range a.pair {
			if err := a.pair[i].await(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// compare checks that both hold the same.
func (tw *twin) compare(t *testing.T) {
	t.Helper()
	var views [2][]string
	for i, s := range tw.pair {
		views[i] = tw.view(t, s)
	}
	if !slices.Equal(views[0], views[1]) {
		for i := range views[0] {
			if views[0][i] != views[1][i] {
				t.Errorf("memory: %s\nthe other: %s", views[0][i], views[1][i])
			}
		}
		t.FailNow()
	}
}

// view returns all that s tells, a line each.
func (tw *twin) view(t *testing.T, s store) []string {
	t.Helper()
	b := &bench{store: s}
	var lines []string
	add := func(args ...any) { lines = append(lines, fmt.Sprint(args...)) }
	for _, key := range slices.Sorted(maps.Keys(tw.actors)) {
		snapshot, events, err := load(s, key)
		add("load ", key, " ", snapshot, events, err)
		add("events ", key, b.events(t, key, 0, math.MaxUint64))
		for seq := range tw.actors[key].last + 2 {
			got, err := s.Snapshot(t.Context(), key, seq)
			add("snapshot ", key, " ", seq, " ", string(got), err)
		}
	}
	ids := slices.Clone(tw.ids)
	for _, key := range slices.Sorted(maps.Keys(tw.actors)) {
		for i := range ids[:len(tw.ids)] {
			id := ids[i]
			copy(id[1:8], key.Name())
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		owner, err := s.Owner(t.Context(), id)
		tallies, tallyErr := s.Tallies(t.Context(), id)
		add("id ", id, " ", owner, err, tallies, tallyErr)
	}
	add("due ", b.due(t, 20))
	add("due later ", b.due(t, math.MaxInt64))
	for _, kind := range []string{"k0", "k1"} {
		list, err := s.ListRecords(t.Context(), kind, "1", 12)
		add("records ", list, err)
	}
	return lines
}

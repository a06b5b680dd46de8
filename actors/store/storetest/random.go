package storetest

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
	"reddot/actors/store"
)

// A comparison does the same to two stores.
type comparison struct {
	*rand.Rand
	pair   [2]Store
	actors map[actors.Key]*comparedActor
	ids    []actors.ID
	epochs map[uint16]uint64
	apart  bool // each actor has ids of its own
}

// A comparedActor writes as an actor would.
type comparedActor struct {
	pair     [2]*Actor
	last     uint64 // the last seq
	trimmed  uint64 // events up to it are deleted
	snapshot uint64
	wake     int64
}

// Random does the same at random to a store and to its model in memory, and
// compares what they hold. open returns the same store again after Close. apart says
// that the store does not keep the order between actors, so that each is given ids
// of its own.
func Random(t *testing.T, open func() Store, apart bool) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	tw := &comparison{
		Rand:   rand.New(rand.NewPCG(seed, 0)),
		pair:   [2]Store{newMemory(t, store.Config{}), open()},
		actors: make(map[actors.Key]*comparedActor),
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
			Close(t, tw.pair[1])
			tw.pair[1] = open()
		case 1:
			tw.take(t)
		}
	}
	Close(t, tw.pair[0])
	Close(t, tw.pair[1])
}

// step does one thing to both.
func (tw *comparison) step(t *testing.T) {
	t.Helper()
	if tw.IntN(20) == 0 {
		tw.record(t)
		return
	}
	key := actors.UserKey("default", strings.Repeat("u", 1+tw.IntN(3))+fmt.Sprint(tw.IntN(6)))
	a := tw.actors[key]
	if a == nil {
		epoch := tw.epochs[actors.ShardOf(key)]
		a = &comparedActor{pair: [2]*Actor{NewFenced(key, epoch, 0), NewFenced(key, epoch, 0)}}
		tw.actors[key] = a
	}
	tw.append(t, a, tw.write(key, a))
}

func (tw *comparison) append(t *testing.T, a *comparedActor, w actors.Write) {
	t.Helper()
	for i, s := range tw.pair {
		w := w // each store has its own, which it owns until it is settled
		w.Stream = a.pair[i].Stream
		a.pair[i].Last = w.Last()
		if err := s.Append(&w); err != nil {
			t.Fatal(err)
		}
	}
}

func (tw *comparison) write(key actors.Key, a *comparedActor) actors.Write {
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
	if tw.IntN(6) == 0 {
		r := actors.RecordChange{Kind: "k0", Key: "of " + string(key)}
		if tw.IntN(3) > 0 {
			r.Value = []byte(fmt.Sprint(tw.Int()))
		}
		w.Records = []actors.RecordChange{r}
	}
	for range tw.IntN(3) {
		r := actors.IndexRow{Key: []byte(fmt.Sprint(tw.IntN(3), key))}
		if tw.IntN(3) > 0 {
			r.Value = []byte(fmt.Sprint(tw.IntN(10)))
		}
		w.Index = append(w.Index, r)
	}
	if !tw.apart && tw.IntN(8) == 0 {
		w.Untally = append(w.Untally, tw.id())
		return w
	}
	if tw.IntN(4) == 0 {
		w.Claim, w.Release = []actors.ID{tw.idOf(key)}, []actors.ID{tw.idOf(key)}
		w.Claim[0][0], w.Release[0][0] = 'c', 'c' // no message's
	}
	for range tw.IntN(3) {
		w.Own = append(w.Own, tw.idOf(key))
		w.Disown = append(w.Disown, tw.idOf(key))
		w.Tally = append(w.Tally, actors.Tally{ID: tw.id(), Kind: actors.TallyKind(tw.IntN(int(actors.NumTallies))), N: tw.Int64N(20) - 5})
	}
	return w
}

func (tw *comparison) id() actors.ID { return tw.ids[tw.IntN(len(tw.ids))] }

// idOf returns an id that the actor may own.
func (tw *comparison) idOf(key actors.Key) actors.ID {
	id := tw.id()
	if tw.apart {
		copy(id[1:8], key.Name())
	}
	return id
}

// take takes some shards in both, and lets their actors go on under the new
// epochs; one that does not is refused.
func (tw *comparison) take(t *testing.T) {
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
			if err := s.Append(old.Write("stale")); err != nil {
				t.Fatal(err)
			}
			if err := old.Await(); CodeOf(err) != actors.Fenced {
				t.Fatalf("a write under an old epoch: got %v", err)
			}
		}
		tw.epochs[shard]++
		for other, b := range tw.actors {
			if actors.ShardOf(other) == shard {
				for i := range b.pair {
					b.pair[i] = NewFenced(other, tw.epochs[shard], b.last)
				}
			}
		}
	}
}

func (tw *comparison) record(t *testing.T) {
	t.Helper()
	kind, key, value := fmt.Sprint("k", tw.IntN(2)), fmt.Sprint(tw.IntN(30)), []byte(fmt.Sprint(tw.Int()))
	remove, swap, wrong := tw.IntN(3) == 0, tw.IntN(3) == 0, tw.IntN(2) == 0
	old, err := tw.pair[0].ReadRecord(t.Context(), kind, key)
	if err != nil && CodeOf(err) != actors.NotFound {
		t.Fatal(err)
	}
	if wrong {
		old = append(old, 'x')
	}
	for _, s := range tw.pair {
		var err error
		switch {
		case swap:
			if err = s.SwapRecord(t.Context(), kind, key, old, value); CodeOf(err) == actors.Conflict && wrong {
				err = nil
			}
		case remove:
			err = s.DeleteRecord(t.Context(), kind, key)
		default:
			err = s.PutRecord(t.Context(), kind, key, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// settle waits until all writes are, those without events too: an event is
// behind each actor's.
func (tw *comparison) settle(t *testing.T) {
	t.Helper()
	for _, a := range tw.actors {
		w := actors.Write{After: a.last, Events: [][]byte{[]byte("last")}}
		a.last = w.Last()
		tw.append(t, a, w)
	}
	for _, a := range tw.actors {
		for i := range a.pair {
			if err := a.pair[i].Await(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// compare checks that both hold the same.
func (tw *comparison) compare(t *testing.T) {
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
func (tw *comparison) view(t *testing.T, s Store) []string {
	t.Helper()
	var lines []string
	add := func(args ...any) { lines = append(lines, fmt.Sprint(args...)) }
	for _, key := range slices.Sorted(maps.Keys(tw.actors)) {
		snapshot, events, err := Load(s, key)
		add("load ", key, " ", snapshot, events, err)
		add("events ", key, eventsOf(t, s, key, 0, math.MaxUint64))
		for seq := range tw.actors[key].last + 2 {
			got, err := s.Snapshot(t.Context(), key, seq)
			add("snapshot ", key, " ", seq, " ", string(got), err)
		}
	}
	ids := slices.Clone(tw.ids)
	for i := range tw.ids {
		id := tw.ids[i]
		id[0] = 'c'
		ids = append(ids, id)
	}
	for _, key := range slices.Sorted(maps.Keys(tw.actors)) {
		for i := range ids[:len(tw.ids)] {
			id := ids[i]
			copy(id[1:8], key.Name())
			ids = append(ids, id)
			id[0] = 'c'
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		owner, err := s.Owner(t.Context(), id)
		tallies, tallyErr := s.Tallies(t.Context(), id)
		add("id ", id, " ", owner, err, tallies, tallyErr)
	}
	add("due ", Due(t, s, 20))
	add("due later ", Due(t, s, math.MaxInt64))
	for _, kind := range []string{"k0", "k1"} {
		list, err := s.ListRecords(t.Context(), kind, "1", 12)
		add("records ", list, err)
	}
	add("index ", scan(t, s, "", "\xff", 1000))
	add("index ", scan(t, s, "1", "2", 7))
	return lines
}

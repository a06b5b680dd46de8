package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"reddot/actors"
)

// run is what every store must pass. open returns the same store again after
// Close, if it persists.
func run(t *testing.T, open func(t *testing.T) store, persists bool) {
	tests := []struct {
		name string
		test func(t *testing.T, b *bench)
	}{
		{"empty", testEmpty},
		{"load", testLoad},
		{"large", testLarge},
		{"events", testEvents},
		{"snapshots", testSnapshots},
		{"delete", testDelete},
		{"rewrite", testRewrite},
		{"hole", testHole},
		{"neighbors", testNeighbours},
		{"callback error", testCallbackError},
		{"cancelled", testCancelled},
		{"owner", testOwner},
		{"tallies", testTallies},
		{"due", testDue},
		{"records", testRecords},
		{"failed stream", testFailedStream},
		{"append within notify", testAppendWithinNotify},
		{"fences", testFences},
		{"fenced", testFenced},
		{"predecessor", testPredecessor},
		{"history", testHistory},
		{"closed", testClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &bench{open: open, persists: persists}
			b.store = open(t)
			tt.test(t, b)
			if b.store != nil {
				closeStore(t, b.store)
			}
		})
	}
}

// A bench is where one test works on one store.
type bench struct {
	store
	open     func(t *testing.T) store
	persists bool
}

// check runs the checks, and again after a restart if the store persists.
func (b *bench) check(t *testing.T, checks func()) {
	t.Helper()
	checks()
	if b.persists {
		closeStore(t, b.store)
		b.store = b.open(t)
		checks()
	}
}

func TestMemory(t *testing.T) {
	run(t, func(t *testing.T) store { return newMemory(t, Config{}) }, false)
}

func TestPebble(t *testing.T) {
	dirs := map[string]string{}
	run(t, func(t *testing.T) store {
		if dirs[t.Name()] == "" {
			dirs[t.Name()] = t.TempDir()
		}
		return openPebble(t, Config{Dir: dirs[t.Name()]})
	}, true)
}

func TestPostgres(t *testing.T) {
	urls := map[string]string{}
	run(t, func(t *testing.T) store {
		if urls[t.Name()] == "" {
			urls[t.Name()] = newDatabase(t)
		}
		return openPostgres(t, Config{URL: urls[t.Name()]})
	}, true)
}

func (b *bench) wantLoad(t *testing.T, key actors.Key, snapshot string, events ...string) {
	t.Helper()
	s, e, err := load(b, key)
	if err != nil {
		t.Fatal(err)
	}
	if s != snapshot || !slices.Equal(e, events) {
		t.Errorf("load %q: got %q %q, want %q %q", key, s, e, snapshot, events)
	}
}

func (b *bench) events(t *testing.T, key actors.Key, first, last uint64) []string {
	t.Helper()
	var got []string
	err := b.Events(t.Context(), key, first, last, func(seq uint64, e []byte) bool {
		got = append(got, fmt.Sprintf("%d=%s", seq, e))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func testEmpty(t *testing.T, b *bench) {
	key := actors.UserKey("default", "nobody")
	b.wantLoad(t, key, "")
	if got := b.events(t, key, 0, math.MaxUint64); got != nil {
		t.Errorf("events: got %v", got)
	}
	if got, err := b.Snapshot(t.Context(), key, math.MaxUint64); got != nil || err != nil {
		t.Errorf("snapshot: got %q, %v", got, err)
	}
	if _, err := b.Owner(t.Context(), actors.NewID()); codeOf(err) != actors.NotFound {
		t.Errorf("owner: got %v", err)
	}
	if got, err := b.Tallies(t.Context(), actors.NewID()); err != nil || got != [actors.NumTallies]int64{} {
		t.Errorf("tallies: got %v, %v", got, err)
	}
}

func testLoad(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	a.do(t, b, a.write("one", "two"))
	w := a.write("three")
	w.Snapshot = []byte("up to three")
	a.do(t, b, w)
	if a.Durable() != 3 {
		t.Errorf("durable: got %d, want 3", a.Durable())
	}
	b.check(t, func() { b.wantLoad(t, a.Key, "up to three") })
	a.do(t, b, a.write("four", ""))
	b.check(t, func() { b.wantLoad(t, a.Key, "up to three", "four", "") })
	w = a.write()
	w.Snapshot = []byte{} // an empty one is one
	a.do(t, b, w)
	b.check(t, func() {
		b.wantLoad(t, a.Key, "")
		if s, err := b.Snapshot(t.Context(), a.Key, 5); s == nil || err != nil {
			t.Errorf("empty snapshot: got %v, %v", s, err)
		}
	})
}

func testLarge(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	large := string(make([]byte, 20<<20)) // more than one batch, and than half a memory table
	a.do(t, b, a.write("small", large))
	a.do(t, b, a.write("after"))
	b.check(t, func() { b.wantLoad(t, a.Key, "", "small", large, "after") })
}

func testEvents(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	for i := range 10 {
		a.do(t, b, a.write(fmt.Sprint("e", i+1)))
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
			if got := b.events(t, a.Key, tt.first, tt.last); !slices.Equal(got, tt.want) {
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

func testSnapshots(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	for _, name := range []string{"two", "four", "six"} {
		w := a.write("x", "y")
		w.Snapshot = []byte(name)
		a.do(t, b, w)
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
	w := a.write("z")
	w.Forget = 6
	a.do(t, b, w)
	b.check(t, func() {
		want(5, "")
		want(math.MaxUint64, "six")
		b.wantLoad(t, a.Key, "six", "z")
	})
}

func testDelete(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	other := newActor(actors.UserKey("default", "anna"), 0)
	for i := range 30 {
		a.do(t, b, a.write(fmt.Sprint(i+1)))
		other.do(t, b, other.write(fmt.Sprint(i+1)))
	}
	w := a.write()
	w.Snapshot = []byte("s")
	w.Delete = []actors.Range{{First: 1, Last: 1}, {First: 3, Last: 5}, {First: 7, Last: 20}, {First: 22, Last: 22}, {First: 9, Last: 8}}
	a.do(t, b, w)
	b.check(t, func() {
		want := []string{"2=2", "6=6", "21=21", "23=23"}
		if got := b.events(t, a.Key, 0, 23); !slices.Equal(got, want) {
			t.Errorf("events: got %v, want %v", got, want)
		}
		if got := b.events(t, other.Key, 0, 99); len(got) != 30 {
			t.Errorf("the neighbor has %d events, want 30", len(got))
		}
	})
	w = a.write()
	w.Delete = []actors.Range{{First: 0, Last: math.MaxUint64}}
	a.do(t, b, w)
	b.check(t, func() {
		b.wantLoad(t, a.Key, "s")
		if got := b.events(t, a.Key, 0, math.MaxUint64); got != nil {
			t.Errorf("events after all are deleted: got %v", got)
		}
	})
}

func testRewrite(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	a.do(t, b, a.write("1", "2", "3", "4"))
	w := a.write("5")
	w.Rewrite = []actors.Rewrite{{Seq: 2, Event: []byte("two")}, {Seq: 3, Event: nil}, {Seq: 5, Event: []byte("five")}}
	w.Delete = []actors.Range{{First: 3, Last: 3}}
	a.do(t, b, w)
	b.check(t, func() {
		want := []string{"1=1", "2=two", "4=4", "5=five"}
		if got := b.events(t, a.Key, 0, 9); !slices.Equal(got, want) {
			t.Errorf("events: got %v, want %v", got, want)
		}
	})
}

func testHole(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	a.do(t, b, a.write("1", "2", "3"))
	w := a.write()
	w.Delete = []actors.Range{{First: 2, Last: 2}}
	a.do(t, b, w)
	if _, _, err := load(b, a.Key); err == nil {
		t.Error("a journal with a hole was loaded")
	}
}

func testNeighbours(t *testing.T, b *bench) {
	keys := []actors.Key{"ua/a", "ua/a\x01", "ua/aa", "ua/b", "sa/a", "ua/", "ua/\xff"}
	for _, k := range keys {
		a := newActor(k, 0)
		w := a.write("of " + string(k))
		w.Snapshot = []byte("s" + string(k))
		a.do(t, b, w)
		a.do(t, b, a.write("next"))
	}
	b.check(t, func() {
		for _, k := range keys {
			b.wantLoad(t, k, "s"+string(k), "next")
		}
		b.wantLoad(t, "ua", "")
		b.wantLoad(t, "ua/a\x01\x01", "")
	})
}

func testCallbackError(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	w := a.write("1")
	w.Snapshot = []byte("s")
	a.do(t, b, w)
	a.do(t, b, a.write("2"))
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

func testCancelled(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	a.do(t, b, a.write("1"))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	fine := func([]byte) error { return nil }
	if err := b.Load(gone, a.Key, fine, fine); !errors.Is(err, context.Canceled) {
		t.Errorf("load: got %v", err)
	}
}

func testOwner(t *testing.T, b *bench) {
	a, z := newActor(actors.UserKey("default", "ann"), 0), newActor(actors.UserKey("default", "zoe"), 0)
	one, two := actors.NewID(), actors.NewID()
	w := a.write("1")
	w.Own = []actors.ID{one, two}
	a.do(t, b, w)
	w = a.write("2")
	w.Disown = []actors.ID{one}
	a.do(t, b, w)
	w = z.write("1")
	w.Disown, w.Own = []actors.ID{two}, []actors.ID{two}
	z.do(t, b, w)
	b.check(t, func() {
		if _, err := b.Owner(t.Context(), one); codeOf(err) != actors.NotFound {
			t.Errorf("disowned: got %v", err)
		}
		if key, err := b.Owner(t.Context(), two); key != z.Key || err != nil {
			t.Errorf("owned: got %q, %v", key, err)
		}
	})
}

func testTallies(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	id, other := actors.ID{15: 1}, actors.ID{15: 2}
	for range 3 {
		w := a.write("e")
		w.Tally = []actors.Tally{
			{ID: id, Kind: actors.TallySeen, N: 2}, {ID: id, Kind: actors.TallySeen, N: -3},
			{ID: id, Kind: actors.TallyFiltered, N: 7}, {ID: other, Kind: actors.TallyAccepted, N: 1},
		}
		a.do(t, b, w)
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
	w, again := a.write("e"), a.write()
	w.Untally = []actors.ID{id, other}
	a.last = w.Last()
	again.After, again.Tally = a.last, []actors.Tally{{ID: other, Kind: actors.TallyRead, N: 4}}
	for _, w := range []*actors.Write{w, again} { // in one commit
		if err := b.Append(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.await(); err != nil {
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

func (b *bench) due(t *testing.T, now int64) []string {
	t.Helper()
	var got []string
	err := b.Due(t.Context(), now, func(key actors.Key, at int64) bool {
		got = append(got, fmt.Sprintf("%s@%d", key.Name(), at))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func testDue(t *testing.T, b *bench) {
	ann, bob := newActor(actors.UserKey("default", "ann"), 0), newActor(actors.UserKey("default", "bob"), 0)
	wake := func(a *actor, from, to int64) {
		t.Helper()
		w := a.write()
		w.Wake = actors.Wake{Old: from, New: to}
		a.do(t, b, w)
	}
	want := func(now int64, names ...string) {
		t.Helper()
		if got := b.due(t, now); !slices.Equal(got, names) {
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

func testRecords(t *testing.T, b *bench) {
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
		if _, err := b.ReadRecord(t.Context(), "key", "c"); codeOf(err) != actors.NotFound {
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
	if err := b.PutRecord(t.Context(), "a\x00b", "k", nil); codeOf(err) != actors.Invalid {
		t.Errorf("a kind with a zero byte: got %v", err)
	}
	if err := b.PutRecord(t.Context(), "", "k", nil); codeOf(err) != actors.Invalid {
		t.Errorf("no kind: got %v", err)
	}
	if err := b.PutRecord(t.Context(), "k", "", nil); codeOf(err) != actors.Invalid {
		t.Errorf("no key: got %v", err)
	}
}

// A stream that has failed gets no more of its writes applied.
func testFailedStream(t *testing.T, b *bench) {
	a := newActor(actors.UserKey("default", "ann"), 0)
	a.do(t, b, a.write("1"))
	lost := errors.New("lost")
	actors.Settle([]*actors.Write{a.write("2")}, lost)
	<-a.told
	if err := b.Append(a.write("3")); err != nil {
		t.Fatal(err)
	}
	<-a.told
	if a.Durable() != 1 || !errors.Is(a.Err(), lost) {
		t.Errorf("got durable %d, %v; want 1, %v", a.Durable(), a.Err(), lost)
	}
	z := newActor(actors.UserKey("default", "zoe"), 0)
	z.do(t, b, z.write("1"))
	b.wantLoad(t, a.Key, "", "1")
	b.wantLoad(t, z.Key, "", "1")
}

// Actors run their turns within Settle, and append there.
func testAppendWithinNotify(t *testing.T, b *bench) {
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
	if got := b.events(t, s.Key, 1, 100); len(got) != last {
		t.Errorf("got %d events, want %d", len(got), last)
	}
}

// Close settles what is queued; then writes are refused.
func testClosed(t *testing.T, b *bench) {
	var all []*actor
	for i := range 100 {
		a := newActor(actors.UserKey("default", fmt.Sprint(i)), 0)
		if err := b.Append(a.write("1")); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	closeStore(t, b.store)
	for _, a := range all {
		if a.Err() != nil || a.Durable() != 1 {
			t.Fatalf("%s: durable %d, %v", a.Key, a.Durable(), a.Err())
		}
	}
	if err := b.Append(all[0].write("2")); codeOf(err) != actors.Unavailable {
		t.Errorf("append: got %v", err)
	}
	if err := b.PutRecord(t.Context(), "k", "k", nil); codeOf(err) != actors.Unavailable {
		t.Errorf("put a record: got %v", err)
	}
	if b.persists {
		if _, _, err := load(b, all[0].Key); codeOf(err) != actors.Unavailable {
			t.Errorf("load: got %v", err)
		}
	}
	if got := b.Stats(); got.Events != 100 || got.Queued != 0 {
		t.Errorf("stats: got %+v", got)
	}
	closeStore(t, b.store)
}

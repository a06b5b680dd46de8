package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

// held is an Index of one journal: its events, and its snapshot.
type held struct {
	events   []uint64
	snapshot uint64
	err      error
	looked   int
}

func (h *held) HasEvent(_ actors.Key, seq uint64) (bool, error) {
	h.looked++
	for _, e := range h.events {
		if e == seq {
			return true, h.err
		}
	}
	return false, h.err
}

func (h *held) HasSnapshot(_ actors.Key, seq uint64) (bool, error) {
	return seq != 0 && seq == h.snapshot, h.err
}

func (h *held) Begun(actors.Key) (bool, error) {
	h.looked++
	return len(h.events) > 0 || h.snapshot > 0, h.err
}

// TestFollow: a write is taken only where it follows what the journal holds, so that no
// journal gets a hole and no event is written twice.
func TestFollow(t *testing.T) {
	for name, c := range map[string]struct {
		in     held
		after  uint64
		events int
		want   actors.Code
	}{
		"the first of all":           {held{}, 0, 1, ""},
		"behind an event":            {held{events: []uint64{1, 2}}, 2, 1, ""},
		"behind a snapshot alone":    {held{snapshot: 2}, 2, 1, ""},
		"without events":             {held{events: []uint64{1}}, 1, 0, ""},
		"an event is missing":        {held{events: []uint64{1}}, 2, 1, actors.Conflict},
		"all is missing":             {held{}, 2, 1, actors.Conflict},
		"the first of what is there": {held{events: []uint64{1}}, 0, 1, actors.Conflict},
		"the first, by a snapshot":   {held{snapshot: 5}, 0, 1, actors.Conflict},
		"it is written already":      {held{events: []uint64{1, 2}}, 1, 1, actors.Conflict},
		"a snapshot of another seq":  {held{snapshot: 3}, 2, 1, actors.Conflict},
	} {
		a := storetest.NewActor("ua/a", c.after)
		w := a.Write(make([]string, c.events)...)
		if err := store.Follow(w, &c.in); storetest.CodeOf(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		} else if err != nil && a.Knows(w.Last(), 1) {
			t.Errorf("%s: the refused write counts as written", name)
		}
	}
	in := &held{events: []uint64{1}, err: errors.New("broken")}
	if err := store.Follow(storetest.NewActor("ua/a", 1).Write("e"), in); !errors.Is(err, in.err) {
		t.Errorf("what can't be looked up: got %v", err)
	}
}

// TestFollowLooksOnce: a stream that goes on costs no look into the store, and a new one a
// single look: so many users can be imported a second.
func TestFollowLooksOnce(t *testing.T) {
	none := &held{}
	if err := store.Follow(storetest.NewActor("ua/new", 0).Write("e"), none); err != nil || none.looked != 1 {
		t.Errorf("a new stream: got %v after %d looks", err, none.looked)
	}
	in, a := &held{events: []uint64{1}}, storetest.NewActor("ua/a", 1)
	for range 5 {
		if err := store.Follow(a.Write("e", "f"), in); err != nil {
			t.Fatal(err)
		}
	}
	if in.looked != 2 { // for the event before the first write, and for its own
		t.Errorf("looked %d times", in.looked)
	}
	a.Last -= 2
	if err := store.Follow(a.Write("e"), in); storetest.CodeOf(err) != actors.Conflict {
		t.Errorf("a write that goes back: got %v", err)
	}
}

// fenceEngine is an engine of fences alone.
type fenceEngine struct {
	store.Fences
	fail error
}

func (e *fenceEngine) Stage(j *store.Job) {
	switch {
	case j.Take != nil:
		e.Raise(j.Take, func(actors.Taken) {})
	case j.Write != nil:
		j.Err = e.Check(j.Write)
	}
}

func (e *fenceEngine) Commit() error {
	if e.fail == nil {
		e.Fences.Commit()
	}
	return e.fail
}

func newFences(t *testing.T) (*store.Writer, *fenceEngine) {
	t.Helper()
	cfg, err := store.Config{}.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	e := &fenceEngine{}
	w := store.NewWriter(cfg, e, store.NewMetrics(nil))
	go w.Run()
	t.Cleanup(func() { storetest.Close(t, stopper{w}) })
	return w, e
}

// TestFences: the first to take a shard under its epoch has it, and only what is written
// under the present epoch is taken.
func TestFences(t *testing.T) {
	w, e := newFences(t)
	e.Load(actors.Taken{Fence: actors.Fence{Shard: 9, Epoch: 4}, Owner: "before"})
	key := actors.Key("ua/a")
	shard := actors.ShardOf(key)
	old := actors.Fence{Shard: shard}
	for _, c := range []struct {
		owner string
		from  []actors.Fence
		want  string
	}{
		{"a", []actors.Fence{old, {Shard: 9, Epoch: 4}}, fmt.Sprintf("[{%d 1} {9 5}]", shard)},
		{"b", []actors.Fence{old, {Shard: 9, Epoch: 3}}, "[]"},
		{"b", []actors.Fence{{Shard: shard, Epoch: 1}, {Shard: 9, Epoch: 4}}, fmt.Sprintf("[{%d 2}]", shard)},
	} {
		got, err := w.Take(t.Context(), c.owner, c.from)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s takes %v: got %v, %v; want %s", c.owner, c.from, got, err, c.want)
		}
	}
	taken, err := e.Epochs(t.Context())
	owners := map[uint16]string{}
	for _, o := range taken {
		owners[o.Shard] = o.Owner
	}
	if err != nil || len(taken) != 2 || owners[shard] != "b" || owners[9] != "a" {
		t.Errorf("got %v, %v", taken, err)
	}
	for epoch, want := range map[uint64]actors.Code{1: actors.Fenced, 2: "", 3: actors.Fenced} {
		a := storetest.NewFenced(key, epoch, 0)
		if err := w.Append(a.Write("e")); err != nil {
			t.Fatal(err)
		}
		if err := a.Await(); storetest.CodeOf(err) != want {
			t.Errorf("under epoch %d: got %v", epoch, err)
		}
	}
}

// TestTakeIsChecked: nonsense is refused before it is queued, and what is not durable is
// not shown.
func TestTakeIsChecked(t *testing.T) {
	w, e := newFences(t)
	for name, from := range map[string][]actors.Fence{"twice": {{Shard: 3}, {Shard: 3}}, "no such shard": {{Shard: actors.Shards}}} {
		if _, err := w.Take(t.Context(), "a", from); storetest.CodeOf(err) != actors.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := w.Take(t.Context(), "", []actors.Fence{{}}); storetest.CodeOf(err) != actors.Invalid {
		t.Errorf("without a name: got %v", err)
	}
	e.fail = errors.New("broken")
	if _, err := w.Take(t.Context(), "a", []actors.Fence{{Shard: 3}}); !errors.Is(err, e.fail) {
		t.Errorf("got %v", err)
	}
	if taken, _ := e.Epochs(t.Context()); len(taken) != 0 {
		t.Errorf("what was not committed is shown: %v", taken)
	}
}

// mendable is an engine that works again after some attempts.
type mendable struct {
	err      error // of Commit and Ping
	mends    int   // attempts until it works
	attempts []time.Duration
	began    time.Time
}

func (*mendable) Stage(*store.Job) {}
func (m *mendable) Commit() error  { return m.err }
func (m *mendable) Ping() error    { return m.err }

func (m *mendable) Mend() error {
	m.attempts = append(m.attempts, time.Since(m.began))
	if m.mends--; m.mends > 0 {
		return m.err
	}
	m.err = nil
	return nil
}

// TestMend: after an error an engine that can be mended is, with growing pauses; what was
// under way fails, what comes meanwhile is refused, and then all works again. An idle
// writer notices by itself.
func TestMend(t *testing.T) {
	for name, idle := range map[string]bool{"under way": false, "idle": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, _ := store.Config{}.WithDefaults()
				e := &mendable{mends: 9, began: time.Now()}
				w := store.NewWriter(cfg, e, store.NewMetrics(nil))
				go w.Run()
				synctest.Wait()
				broken := errors.New("broken")
				e.err = broken
				if idle {
					time.Sleep(store.PingPause + time.Millisecond)
				} else if err := w.PutRecord(t.Context(), "k", "k", nil); !errors.Is(err, broken) || storetest.CodeOf(err) != actors.Unavailable {
					t.Errorf("under way: got %v", err)
				}
				synctest.Wait()
				if err := w.Err(); !errors.Is(err, broken) {
					t.Errorf("the store says %v", err)
				}
				if err := w.Append(storetest.NewActor("ua/a", 0).Write("e")); storetest.CodeOf(err) != actors.Unavailable {
					t.Errorf("meanwhile: got %v", err)
				}
				time.Sleep(time.Minute)
				if err := errors.Join(w.Err(), w.PutRecord(t.Context(), "k", "k", nil)); err != nil {
					t.Errorf("when it is mended: %v", err)
				}
				for i, at := range e.attempts[1:] {
					if pause := at - e.attempts[i]; pause > 5*time.Second/4+time.Millisecond || i > 0 && pause < 20*time.Millisecond {
						t.Errorf("attempt %d after %v", i+1, pause)
					}
				}
				if len(e.attempts) != 9 {
					t.Errorf("%d attempts", len(e.attempts))
				}
				if err := w.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestStopWhileBroken: a store that can't be mended can be closed.
func TestStopWhileBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := store.Config{}.WithDefaults()
		e := &mendable{mends: 1 << 30, err: errors.New("broken")}
		w := store.NewWriter(cfg, e, store.NewMetrics(nil))
		go w.Run()
		_ = w.PutRecord(t.Context(), "k", "k", nil)
		if err := w.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestEraser: the first round comes soon, the others evenly, so that what is deleted in
// the first half of the time is erased within the second.
func TestEraser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var rounds []time.Duration
		e := store.StartEraser(24*time.Hour, func(_ context.Context, period time.Duration) {
			rounds = append(rounds, time.Since(began))
			if period != 6*time.Hour {
				t.Errorf("the next round is to come in %v", period)
			}
		})
		time.Sleep(24 * time.Hour)
		if err := e.End(t.Context()); err != nil {
			t.Error(err)
		}
		if want := "[1h30m0s 7h30m0s 13h30m0s 19h30m0s]"; fmt.Sprint(rounds) != want {
			t.Errorf("rounds at %v, want %s", rounds, want)
		}
	})
}

// TestEraserStops: a round under way is told to end, and who waits for it may give up.
func TestEraserStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		told := false
		e := store.StartEraser(time.Hour, func(ctx context.Context, _ time.Duration) {
			<-ctx.Done()
			told = true
			<-held
		})
		time.Sleep(time.Hour)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.End(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if !told {
			t.Error("the round under way was not told to end")
		}
		close(held)
		if err := e.End(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestEntries: a list of entries holds each seq once, in order, with bytes of its own.
func TestEntries(t *testing.T) {
	var l store.Entries
	raw := []byte("x")
	for _, seq := range []uint64{5, 2, 9, 3, 5} {
		raw[0] = 'a' + byte(seq)
		l.Put(seq, raw)
	}
	raw[0] = '!'
	text := func() (s string) {
		for _, e := range l {
			s += fmt.Sprintf("%d%s ", e.Seq, e.Data)
		}
		return s
	}
	if got, want := text(), "2c 3d 5f 9j "; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	l.Cut(6, 3) // nothing
	l.Cut(3, 4)
	if got, want := text(), "2c 5f 9j "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	l.Cut(4, 100)
	if got, want := text(), "2c "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

// A gatedEngine commits when the test lets it.
type gatedEngine struct {
	staged  []string
	batches [][]string
	entered chan struct{} // one for each commit that begins
	gate    chan error    // what commit returns
}

func newGated(t *testing.T, cfg store.Config) (*store.Writer, *gatedEngine) {
	t.Helper()
	cfg, err := cfg.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	e := &gatedEngine{entered: make(chan struct{}, 100), gate: make(chan error, 100)}
	w := store.NewWriter(cfg, e, store.NewMetrics(nil))
	go w.Run()
	return w, e
}

func (e *gatedEngine) Stage(j *store.Job) {
	if r := j.Record; r != nil {
		e.staged = append(e.staged, r.Kind+"/"+r.Key)
		return
	}
	for i := range j.Write.Events {
		e.staged = append(e.staged, fmt.Sprintf("%s %d", j.Write.Stream.Key, j.Write.After+1+uint64(i)))
	}
}

func (e *gatedEngine) Commit() error {
	e.entered <- struct{}{}
	err := <-e.gate
	e.batches = append(e.batches, e.staged)
	e.staged = nil
	return err
}

// Group commit: what queues while a commit is under way is the next batch.
func TestBatches(t *testing.T) {
	w, e := newGated(t, store.Config{BatchWrites: 3})
	a := storetest.NewActor("ua/a", 0)
	for i := range 5 {
		if err := w.Append(a.Write("e")); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-e.entered
		}
	}
	for range 3 {
		e.gate <- nil
	}
	if err := a.Await(); err != nil {
		t.Fatal(err)
	}
	storetest.Close(t, stopper{w})
	if got, want := fmt.Sprint(e.batches), "[[ua/a 1] [ua/a 2 ua/a 3 ua/a 4] [ua/a 5]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

type stopper struct{ w *store.Writer }

func (s stopper) Close(ctx context.Context) error { return s.w.Stop(ctx) }

func TestBusy(t *testing.T) {
	for name, cfg := range map[string]store.Config{"writes": {QueueWrites: 3}, "bytes": {QueueBytes: 3 * 2000}} {
		t.Run(name, func(t *testing.T) {
			w, e := newGated(t, cfg)
			a := storetest.NewActor("ua/a", 0)
			event := string(make([]byte, 1900))
			if err := w.Append(a.Write(event)); err != nil {
				t.Fatal(err)
			}
			<-e.entered // the rest queues behind it
			for range 3 {
				if err := w.Append(a.Write(event)); err != nil {
					t.Fatal(err)
				}
			}
			last := a.Last
			if err := w.Append(a.Write(event)); storetest.CodeOf(err) != actors.Busy {
				t.Errorf("append: got %v", err)
			}
			a.Last = last
			if err := w.PutRecord(t.Context(), "k", "k", []byte(event)); storetest.CodeOf(err) != actors.Busy {
				t.Errorf("put a record: got %v", err)
			}
			close(e.gate)
			if err := a.Await(); err != nil {
				t.Fatal(err)
			}
			storetest.Close(t, stopper{w})
		})
	}
}

// A write that is larger than the queue may be is taken when it is alone.
func TestHugeWrite(t *testing.T) {
	w, e := newGated(t, store.Config{QueueBytes: 10, BatchBytes: 10})
	close(e.gate)
	a := storetest.NewActor("ua/a", 0)
	if err := w.Append(a.Write(string(make([]byte, 100)))); err != nil {
		t.Fatal(err)
	}
	if err := a.Await(); err != nil {
		t.Fatal(err)
	}
	storetest.Close(t, stopper{w})
}

func TestCommitFails(t *testing.T) {
	w, e := newGated(t, store.Config{})
	broken := errors.New("broken")
	a, z := storetest.NewActor("ua/a", 0), storetest.NewActor("ua/z", 0)
	if err := w.Append(a.Write("e")); err != nil {
		t.Fatal(err)
	}
	<-e.entered
	if err := w.Append(z.Write("queued")); err != nil {
		t.Fatal(err)
	}
	record := make(chan error, 1)
	go func() { record <- w.PutRecord(context.Background(), "k", "k", nil) }()
	for w.Stats().Queued < 2 {
		time.Sleep(time.Millisecond)
	}
	e.gate <- broken
	for name, err := range map[string]error{"under way": a.Await(), "queued": z.Await(), "record": <-record, "store": w.Err()} {
		if storetest.CodeOf(err) != actors.Unavailable || !errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	storetest.Close(t, stopper{w})
}

// A commit that never returns is taken over once Pebble says that its
// background work fails.
func TestStalledCommit(t *testing.T) {
	w, e := newGated(t, store.Config{})
	a, z := storetest.NewActor("ua/a", 0), storetest.NewActor("ua/z", 0)
	if err := w.Append(a.Write("e")); err != nil {
		t.Fatal(err)
	}
	<-e.entered
	if err := w.Append(z.Write("queued")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	w.Fail(full)
	w.Fail(errors.New("a later one"))
	if err := a.Await(); !errors.Is(err, full) {
		t.Errorf("under way: got %v", err)
	}
	if err := z.Await(); !errors.Is(err, full) {
		t.Errorf("queued: got %v", err)
	}
	storetest.Close(t, stopper{w})
	e.gate <- nil // it returns after all: nobody is told twice
}

// A writer that sleeps ends as well.
func TestFailWhileIdle(t *testing.T) {
	w, _ := newGated(t, store.Config{})
	w.Fail(errors.New("full"))
	storetest.Close(t, stopper{w})
	if err := w.Append(storetest.NewActor("ua/a", 0).Write("e")); storetest.CodeOf(err) != actors.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestStopGivesUp(t *testing.T) {
	w, e := newGated(t, store.Config{})
	a := storetest.NewActor("ua/a", 0)
	if err := w.Append(a.Write("e")); err != nil {
		t.Fatal(err)
	}
	<-e.entered
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Stop(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := w.PutRecord(gone, "k", "k", nil); storetest.CodeOf(err) != actors.Unavailable {
		t.Errorf("put a record: got %v", err)
	}
	e.gate <- nil
	storetest.Close(t, stopper{w})
}

package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"reddot/actors"
)

// A gatedEngine commits when the test lets it.
type gatedEngine struct {
	staged  []string
	batches [][]string
	entered chan struct{} // one for each commit that begins
	gate    chan error    // what commit returns
}

func newGated(t *testing.T, cfg Config) (*writer, *gatedEngine) {
	t.Helper()
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	e := &gatedEngine{entered: make(chan struct{}, 100), gate: make(chan error, 100)}
	w := newWriter(cfg, e, newMetrics(nil))
	go w.run()
	return w, e
}

func (e *gatedEngine) stage(j *job) {
	if r := j.record; r != nil {
		e.staged = append(e.staged, r.kind+"/"+r.key)
		return
	}
	for i := range j.write.Events {
		e.staged = append(e.staged, fmt.Sprintf("%s %d", j.write.Stream.Key, j.write.After+1+uint64(i)))
	}
}

func (e *gatedEngine) commit() error {
	e.entered <- struct{}{}
	err := <-e.gate
	e.batches = append(e.batches, e.staged)
	e.staged = nil
	return err
}

// Group commit: what queues while a commit is under way is the next batch.
func TestBatches(t *testing.T) {
	w, e := newGated(t, Config{BatchWrites: 3})
	a := newActor("ua/a", 0)
	for i := range 5 {
		if err := w.Append(a.write("e")); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-e.entered
		}
	}
	for range 3 {
		e.gate <- nil
	}
	if err := a.await(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, stopper{w})
	if got, want := fmt.Sprint(e.batches), "[[ua/a 1] [ua/a 2 ua/a 3 ua/a 4] [ua/a 5]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

type stopper struct{ w *writer }

func (s stopper) Close(ctx context.Context) error { return s.w.stop(ctx) }

func TestBusy(t *testing.T) {
	for name, cfg := range map[string]Config{"writes": {QueueWrites: 3}, "bytes": {QueueBytes: 3 * 2000}} {
		t.Run(name, func(t *testing.T) {
			w, e := newGated(t, cfg)
			a := newActor("ua/a", 0)
			event := string(make([]byte, 1900))
			if err := w.Append(a.write(event)); err != nil {
				t.Fatal(err)
			}
			<-e.entered // the rest queues behind it
			for range 3 {
				if err := w.Append(a.write(event)); err != nil {
					t.Fatal(err)
				}
			}
			last := a.last
			if err := w.Append(a.write(event)); codeOf(err) != actors.Busy {
				t.Errorf("append: got %v", err)
			}
			a.last = last
			if err := w.PutRecord(t.Context(), "k", "k", []byte(event)); codeOf(err) != actors.Busy {
				t.Errorf("put a record: got %v", err)
			}
			close(e.gate)
			if err := a.await(); err != nil {
				t.Fatal(err)
			}
			closeStore(t, stopper{w})
		})
	}
}

// A write that is larger than the queue may be is taken when it is alone.
func TestHugeWrite(t *testing.T) {
	w, e := newGated(t, Config{QueueBytes: 10, BatchBytes: 10})
	close(e.gate)
	a := newActor("ua/a", 0)
	if err := w.Append(a.write(string(make([]byte, 100)))); err != nil {
		t.Fatal(err)
	}
	if err := a.await(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, stopper{w})
}

func TestCommitFails(t *testing.T) {
	w, e := newGated(t, Config{})
	broken := errors.New("broken")
	a, z := newActor("ua/a", 0), newActor("ua/z", 0)
	if err := w.Append(a.write("e")); err != nil {
		t.Fatal(err)
	}
	<-e.entered
	if err := w.Append(z.write("queued")); err != nil {
		t.Fatal(err)
	}
	record := make(chan error, 1)
	go func() { record <- w.PutRecord(context.Background(), "k", "k", nil) }()
	for w.Stats().Queued < 2 {
		time.Sleep(time.Millisecond)
	}
	e.gate <- broken
	for name, err := range map[string]error{"under way": a.await(), "queued": z.await(), "record": <-record, "store": w.Err()} {
		if codeOf(err) != actors.Unavailable || !errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	closeStore(t, stopper{w})
}

// A commit that never returns is taken over once Pebble says that its
// background work fails.
func TestStalledCommit(t *testing.T) {
	w, e := newGated(t, Config{})
	a, z := newActor("ua/a", 0), newActor("ua/z", 0)
	if err := w.Append(a.write("e")); err != nil {
		t.Fatal(err)
	}
	<-e.entered
	if err := w.Append(z.write("queued")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	w.fail(full)
	w.fail(errors.New("a later one"))
	if err := a.await(); !errors.Is(err, full) {
		t.Errorf("under way: got %v", err)
	}
	if err := z.await(); !errors.Is(err, full) {
		t.Errorf("queued: got %v", err)
	}
	closeStore(t, stopper{w})
	e.gate <- nil // it returns after all: nobody is told twice
}

// A writer that sleeps ends as well.
func TestFailWhileIdle(t *testing.T) {
	w, _ := newGated(t, Config{})
	w.fail(errors.New("full"))
	closeStore(t, stopper{w})
	if err := w.Append(newActor("ua/a", 0).write("e")); codeOf(err) != actors.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestStopGivesUp(t *testing.T) {
	w, e := newGated(t, Config{})
	a := newActor("ua/a", 0)
	if err := w.Append(a.write("e")); err != nil {
		t.Fatal(err)
	}
	<-e.entered
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.stop(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := w.PutRecord(gone, "k", "k", nil); codeOf(err) != actors.Unavailable {
		t.Errorf("put a record: got %v", err)
	}
	e.gate <- nil
	closeStore(t, stopper{w})
}

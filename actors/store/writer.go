package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"reddot/actors"
)

// An Engine is what a writer commits to. The writer's goroutine alone calls it.
type Engine interface {
	// Stage adds a job to the batch, or sets its err and adds nothing. It
	// keeps nothing of a write beyond the commit.
	Stage(j *Job)
	// Commit makes the batch durable and empties it; it may refuse jobs by
	// their err. After an error the outcome of the others is unknown, and the
	// engine is not called again but, if it is one, as a mender.
	Commit() error
}

// A Writer is the group commit: the queue, and the goroutine that empties it.
type Writer struct {
	engine  Engine
	mender  Mender // nil: the first error is the end
	metrics *Metrics
	cfg     Config
	wake    chan struct{} // has room for one
	halt    chan struct{} // closed when the writer is to end
	ended   chan struct{} // closed when all is settled that ever will be

	mu          sync.Mutex
	queue       queue
	asleep      bool
	closing     bool
	phase       phase
	since       time.Time     // when the commit under way began; zero: none is
	err         *actors.Error // why no write is taken: the writer ends, or waits to be mended
	commitEnded chan struct{} // closed when the commit under way has come to its end; nil: nobody waits for that

	// OnFail is told once that the writer has failed. It is set before Run, and never
	// waits. Nil: nobody is told.
	OnFail func(cause error)

	batch  []Job           // of the commit under way
	writes []*actors.Write // of batch: scratch of settle
	stats  Stats
}

// A phase tells who answers for the batch.
type phase uint8

const (
	working    phase = iota // the writer's goroutine, which soon looks at err
	committing              // whoever comes first: the commit may never return
	abandoned               // the goroutine that took it over
)

// NewWriter returns a writer, to be started by Run. An engine that is a Mender is
// mended after an error; that of another one is the writer's end.
func NewWriter(cfg Config, e Engine, m *Metrics) *Writer {
	mender, _ := e.(Mender)
	return &Writer{
		engine: e, mender: mender, metrics: m, cfg: cfg,
		queue: queue{maxJobs: cfg.QueueWrites, maxBytes: cfg.QueueBytes},
		wake:  make(chan struct{}, 1),
		halt:  make(chan struct{}),
		ended: make(chan struct{}),
	}
}

// Append implements actors.Journal.
func (w *Writer) Append(x *actors.Write) error {
	return w.put(Job{Write: x, size: writeSize(x)})
}

// PutRecord implements actors.Records.
func (w *Writer) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	value = append([]byte(nil), value...) // the caller may leave before the commit
	return w.putRecord(ctx, &RecordWrite{Kind: kind, Key: key, Value: value})
}

// DeleteRecord implements actors.Records.
func (w *Writer) DeleteRecord(ctx context.Context, kind, key string) error {
	return w.putRecord(ctx, &RecordWrite{Kind: kind, Key: key, Delete: true})
}

// SwapRecord implements actors.SwapRecords.
func (w *Writer) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	r := &RecordWrite{Kind: kind, Key: key, Value: append([]byte{}, value...), Delete: value == nil, Swap: true}
	if old != nil {
		r.Old = append([]byte{}, old...)
	}
	return w.putRecord(ctx, r)
}

func (w *Writer) putRecord(ctx context.Context, r *RecordWrite) error {
	if r.Kind == "" || r.Key == "" || strings.IndexByte(r.Kind, 0) >= 0 {
		return actors.Errorf(actors.Invalid, "a record has a kind, without zero bytes, and a key")
	}
	r.done = make(chan error, 1)
	if err := w.put(Job{Record: r, size: len(r.Kind) + len(r.Key) + len(r.Value) + len(r.Old)}); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("record %s/%s: await the commit: %w", r.Kind, r.Key, ctx.Err())
	}
}

// Ended returns what is closed when the writer has settled all that it ever will.
func (w *Writer) Ended() <-chan struct{} { return w.ended }

// Err returns why no write is taken; nil while all is well.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refusal()
}

// refusal is err as an error. The caller holds mu.
func (w *Writer) refusal() error {
	if w.err == nil {
		return nil
	}
	return w.err
}

func (w *Writer) put(j Job) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return w.err
	case w.closing:
		return ErrClosed
	case !w.queue.put(j):
		w.metrics.refused.Inc()
		return &actors.Error{Code: actors.Busy, Detail: "the journal's queue is full", RetryAfter: time.Second}
	}
	w.wakeUp()
	return nil
}

// wakeUp wakes the writer's goroutine. The caller holds mu.
func (w *Writer) wakeUp() {
	if w.asleep {
		w.asleep = false
		w.wake <- struct{}{}
	}
}

// Run commits batch by batch until the writer is closed or has failed.
func (w *Writer) Run() {
	for w.take() {
		w.stage()
		if !w.commit() {
			return
		}
	}
	w.settleRest()
}

// take waits for jobs and takes a batch; false means that the writer ends.
func (w *Writer) take() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && w.queue.len() == 0 && !w.closing {
		w.asleep = true
		w.mu.Unlock()
		w.sleep()
		w.mu.Lock()
	}
	if w.err != nil || w.queue.len() == 0 {
		return false
	}
	w.batch = w.queue.take(w.batch[:0], w.cfg.BatchWrites, w.cfg.BatchBytes)
	return true
}

// stage hands the batch to the engine, but for writes of streams that have
// failed, or of which it has refused one in this batch.
func (w *Writer) stage() {
	var refused map[*actors.Stream]error // in this batch
	for i := range w.batch {
		j := &w.batch[i]
		if j.Write != nil {
			if j.Err = cmp.Or(j.Write.Stream.Err(), refused[j.Write.Stream]); j.Err != nil {
				continue
			}
		}
		w.engine.Stage(j)
		if j.Err != nil && j.Write != nil {
			if refused == nil {
				refused = make(map[*actors.Stream]error)
			}
			refused[j.Write.Stream] = j.Err
		}
	}
}

// commit commits what is staged and settles it; false means that the writer
// has ended and all is settled.
func (w *Writer) commit() bool {
	if !w.enter(committing) {
		w.settleRest()
		return false
	}
	start := time.Now()
	if err := w.engine.Commit(); err != nil {
		if w.mender != nil {
			return w.mend(err)
		}
		w.Fail(err)
	}
	took := time.Since(start)
	if !w.enter(working) {
		if !w.isAbandoned() {
			w.settleRest()
		}
		return false
	}
	w.count(took)
	w.settle(nil)
	return true
}

// enter enters the phase unless the writer has failed.
func (w *Writer) enter(p phase) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase != abandoned {
		w.phase = p
	}
	w.since = time.Time{}
	if p == committing {
		w.since = time.Now()
	} else {
		w.endCommit()
	}
	return w.err == nil
}

// endCommit tells those who wait for the end of the commit under way. The caller
// holds mu.
func (w *Writer) endCommit() {
	if w.commitEnded != nil {
		close(w.commitEnded)
		w.commitEnded = nil
	}
}

// Sync waits for the commit under way, if there is one: what an engine shows of
// it before it is synced is durable then. The error says that the writer has
// failed, or that ctx has ended.
func (w *Writer) Sync(ctx context.Context) error {
	w.mu.Lock()
	if w.err != nil || w.phase != committing {
		defer w.mu.Unlock()
		return w.refusal()
	}
	if w.commitEnded == nil {
		w.commitEnded = make(chan struct{})
	}
	passed := w.commitEnded
	w.mu.Unlock()
	select {
	case <-passed:
		return w.Err()
	case <-ctx.Done():
		return fmt.Errorf("await the commit under way: %w", ctx.Err())
	}
}

func (w *Writer) isAbandoned() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.phase == abandoned
}

// Fail ends the writer. It never waits, so an engine may call it from anywhere.
func (w *Writer) Fail(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	w.err = unavailable(cause)
	w.wakeUp()
	w.endCommit()
	if w.OnFail != nil {
		w.OnFail(cause)
	}
	if w.phase == committing {
		go w.takeOver()
	}
}

// takeOver settles everything in place of a commit that failed elsewhere, for
// it may wait for good: a full disk stalls the embedded store's without an error.
func (w *Writer) takeOver() {
	w.mu.Lock()
	if w.phase != committing {
		w.mu.Unlock()
		return
	}
	w.phase = abandoned
	w.mu.Unlock()
	w.settleRest()
}

// settleRest settles the batch and all that is queued with the error, if
// there is one, and says that the writer has ended.
func (w *Writer) settleRest() {
	err := w.Err()
	if err != nil {
		w.settle(err)
		w.settleQueue(err)
	}
	close(w.ended)
}

// settleQueue settles all that is queued with an error.
func (w *Writer) settleQueue(err error) {
	w.mu.Lock()
	w.batch = w.queue.take(w.batch[:0], w.queue.len(), w.queue.bytes)
	w.mu.Unlock()
	w.settle(err)
}

// settle answers all of the batch: each refused job with its own error, the
// others with err.
func (w *Writer) settle(err error) {
	var refused []Job
	for i, j := range w.batch {
		switch {
		case j.Record != nil:
			j.Record.done <- cmp.Or(j.Err, err)
		case j.Take != nil:
			j.Take.done <- cmp.Or(j.Err, err)
		case j.Err != nil:
			refused = append(refused, j)
		default:
			w.writes = append(w.writes, j.Write)
		}
		w.batch[i] = Job{}
	}
	w.batch = w.batch[:0]
	actors.Settle(w.writes, err)
	w.writes = w.writes[:0]
	for _, j := range refused { // behind what their streams wrote before
		actors.Settle([]*actors.Write{j.Write}, j.Err)
	}
}

// Stop ends the writer when all that is queued is settled.
func (w *Writer) Stop(ctx context.Context) error {
	w.mu.Lock()
	if !w.closing {
		w.closing = true
		close(w.halt)
	}
	w.wakeUp()
	w.mu.Unlock()
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the store: await the last commit: %w", ctx.Err())
	}
}

// unavailable is what writes and reads fail with once the store has ended.
func unavailable(cause error) *actors.Error {
	return &actors.Error{
		Code:       actors.Unavailable,
		Detail:     "the server's store has ended, and the server with it; repeat the request in a moment",
		RetryAfter: time.Second,
		Cause:      cause,
	}
}

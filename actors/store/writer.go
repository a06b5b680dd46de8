package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"reddot/actors"
)

var errClosed = errors.New("the store is closed")

// An engine is what a writer commits to. The writer's goroutine alone calls it.
type engine interface {
	// stage adds a job to the batch, or sets its err and adds nothing. It
	// keeps nothing of a write beyond the commit.
	stage(j *job)
	// commit makes the batch durable and empties it; it may refuse jobs by
	// their err. After an error the outcome of the others is unknown, and the
	// engine is not called again but, if it is one, as a mender.
	commit() error
}

// A writer is the group commit: the queue, and the goroutine that empties it.
type writer struct {
	engine  engine
	mender  mender // nil: the first error is the end
	metrics *metrics
	cfg     Config
	room    room
	wake    chan struct{} // has room for one
	halt    chan struct{} // closed when the writer is to end
	ended   chan struct{} // closed when all is settled that ever will be

	mu      sync.Mutex
	queue   queue
	asleep  bool
	closing bool
	phase   phase
	since   time.Time     // when the commit under way began; zero: none is
	err     *actors.Error // why no write is taken: the writer ends, or waits to be mended
	passed  chan struct{} // closed when the commit under way has come to its end; nil: nobody waits for that

	failed func(cause error) // told once that the writer has failed; it never waits. Nil: nobody is

	batch  []job           // of the commit under way
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

func newWriter(cfg Config, e engine, m *metrics) *writer {
	mender, _ := e.(mender)
	return &writer{
		engine: e, mender: mender, metrics: m, cfg: cfg, room: room{refused: newRefused()},
		queue: queue{maxJobs: cfg.QueueWrites, maxBytes: cfg.QueueBytes},
		wake:  make(chan struct{}, 1),
		halt:  make(chan struct{}),
		ended: make(chan struct{}),
	}
}

// Append implements actors.Journal.
func (w *writer) Append(x *actors.Write) error {
	if w.room.refuses(x) {
		return fullError
	}
	return w.put(job{write: x, size: writeSize(x)})
}

// PutRecord implements actors.Records.
func (w *writer) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	value = append([]byte(nil), value...) // the caller may leave before the commit
	return w.putRecord(ctx, &recordWrite{kind: kind, key: key, value: value})
}

// DeleteRecord implements actors.Records.
func (w *writer) DeleteRecord(ctx context.Context, kind, key string) error {
	return w.putRecord(ctx, &recordWrite{kind: kind, key: key, delete: true})
}

func (w *writer) putRecord(ctx context.Context, r *recordWrite) error {
	if r.kind == "" || r.key == "" || strings.IndexByte(r.kind, 0) >= 0 {
		return actors.Errorf(actors.Invalid, "a record has a kind, without zero bytes, and a key")
	}
	r.done = make(chan error, 1)
	if err := w.put(job{record: r, size: len(r.kind) + len(r.key) + len(r.value)}); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("record %s/%s: await the commit: %w", r.kind, r.key, ctx.Err())
	}
}

// Err returns why no write is taken; nil while all is well.
func (w *writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refusal()
}

// refusal is err as an error. The caller holds mu.
func (w *writer) refusal() error {
	if w.err == nil {
		return nil
	}
	return w.err
}

// writable tells whether every write is taken.
func (w *writer) writable() bool { return w.Err() == nil && !w.room.low.Load() }

func (w *writer) put(j job) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return w.err
	case w.closing:
		return unavailable(errClosed)
	case !w.queue.put(j):
		w.metrics.refused.Inc()
		return &actors.Error{Code: actors.Busy, Detail: "the journal's queue is full", RetryAfter: time.Second}
	}
	w.rouse()
	return nil
}

// rouse wakes the writer's goroutine. The caller holds mu.
func (w *writer) rouse() {
	if w.asleep {
		w.asleep = false
		w.wake <- struct{}{}
	}
}

// run commits batch by batch until the writer is closed or has failed.
func (w *writer) run() {
	for w.take() {
		w.stage()
		if !w.commit() {
			return
		}
	}
	w.settleRest()
}

// take waits for jobs and takes a batch; false means that the writer ends.
func (w *writer) take() bool {
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
func (w *writer) stage() {
	var refused map[*actors.Stream]error // in this batch
	for i := range w.batch {
		j := &w.batch[i]
		if j.write != nil {
			if j.err = cmp.Or(j.write.Stream.Err(), refused[j.write.Stream]); j.err != nil {
				continue
			}
		}
		w.engine.stage(j)
		if j.err != nil && j.write != nil {
			if refused == nil {
				refused = make(map[*actors.Stream]error)
			}
			refused[j.write.Stream] = j.err
		}
	}
}

// commit commits what is staged and settles it; false means that the writer
// has ended and all is settled.
func (w *writer) commit() bool {
	if !w.enter(committing) {
		w.settleRest()
		return false
	}
	start := time.Now()
	if err := w.engine.commit(); err != nil {
		if w.mender != nil {
			return w.mend(err)
		}
		w.fail(err)
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
func (w *writer) enter(p phase) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase != abandoned {
		w.phase = p
	}
	w.since = time.Time{}
	if p == committing {
		w.since = time.Now()
	} else {
		w.pass()
	}
	return w.err == nil
}

// pass tells those who wait for the end of the commit under way. The caller
// holds mu.
func (w *writer) pass() {
	if w.passed != nil {
		close(w.passed)
		w.passed = nil
	}
}

// sync waits for the commit under way, if there is one: what an engine shows of
// it before it is synced is durable then. The error says that the writer has
// failed, or that ctx has ended.
func (w *writer) sync(ctx context.Context) error {
	w.mu.Lock()
	if w.err != nil || w.phase != committing {
		defer w.mu.Unlock()
		return w.refusal()
	}
	if w.passed == nil {
		w.passed = make(chan struct{})
	}
	passed := w.passed
	w.mu.Unlock()
	select {
	case <-passed:
		return w.Err()
	case <-ctx.Done():
		return fmt.Errorf("await the commit under way: %w", ctx.Err())
	}
}

func (w *writer) isAbandoned() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.phase == abandoned
}

// fail ends the writer. It never waits, so Pebble may call it from anywhere.
func (w *writer) fail(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	w.err = unavailable(cause)
	w.rouse()
	w.pass()
	if w.failed != nil {
		w.failed(cause)
	}
	if w.phase == committing {
		go w.takeOver()
	}
}

// takeOver settles everything in place of a commit that failed elsewhere, for
// it may wait for good: a full disk stalls Pebble's writes without an error.
func (w *writer) takeOver() {
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
func (w *writer) settleRest() {
	err := w.Err()
	if err != nil {
		w.settle(err)
		w.settleQueue(err)
	}
	close(w.ended)
}

// settleQueue settles all that is queued with an error.
func (w *writer) settleQueue(err error) {
	w.mu.Lock()
	w.batch = w.queue.take(w.batch[:0], w.queue.len(), w.queue.bytes)
	w.mu.Unlock()
	w.settle(err)
}

// settle answers all of the batch: each refused job with its own error, the
// others with err.
func (w *writer) settle(err error) {
	var refused []job
	for i, j := range w.batch {
		switch {
		case j.record != nil:
			j.record.done <- cmp.Or(j.err, err)
		case j.take != nil:
			j.take.done <- cmp.Or(j.err, err)
		case j.err != nil:
			refused = append(refused, j)
		default:
			w.writes = append(w.writes, j.write)
		}
		w.batch[i] = job{}
	}
	w.batch = w.batch[:0]
	actors.Settle(w.writes, err)
	w.writes = w.writes[:0]
	for _, j := range refused { // behind what their streams wrote before
		actors.Settle([]*actors.Write{j.write}, j.err)
	}
}

// stop ends the writer when all that is queued is settled.
func (w *writer) stop(ctx context.Context) error {
	w.mu.Lock()
	if !w.closing {
		w.closing = true
		close(w.halt)
	}
	w.rouse()
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

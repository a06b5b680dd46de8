package api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/results"
)

// A batch is one request with many messages, a line each. Its lines are read,
// sent and answered at the same time: one goroutine reads, fasthttp's own
// writes. It is the response's body: fasthttp calls WriteTo, and then Close.
//
// A client may send it all and read afterwards only as long as its results fit
// into Config.BatchOutput and the sockets' buffers. Beyond that the batch
// stands still until the client reads, and nobody else is held up.
type batch struct {
	api *API
	ctx *fasthttp.RequestCtx
	who *transports.Principal
	*lane
	limits   transports.Limits
	body     io.Reader     // nil: there is none, or it is in memory
	length   int           // of the body in bytes; below 0: not known
	taken    int           // bytes of the body so far
	waited   time.Duration // for those
	closed   bool
	claim    *transports.Claim
	complete bool // it has come to its end, and nothing is under way

	request func(b *batch, line []byte) (r *actors.Request, recipients int, err error) // makes a request of a line; recipients is as in Pipeline.Send

	broken atomic.Pointer[error] // why reading ended before the body's end
}

// A lane is what a batch works with, and leaves to the next one.
type lane struct {
	pipeline *results.Pipeline
	draft    draft
	in       *bufio.Reader
	out      []byte // results are written from here while others are collected
}

// lane returns one that reads lines of up to size bytes from body.
func (a *API) lane(body io.Reader, size int) *lane {
	l, _ := a.lanes.Get().(*lane)
	if l == nil {
		l = &lane{pipeline: results.NewPipeline(a.deps.Router, a.cfg.BatchWindow, a.cfg.BatchOutput, a.cfg.Deadline), draft: draft{lim: &a.cfg.Message}}
	}
	if l.in == nil || l.in.Size() != size {
		l.in = bufio.NewReaderSize(body, size)
	} else {
		l.in.Reset(body)
	}
	l.pipeline.Reset()
	return l
}

// leave lets go of what the batch has brought.
func (a *API) leave(l *lane) {
	l.in.Reset(nil)
	l.pipeline.Bound(nil)
	l.draft.forget()
	a.lanes.Put(l)
}

// takeBatch takes a place among the requests that stream, which are bounded.
func (c *call) takeBatch() error {
	err := c.api.batches.Take(c.who.App)
	if err != nil {
		c.api.metrics.refused.WithLabelValues("batches").Inc()
	}
	return err
}

// publishBatch is POST /v1/messages/batch.
func publishBatch(c *call) error { return c.batch((*batch).publish) }

// batch answers a body of many lines, of each of which a request is made.
func (c *call) batch(request func(*batch, []byte) (*actors.Request, int, error)) error {
	a := c.api
	limits := a.deps.Gate.Limits()
	if n := c.Request.Header.ContentLength(); n > limits.MaxBatch {
		return large("body of the request", limits.MaxBatch)
	}
	if err := c.readDryRun(); err != nil {
		return err
	}
	if err := c.takeBatch(); err != nil {
		return err
	}
	b := &batch{api: a, ctx: c.RequestCtx, who: c.who, limits: limits, request: request}
	var body io.Reader = bytes.NewReader(nil)
	if stream := c.Request.BodyStream(); stream != nil {
		b.body = stream
		b.length = c.Request.Header.ContentLength()
		body = &timedReader{b}
	} else if len(c.PostBody()) > 0 {
		body = bytes.NewReader(c.PostBody())
	}
	b.lane = a.lane(body, min(limits.MaxLine, limits.MaxBatch)+1)
	b.claim = c.claim()
	b.pipeline.Bound(b.mayWait)
	b.pipeline.SetDry(c.dry)
	c.SetContentType("application/x-ndjson")
	c.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store, no-transform") // results come one by one
	c.Response.Header.Set("X-Accel-Buffering", "no")
	c.SetBodyStream(b, -1)
	return nil
}

// A timedReader gives the client a time of its own for each piece, since a
// batch may last longer than the server's ReadTimeout.
type timedReader struct{ *batch }

func (r *timedReader) Read(p []byte) (int, error) {
	b := r.batch
	if b.pipeline.IsOver() {
		return 0, io.ErrClosedPipe
	}
	began := time.Now()
	if err := b.ctx.SetReadDeadline(began.Add(min(b.api.cfg.BatchIdle, b.allowed()-b.waited))); err != nil {
		return 0, err
	}
	n, err := b.body.Read(p)
	b.taken += n
	b.waited += time.Since(began)
	switch {
	case b.waited >= b.allowed():
		b.api.metrics.refused.WithLabelValues("batch_rate").Inc()
		return 0, actors.Errorf(actors.Invalid, "the batch comes too slowly: send at least %d bytes a second, or close it and begin another", b.api.cfg.BatchRate)
	case b.taken > b.limits.MaxBatch:
		return 0, large("body of the request", b.limits.MaxBatch)
	case errors.Is(err, io.EOF) && b.taken < b.length:
		return n, io.ErrUnexpectedEOF // fasthttp does not say so
	}
	return n, err
}

// allowed is how long may be waited for what has come and the next piece.
func (b *batch) allowed() time.Duration {
	return b.api.cfg.BatchIdle + time.Duration(b.taken)*time.Second/time.Duration(b.api.cfg.BatchRate)
}

// maxDrain is how many bytes are read of what the batch does not take. To
// close on unread bytes would make TCP throw away the results.
const maxDrain = 256 << 10

// drain reads what is left, within bounds.
func (b *batch) drain() {
	if b.body == nil || b.ctx.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, b.body, maxDrain)
}

// outputStep is by how much the claim of a batch grows.
const outputStep = 64 << 10

// mayWait tells whether n bytes of results may wait: as many more may be under
// way to the client. It is called with the pipeline's lock held.
func (b *batch) mayWait(n int) bool {
	return b.claim.Has(2*n) || b.claim.Resize(2*(n+outputStep)) == nil
}

// SupportsBodyWriteTo tells fasthttp to call WriteTo.
func (*batch) SupportsBodyWriteTo() bool { return true }

// Read is not used: fasthttp calls WriteTo.
func (*batch) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close gives the batch's place back.
func (b *batch) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	b.claim.Close()
	b.api.batches.Leave(b.who.App)
	if b.complete {
		b.api.leave(b.lane)
	}
	return nil
}

// WriteTo works on the batch and writes the results. Each Write is a chunk
// that goes out at once.
func (b *batch) WriteTo(w io.Writer) (written int64, err error) {
	end := make(chan struct{})
	go b.read(end)
	defer func() {
		b.pipeline.End()
		if err != nil {
			_ = b.ctx.SetReadDeadline(time.Unix(1, 0)) // wakes a Read
		}
		<-end
		_ = b.ctx.SetWriteDeadline(time.Now().Add(b.api.cfg.BatchIdle)) // what is left was drained meanwhile
		b.complete = err == nil && b.pipeline.Idle()
	}()
	for reading := end; ; {
		out := b.pipeline.Take(b.out)
		switch {
		case out != nil:
			n, err := transports.WritePieces(b.ctx, w, out, b.api.cfg.WriteStall)
			if written += n; err != nil {
				return written, fmt.Errorf("batch: write the results: %w", err)
			}
			b.out = out
		case reading == nil && b.pipeline.Idle():
			if broken := b.broken.Load(); broken != nil {
				return written, *broken
			}
			return written, nil
		default:
			b.pipeline.Await(reading)
			if isClosed(end) {
				reading = nil
			}
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// read reads lines until the body ends, and closes end.
func (b *batch) read(end chan<- struct{}) {
	defer close(end)
	defer func() {
		if what := recover(); what != nil {
			b.api.log.Error("panic in a batch", "panic", what, "stack", string(debug.Stack()))
			err := errors.New("batch: panic")
			b.broken.Store(&err)
		}
	}()
	for n := 1; ; n++ {
		line, err := b.in.ReadSlice('\n')
		last := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) || len(line) > b.limits.MaxLine:
			err = b.skip(err)
			if !b.pipeline.Refuse(large("line", b.limits.MaxLine), n) {
				return
			}
			last = errors.Is(err, io.EOF)
		case err == nil || last:
			if !b.line(bytes.TrimSpace(line), n) {
				return
			}
		}
		switch {
		case last:
			return
		case err != nil:
			b.stop(err, n)
			return
		case n == b.api.cfg.BatchLines:
			b.pipeline.Refuse(actors.Errorf(actors.TooMany, "a batch has at most %d lines; what follows was not read", n), n)
			b.drain()
			return
		}
	}
}

// skip reads on to the end of a line that is too long.
func (b *batch) skip(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = b.in.ReadSlice('\n')
	}
	return err
}

// stop says why the rest of the body is not read, if the client can still be
// told.
func (b *batch) stop(err error, line int) {
	var e *actors.Error
	if errors.As(err, &e) {
		b.pipeline.Refuse(e, line)
		b.drain()
		return
	}
	err = fmt.Errorf("batch: read line %d: %w", line, err)
	b.broken.Store(&err)
}

// line works on one line; an empty one counts, and has no result. It returns
// false when the batch has ended.
func (b *batch) line(line []byte, n int) bool {
	if len(line) == 0 {
		return true
	}
	r, recipients, err := b.request(b, line)
	if err != nil {
		return b.pipeline.Refuse(err, n)
	}
	return b.pipeline.Send(r, n, recipients)
}

// publish makes the request of a line that is a message.
func (b *batch) publish(line []byte) (r *actors.Request, recipients int, err error) {
	d := &b.draft
	if err := d.parse(line, fieldsMessage|fieldTo|fieldIdempotencyKey, b.api.now().UnixMilli()); err != nil {
		return nil, 0, err
	}
	if err := d.complete(); err != nil {
		return nil, 0, err
	}
	if err := b.api.govern(b.who.App, d); err != nil {
		return nil, 0, err
	}
	if d.has&fieldTo == 0 {
		return nil, 0, wrong("to", "it is missing: say whom the message is for")
	}
	id := actors.NewID()
	once := actors.EdgeOnce(id)
	if d.once != "" {
		once = actors.CallersOnce(b.who.ID, d.once, []byte("POST"), []byte("/v1/messages/batch"), line)
	}
	if err := b.api.deps.Gate.Publish(b.who, max(1, len(d.to.users))); err != nil {
		return nil, 0, err
	}
	b.api.screen(b.who.App, d)
	recipients = results.IsPublish
	order := func() (actors.Key, actors.Command) {
		return actors.UserKey(b.who.App, d.to.user), &d.publication(id).publish
	}
	if !d.to.isOne() {
		if err := b.api.pin(b.who.App, &d.to, once); err != nil {
			return nil, 0, err
		}
		order = func() (actors.Key, actors.Command) { return d.order(b.who.App, id, once) }
		recipients = d.to.recipients()
	}
	if err := b.api.compose(b.who.App, d, once, order); err != nil {
		return nil, 0, err
	}
	key, command := order()
	if err := b.api.refuseStopped(d, key, command, once); err != nil {
		return nil, 0, err
	}
	r = actors.NewRequest(key, rehearsed(b.pipeline.IsDry(), command))
	r.Once = once
	return r, recipients, nil
}

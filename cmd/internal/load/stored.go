package load

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"

	"reddot/cmd/internal/load/event"
	"reddot/cmd/internal/load/report"
)

// A crowd is users who exist and are not online, with a message each: what a
// broadcast may not cost anything for. It outlives a run, so that a million is stored
// once. Those who are online are stored like them.
type crowd struct {
	prefix string
	size   int
	stored bool
	heard  int64 // broadcasts that were for all of them
}

func newCrowd(cfg *Config) *crowd {
	return &crowd{prefix: fmt.Sprintf("bench-stored-%08x-", rand.Uint32()), size: cfg.Stored}
}

// storedLines is how many of them one request stores.
const storedLines = 500

// wakesAtOnce is how many are woken at a time.
const wakesAtOnce = 2

// appendStored appends the name of one of the crowd.
func (c *crowd) appendStored(b []byte, n int) []byte {
	return fmt.Appendf(append(b, c.prefix...), "%07d", n)
}

// storeCrowd stores the crowd and those who are to be online, each worker its share.
func (w *worker) storeCrowd(ctx context.Context) error {
	c := w.b.crowd
	if c == nil {
		return nil
	}
	stored := c.stored
	w.b.barrier.wait(w.now)
	err := w.store(ctx, len(w.users), func(b []byte, i int) []byte { return w.appendName(b, w.name(i)) })
	if err != nil || stored {
		return err
	}
	w.say("storing %d users", c.size)
	own := (c.size - w.id + w.cfg.Workers - 1) / w.cfg.Workers
	err = w.store(ctx, own, func(b []byte, i int) []byte { return c.appendStored(b, i*w.cfg.Workers+w.id) })
	w.b.barrier.wait(w.now)
	if w.id == 0 {
		c.stored = err == nil
	}
	return err
}

// store sends one message each to n users.
func (w *worker) store(ctx context.Context, n int, appendName func(b []byte, i int) []byte) error {
	return w.each(ctx, (n+storedLines-1)/storedLines, func(p *publisher, i int) bool {
		p.storeUsers(i*storedLines, min((i+1)*storedLines, n), appendName)
		return true
	})
}

// storeUsers sends one message each to some users.
func (p *publisher) storeUsers(from, to int, appendName func(b []byte, i int) []byte) {
	w := p.w
	p.op, p.line = opStore, p.line[:0]
	for n := from; n < to; n++ {
		w.to = append(appendName(append(w.to[:0], `{"user":"`...), n), `"}`...)
		p.line = append(appendMessage(p.line, w.to, w.b.run, stamp{user: n}, w.cfg.BodySize), '\n')
	}
	p.count = to - from
	b := append(append(w.scratch[:0], "POST "...), p.to.Path...)
	p.post(append(b, "/v1/messages/batch"...), "application/x-ndjson", p.line)
}

// wakeCrowd reads the counts of some of the crowd, chosen by chance: each must have
// exactly its own message and what was broadcast to all.
func (w *worker) wakeCrowd(ctx context.Context) error {
	c := w.b.crowd
	if c == nil {
		return nil
	}
	c.settle(w)
	left := w.cfg.Woken / w.cfg.Workers
	w.say("waking %d", left*w.cfg.Workers)
	want := min(1+c.heard, w.limit)
	took := report.NewLatencies()
	w.feed = func(p *publisher, _ int64) bool {
		if left == 0 || len(w.pubs)-len(w.idle) > wakesAtOnce {
			return false
		}
		left--
		p.wake(w.random.IntN(c.size), func(n int, got event.Counts, ns int64) {
			took.Record(ns)
			if got.Unread != want || got.Unseen != want {
				w.fault(&w.tally.wrong, nil, "stored user %d wakes up with %+v, must have %d unread", n, got, want)
			}
		})
		return true
	}
	err := w.progress(ctx, "wake", w.cfg.Timeout, func() int { return left }, func(int) bool {
		return left == 0 && len(w.idle) == len(w.pubs)
	})
	w.feed = nil
	q := took.Quantiles()
	w.b.note("waking who missed them, p50, ms", q.P50/1e3)
	w.b.note("waking who missed them, p99, ms", q.P99/1e3)
	return err
}

// settle takes in how much was broadcast.
func (c *crowd) settle(w *worker) {
	w.b.barrier.wait(w.now)
	if w.id == 0 && w.cfg.Audience == AudienceAll {
		c.heard += w.b.broadcasts.Load()
	}
	w.b.barrier.wait(w.now)
}

// wake reads the counts of one of the crowd.
func (p *publisher) wake(n int, take func(n int, c event.Counts, ns int64)) {
	w := p.w
	p.op, p.woke, p.count, p.since = opWake, take, n, w.now()
	b := append(append(w.scratch[:0], "GET "...), p.to.Path...)
	b = w.b.crowd.appendStored(append(b, "/v1/users/"...), n)
	b = append(b, "/counts HTTP/1.1\r\n"...)
	w.scratch = append(w.appendHead(b, p.to), "\r\n"...)
	p.caller.Call(w.scratch)
}

// judgeWake takes the counts of one of the crowd.
func (p *publisher) judgeWake(status int, body []byte, now int64) error {
	var a event.Answer
	if status != 200 {
		return fmt.Errorf("wake: status %d", status)
	}
	if err := event.ParseAnswer(body, &a); err != nil || !a.Counts.Known {
		return fmt.Errorf("wake: unreadable answer")
	}
	p.woke(p.count, a.Counts, now-p.since)
	return nil
}

// judgeStore sees that all of a request's users were stored.
func (p *publisher) judgeStore(status int, body []byte) error {
	if status != 200 {
		return fmt.Errorf("store: status %d %s", status, problemCode(body))
	}
	n := 0
	for line := range bytes.Lines(body) {
		var a event.Answer
		if err := event.ParseAnswer(line, &a); err != nil || len(a.Code) > 0 || len(a.Outcome) > 0 && string(a.Outcome) != "delivered" {
			return fmt.Errorf("store: %s", bytes.TrimSpace(line))
		}
		n++
	}
	if n != p.count {
		return fmt.Errorf("store: %d answers to %d messages", n, p.count)
	}
	return nil
}

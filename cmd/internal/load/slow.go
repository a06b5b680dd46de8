package load

import (
	"context"
	"time"

	"reddot/cmd/internal/load/report"
)

// slow has some users never read while all are sent much: what is measured is
// how the others fare, and what the server's memory does. The slow ones then
// read again, and must get what they missed, by replay or by a reset.
func slow(ctx context.Context, w *worker) error {
	if err := w.readBase(ctx); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.b.measureConnected(w)
	each := w.cfg.SlowBytes / w.cfg.BodySize
	w.say("publishing %d messages to each of %d users, however long it takes", each, w.cfg.Users)
	w.stall()
	peak := w.watchMemory()
	if err := w.publishAll(ctx, each, peak); err != nil {
		return err
	}
	w.b.barrier.wait(w.now)
	if err := w.resume(ctx); err != nil {
		return err
	}
	return w.verify(ctx)
}

// isSlow tells whether a user is among those that never read.
func (w *worker) isSlow(name int) bool { return name < w.cfg.Slow }

// stall has the slow connections stop reading.
func (w *worker) stall() {
	for _, c := range w.conns {
		if w.isSlow(c.name) && c.link != nil {
			c.link.Pause()
			c.slow = true
		}
	}
}

// publishAll sends each user n messages, in turns, and measures from the
// first to the last.
func (w *worker) publishAll(ctx context.Context, n int, watch func()) error {
	total, next := n*len(w.users), 0
	begin := w.b.barrier.wait(w.now)
	w.from, w.upTo = begin, never
	if w.id == 0 {
		w.b.measureStart()
	}
	if w.cfg.Rate > 0 {
		w.interval = 1e9 * float64(w.cfg.Workers) / w.cfg.Rate
		w.began, w.nth = begin, 0
	}
	w.feed = func(p *publisher, due int64) bool {
		if next == total {
			return false
		}
		next++
		p.message((next-1)%len(w.users), due)
		return true
	}
	err := w.progress(ctx, "publish", w.cfg.Timeout, func() int { watch(); return next + len(w.idle) }, func(int) bool {
		return next == total && len(w.idle) == len(w.pubs)
	})
	w.feed, w.interval = nil, 0
	w.upTo = w.now()
	w.b.elapsed(w.upTo - w.from)
	if w.id == 0 {
		w.b.measureEnd()
	}
	return err
}

// watchMemory returns a function that keeps the highest memory seen.
func (w *worker) watchMemory() func() {
	var peak int64
	var next int64
	return func() {
		now := w.now()
		if w.id != 0 || len(w.cfg.PIDs) == 0 || now < next {
			return
		}
		next = now + int64(200*time.Millisecond)
		var r report.Reading
		w.b.read(&r)
		peak = max(peak, r.RSS)
		w.b.note("RSS growth, highest, MB", float64(peak-w.b.with.RSS)/1e6)
	}
}

// resume has the slow connections read again, and waits until the server has
// ended those that it gave up and all have what they were sent.
func (w *worker) resume(ctx context.Context) error {
	w.say("the slow ones read again")
	before := w.tally.reconnects
	for _, c := range w.conns {
		if c.slow && c.link != nil {
			c.link.Resume()
		}
	}
	err := w.drain(ctx)
	w.b.add("slow connections that the server closed", float64(w.tally.reconnects-before))
	return err
}

// checkSlow tells what the scenario can't do.
func checkSlow(c *Config) (field, msg string) {
	switch {
	case c.Transport == Poll || c.Transport == LongPoll:
		return "Transport", "a poll can't be slow"
	case c.Connections == 0:
		return "Connections", "none to be slow"
	case c.Batch > 0:
		return "Batch", "messages go one by one"
	}
	return "", ""
}

package load

import (
	"context"
	"fmt"
)

// storm has all users away while messages come, and then return at once, each
// with its last cursor: what is measured is how long it takes until all have
// what they missed, once each.
func storm(ctx context.Context, w *worker) error {
	if err := w.readBase(ctx); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.b.measureConnected(w)
	w.leaveAll()
	if err := w.publishMissed(ctx); err != nil {
		return err
	}
	if err := w.returnAll(ctx); err != nil {
		return err
	}
	return w.verify(ctx)
}

// leaveAll hangs up every connection.
func (w *worker) leaveAll() {
	w.say("leaving")
	for _, c := range w.conns {
		c.leave()
	}
}

// publishMissed sends each user its share while all are away.
func (w *worker) publishMissed(ctx context.Context) error {
	w.say("publishing %d to each", w.cfg.Missed)
	total, next := len(w.users)*w.cfg.Missed, 0
	w.feed = func(p *publisher, due int64) bool {
		if next == total {
			return false
		}
		next++
		p.message((next-1)%len(w.users), due)
		return true
	}
	if w.cfg.Batch > 0 {
		w.feed = func(p *publisher, due int64) bool {
			w.lot = w.lot[:0]
			for ; next < total && len(w.lot) < w.cfg.Batch; next++ {
				w.lot = append(w.lot, next%len(w.users))
			}
			if len(w.lot) > 0 {
				p.batch(w.lot, due)
			}
			return len(w.lot) > 0
		}
	}
	err := w.progress(ctx, "publish", w.cfg.Timeout, func() int { return next + len(w.idle) }, func(int) bool {
		return next == total && len(w.idle) == len(w.pubs)
	})
	w.feed = nil
	return err
}

// returnAll has every connection come back and waits until each has what its
// user was sent.
func (w *worker) returnAll(ctx context.Context) error {
	w.say("%d return", len(w.conns))
	begin := w.b.barrier.wait(w.now)
	w.from, w.upTo = begin, never
	if w.id == 0 {
		w.b.measureStart()
	}
	w.since = begin
	w.returning = 0
	for _, c := range w.conns {
		c.away = false
		if c.target = w.due(c.u); c.order.rev < c.target {
			w.returning++
		} else {
			c.target = 0
		}
		w.begin(c)
	}
	err := w.progress(ctx, "return", w.cfg.Timeout+w.cfg.Drain, func() int { return w.up - w.returning }, func(int) bool {
		return w.up == len(w.conns) && w.returning <= 0
	})
	if err != nil && w.fatal != nil {
		return err
	}
	if err != nil { // what is missing is judged as lost
		w.say("%v", err)
	}
	took := w.now() - begin
	w.b.barrier.wait(w.now)
	w.upTo = w.now()
	if w.id == 0 {
		w.b.measureEnd()
	}
	w.b.elapsed(took)
	w.b.note("all are back after, s", float64(took)/1e9)
	return nil
}

// checkStorm tells what a storm can't do.
func checkStorm(c *Config) (field, msg string) {
	switch {
	case c.Transport == Poll:
		return "Transport", "polling misses nothing"
	case c.Connections == 0:
		return "Connections", "none to return"
	case c.Missed > c.InboxLimit:
		return "Missed", fmt.Sprintf("more than an inbox holds, %d", c.InboxLimit)
	}
	return "", ""
}

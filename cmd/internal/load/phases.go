package load

import (
	"context"
	"fmt"
	"time"

	"reddot/cmd/internal/load/event"
)

// The phases that scripts are made of. Each ends with an error, or when all of
// the worker's part is done.

// connect starts all connections and waits until they are live.
func (w *worker) connect(ctx context.Context) error {
	w.say("%d connections", len(w.conns))
	for _, c := range w.conns {
		w.begin(c)
	}
	return w.progress(ctx, "connect", w.cfg.Timeout, func() int { return w.up }, func(n int) bool { return n == len(w.conns) })
}

// progress waits for a figure to become what it should, as long as it moves.
func (w *worker) progress(ctx context.Context, what string, patience time.Duration, figure func() int, done func(int) bool) error {
	was, since := figure(), w.now()
	for {
		var n int
		w.until(ctx, w.now()+tick, func() bool { n = figure(); return done(n) })
		switch now := w.now(); {
		case w.fatal != nil:
			return w.fatal
		case done(n):
			return nil
		case n != was:
			was, since = n, now
		case now-since > int64(patience):
			return fmt.Errorf("%w: %s: at %d; last error: %s", ErrStalled, what, n, w.lastError)
		}
	}
}

// readCounts reads the counts of every user that the worker has.
func (w *worker) readCounts(ctx context.Context, take func(*user, event.Counts)) error {
	next, done := 0, 0
	w.feed = func(p *publisher, _ int64) bool {
		if next == len(w.users) {
			return false
		}
		next++
		p.counts(next-1, func(u *user, c event.Counts) {
			done++
			take(u, c)
		})
		return true
	}
	pace := w.interval
	w.interval = 0
	err := w.progress(ctx, "read counts", w.cfg.Timeout, func() int { return next + len(w.idle) }, func(int) bool {
		return next == len(w.users) && len(w.idle) == len(w.pubs)
	})
	w.feed, w.interval = nil, pace
	if err == nil && done < len(w.users) {
		err = fmt.Errorf("%w: counts of %d users can't be read: %s", ErrStalled, len(w.users)-done, w.tally.worst())
	}
	return err
}

// readBase takes the counts with which the users begin.
func (w *worker) readBase(ctx context.Context) error {
	return w.readCounts(ctx, func(u *user, c event.Counts) { u.base = c })
}

// publish feeds the publishers for the warm-up and the duration.
func (w *worker) publish(ctx context.Context, feed func(p *publisher, due int64) bool) error {
	begin := w.b.barrier.wait(w.now)
	w.measure(begin)
	if w.cfg.Rate > 0 {
		share := float64(len(w.pubs)) / float64(w.cfg.Publishers)
		w.interval = 1e9 / (w.cfg.Rate * share)
		if w.cfg.Batch > 0 {
			w.interval *= float64(w.cfg.Batch)
		}
		w.began, w.nth = begin, 0
	}
	w.feed = feed
	w.startClosedLoop(begin)
	err := w.measured(ctx)
	w.feed = nil
	if err != nil {
		return err
	}
	err = w.progress(ctx, "last answers", w.cfg.Timeout+w.cfg.Drain, func() int { return len(w.idle) }, func(n int) bool { return n == len(w.pubs) })
	w.interval = 0
	return err
}

func (w *worker) startClosedLoop(now int64) {
	if w.interval == 0 {
		w.feedIdle(now)
	}
}

// drain waits until every connection has what its user was sent, or until
// nothing more comes.
func (w *worker) drain(ctx context.Context) error {
	was, since := uint64(0), w.now()
	for w.fatal == nil {
		at := w.tally.delivered
		if w.behind() == 0 {
			return nil
		}
		if at != was {
			was, since = at, w.now()
		} else if w.now()-since > int64(w.cfg.Drain) {
			return nil
		}
		w.until(ctx, w.now()+tick, func() bool { return false })
	}
	return w.fatal
}

// behind counts the connections to which something is still to come.
func (w *worker) behind() int {
	n := 0
	if w.b.stateless || w.b.topic != "" {
		n += int(w.b.window.pending())
	}
	for _, c := range w.conns {
		if w.b.topic != "" {
			if w.b.each && (len(c.order.missing) > 0 || c.order.rev < w.topicDue(c)) {
				n++
			}
			continue
		}
		if w.b.stateless {
			if c.u.head < len(c.u.sent) {
				n++
			}
		} else if len(c.order.missing) > 0 || c.order.rev < w.due(c.u) {
			n++
		}
	}
	return n
}

// due returns the rev that each of the user's connections must reach.
func (w *worker) due(u *user) int64 {
	if u.final.Known {
		return u.final.Rev
	}
	return w.least(u)
}

// least returns the rev that a user must have.
func (w *worker) least(u *user) int64 {
	rev := u.base.Rev + u.taken + u.changes
	if !u.deaf {
		rev += w.b.broadcasts.Load() * w.b.perUser
	}
	return rev
}

// verify reads the final counts and judges what is missing. It ends the run.
func (w *worker) verify(ctx context.Context) error {
	if w.b.topic != "" {
		w.verifyTopics()
		return nil
	}
	if w.b.stateless {
		w.verifyStateless()
		return nil
	}
	if err := w.readCounts(ctx, func(u *user, c event.Counts) { u.final = c }); err != nil {
		return err
	}
	if err := w.drain(ctx); err != nil { // what was in doubt may have been accepted
		return err
	}
	for i := range w.users {
		w.verifyUser(i)
	}
	for _, c := range w.conns {
		if !c.known {
			continue
		}
		if n := len(c.order.missing) + int(max(0, c.u.final.Rev-c.order.rev)); n > 0 {
			w.fault(&w.tally.lost, c, "%d events of rev %d lost (at rev %d, missing %v)", n, c.u.final.Rev, c.order.rev, head(c.order.missing, 5))
			w.tally.lost += uint64(n - 1)
		}
	}
	return nil
}

func head(s []int64, n int) []int64 { return s[:min(n, len(s))] }

// verifyUser compares the final counts with what was accepted.
func (w *worker) verifyUser(i int) {
	u := &w.users[i]
	least := w.least(u)
	who := string(w.appendName(nil, w.name(i)))
	switch {
	case !u.possible(u.final, w.limit):
		w.fault(&w.tally.wrong, nil, "user %s: final counts %+v, base %+v", who, u.final, u.base)
	case u.final.Rev < least:
		w.fault(&w.tally.lost, nil, "user %s: final rev %d, must be %d", who, u.final.Rev, least)
		w.tally.lost += uint64(least - u.final.Rev - 1)
	case u.final.Rev > least+u.unknown && u.foreign == 0 && !u.countsUnknown && u.final.Rev <= w.limit:
		w.fault(&w.tally.doubled, nil, "user %s: final rev %d, must be %d", who, u.final.Rev, least)
	}
}

// verifyStateless counts the deliveries that the floor owes.
func (w *worker) verifyStateless() {
	if w.id == 0 {
		w.tally.lost += uint64(w.b.window.pending())
	}
	for i := range w.users {
		u := &w.users[i]
		for _, p := range u.sent[u.head:] {
			if p.answered {
				w.tally.lost += uint64(max(0, u.conns-p.delivered))
			}
		}
	}
}

// say tells where the run is, once for all workers.
func (w *worker) say(format string, args ...any) {
	if w.id == 0 {
		w.b.say(fmt.Sprintf(format, args...))
	}
}

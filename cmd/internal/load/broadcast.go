package load

import (
	"context"
	"sync/atomic"
)

// broadcast publishes to everybody who is connected, with a fixed number of
// messages under way: the next one leaves when one has reached all.
func broadcast(ctx context.Context, w *worker) error {
	if w.b.topic == "" {
		if err := w.readBase(ctx); err != nil {
			return err
		}
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.b.measureConnected(w)
	feed := func(*publisher, int64) bool { return false }
	if w.id == 0 {
		feed = w.all
	}
	w.say("publishing")
	if err := w.publish(ctx, feed); err != nil {
		return err
	}
	w.b.barrier.wait(w.now)
	if err := w.drain(ctx); err != nil {
		return err
	}
	w.b.barrier.wait(w.now)
	return w.verify(ctx)
}

func (w *worker) all(p *publisher, due int64) bool {
	n, ok := w.b.window.take(due, int64(w.cfg.Timeout))
	if ok {
		p.broadcast(n, due)
	}
	return ok
}

// checkBroadcast tells what a broadcast can't do.
func checkBroadcast(c *Config) (field, msg string) {
	switch {
	case c.Audience != AudienceAll && c.Audience != AudienceUser && c.Audience != AudienceTopic:
		return "Audience", "none of all, user, topic"
	case c.Audience == AudienceUser && c.Users != 1:
		return "Users", "one user holds all connections of audience user"
	case c.Transport == Poll:
		return "Transport", "polling can't tell when a broadcast has arrived"
	case c.Connections == 0:
		return "Connections", "none to hear the broadcast"
	case c.Batch > 0:
		return "Batch", "broadcasts go one by one"
	}
	return "", ""
}

// windowSlots bounds how many broadcasts the window tells apart.
const windowSlots = 1024

// A window limits how many broadcasts are under way. Worker 0 takes; all
// workers tell of arrivals.
type window struct {
	size   int
	total  int64 // deliveries that complete one
	next   uint64
	slots  [windowSlots]windowSlot
	oldest uint64
}

type windowSlot struct {
	left  atomic.Int64
	since int64
}

// take returns the next broadcast's number if one may leave now. One that has
// been under way for longer than patience no longer counts.
func (w *window) take(now, patience int64) (uint64, bool) {
	for w.oldest < w.next {
		s := &w.slots[w.oldest%windowSlots]
		if s.left.Load() > 0 && now-s.since < patience {
			break
		}
		w.oldest++
	}
	under := 0
	for n := w.oldest; n < w.next; n++ {
		if w.slots[n%windowSlots].left.Load() > 0 {
			under++
		}
	}
	if under >= w.size || w.next-w.oldest >= windowSlots {
		return 0, false
	}
	n := w.next
	w.next++
	s := &w.slots[n%windowSlots]
	s.left.Store(w.total)
	s.since = now
	return n, true
}

// arrived notes that one connection has the broadcast.
func (w *window) arrived(n uint64) { w.slots[n%windowSlots].left.Add(-1) }

// release gives up on a broadcast that was refused.
func (w *window) release(n uint64) { w.slots[n%windowSlots].left.Store(0) }

// pending returns how many deliveries the broadcasts under way still owe.
func (w *window) pending() (n int64) {
	for i := range w.slots {
		n += max(0, w.slots[i].left.Load())
	}
	return n
}

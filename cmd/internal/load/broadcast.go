package load

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"
)

// broadcast publishes to everybody who is connected, with a fixed number of
// messages under way: the next one leaves when one has reached all.
func broadcast(ctx context.Context, w *worker) error {
	if !w.b.stateless && w.b.topic == "" {
		if err := w.storeCrowd(ctx); err != nil {
			return err
		}
		if err := w.gather(ctx); err != nil {
			return err
		}
	}
	if w.b.topic == "" {
		if err := w.readBase(ctx); err != nil {
			return err
		}
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.b.measureConnected(w)
	if err := w.alone(ctx); err != nil {
		return err
	}
	feed := w.single
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
	w.tellSingles()
	if err := w.verify(ctx); err != nil || w.b.stateless || w.b.topic != "" {
		return err
	}
	w.verifyCursors()
	return w.wakeCrowd(ctx)
}

func (w *worker) all(p *publisher, due int64) bool {
	if w.single(p, due) {
		return true
	}
	n, ok := w.b.window.take(due, int64(w.cfg.Timeout))
	if ok {
		p.broadcast(n, due)
	}
	return ok
}

// checkBroadcast tells what a broadcast can't do.
func checkBroadcast(c *Config) (field, msg string) {
	switch {
	case !slices.Contains([]Audience{AudienceAll, AudienceUser, AudienceTopic, AudienceFollowers, AudienceSegment}, c.Audience):
		return "Audience", "none of all, user, topic, followers, segment"
	case c.Audience.isPartial() && c.Floor:
		return "Floor", "it knows no " + string(c.Audience)
	case c.Singles < 0 || c.Singles > 1_000_000:
		return "Singles", "not in 0..1,000,000"
	case (c.Singles > 0 || c.Stored > 0) && (c.Audience == AudienceTopic || c.Audience == AudienceUser):
		return "Audience", "its users are not those of single messages"
	case c.Singles > 0 && c.Rate > 0:
		return "Singles", "they have a rate of their own"
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

// A sequence is the order of the broadcasts in the log, as the first connection had them
// that came so far: the same for every connection.
type sequence struct{ numbers []uint64 }

// heard judges where a broadcast stands among those that the connection has had.
func (w *worker) heard(c *conn, n uint64) {
	list := &w.sequence.numbers
	if c.heard == len(*list) {
		*list = append(*list, n)
	} else if (*list)[c.heard] != n {
		w.fault(&w.tally.disordered, c, "broadcast %d in the place of %d", n, (*list)[c.heard])
	}
	c.heard++
}

// verifyCursors holds each connection's cursor against its user's, and against those of
// all others; and the order of broadcasts against the other workers'.
func (w *worker) verifyCursors() {
	seen := make(map[string]int, len(w.conns))
	for i, c := range w.conns {
		if !bytes.Equal(c.cursor, c.u.cursor) {
			w.fault(&w.tally.wrong, c, "cursor %s at the end, the user's is %s", c.cursor, c.u.cursor)
		}
		if other, ok := seen[string(c.cursor)]; ok && w.conns[other].u != c.u {
			w.fault(&w.tally.wrong, c, "has the cursor of another user")
		}
		seen[string(c.cursor)] = i
	}
	if len(w.sequence.numbers) == 0 {
		return
	}
	w.b.mu.Lock()
	if w.b.agreed.numbers == nil {
		w.b.agreed = w.sequence
	}
	same := slices.Equal(w.b.agreed.numbers, w.sequence.numbers)
	w.b.mu.Unlock()
	if !same {
		w.fault(&w.tally.disordered, nil, "broadcasts came in another order than elsewhere")
	}
}

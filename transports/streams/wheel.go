package streams

import (
	"sync"
	"time"
)

// tick is how exact deadlines of connections are.
const tick = 50 * time.Millisecond

// wheelTicks is the wheel's circumference. What is due later goes round.
const wheelTicks = 512

// timers are when a Socket is due, in ticks of the wheel; 0: not. They are
// guarded by wheel.mu.
type timers struct {
	timeout uint32 // what the Wire has set
	until   uint32 // the end of the credential, the wait or the rest
	next    uint32 // where the wheel has the Socket
}

// A wheel calls Sockets when they are due. It holds 8 bytes for one that is
// due some time, none for others, and runs a goroutine while it holds any.
type wheel struct {
	slots *slots

	mu      sync.Mutex
	start   time.Time // of tick 0
	at      uint32    // the last tick that was served
	held    int
	buckets [wheelTicks][]uint64 // ids, also of Sockets that are gone or due elsewhere
}

// set sets which, one of the Socket's timers, to d from now; none if d is 0.
func (w *wheel) set(s *Socket, which *uint32, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d == 0 {
		*which = 0
		return
	}
	if w.held == 0 {
		if w.start.IsZero() {
			w.start = time.Now()
		}
		w.at = w.now()
	}
	*which = w.after(d)
	w.place(s)
}

// now returns the tick that has begun.
func (w *wheel) now() uint32 { return uint32(time.Since(w.start) / tick) }

// after returns the first tick of which d has passed by its beginning. It is
// never one that was served.
func (w *wheel) after(d time.Duration) uint32 {
	const farthest = 1 << 31 // three years
	t := (time.Since(w.start) + max(d, 0) + tick - 1) / tick
	return max(uint32(min(t, farthest)), w.at+1)
}

// place sees to it that the wheel comes to the Socket when it is due.
func (w *wheel) place(s *Socket) {
	due := s.timers.due()
	if due == 0 || s.timers.next != 0 && s.timers.next <= due {
		return // what comes too early finds that out
	}
	s.timers.next = due
	b := &w.buckets[due%wheelTicks]
	*b = append(*b, s.id)
	if w.held++; w.held == 1 {
		go w.run()
	}
}

func (t *timers) due() uint32 {
	if t.timeout == 0 || t.until != 0 && t.until < t.timeout {
		return t.until
	}
	return t.timeout
}

// expired is a Socket that was due, and why.
type expired struct {
	socket         *Socket
	timeout, until bool
}

func (w *wheel) run() {
	var due []expired
	for more := true; more; {
		time.Sleep(tick)
		due, more = w.advance(due[:0])
		for _, e := range due {
			e.socket.due(e)
		}
		clear(due)
	}
}

// advance appends what has become due. It returns false if nothing is held any
// more, and the goroutine is to end.
func (w *wheel) advance(due []expired) (list []expired, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for now := w.now(); w.at < now; {
		w.at++
		due = w.expireTick(due)
	}
	return due, w.held > 0
}

// expireTick looks at the bucket of the tick.
func (w *wheel) expireTick(due []expired) []expired {
	b := w.at % wheelTicks
	ids := w.buckets[b]
	if len(ids) == 0 {
		return due
	}
	w.buckets[b] = nil
	w.held -= len(ids)
	stay := ids[:0]
	for _, id := range ids {
		s := w.slots.find(id)
		switch {
		case s == nil || s.timers.next%wheelTicks != b:
			// It is gone, or the wheel has it elsewhere.
		case s.timers.next > w.at:
			stay = append(stay, id)
		default:
			if e, ok := w.expire(s); ok {
				due = append(due, e)
			}
		}
	}
	w.buckets[b] = append(stay, w.buckets[b]...)
	w.held += len(stay)
	return due
}

// expire takes the Socket's timers that are due, and places it for the others.
func (w *wheel) expire(s *Socket) (expired, bool) {
	t := &s.timers
	e := expired{socket: s}
	if t.timeout != 0 && t.timeout <= w.at {
		t.timeout, e.timeout = 0, true
	}
	if t.until != 0 && t.until <= w.at {
		t.until, e.until = 0, true
	}
	t.next = 0
	w.replace(s)
	return e, e.timeout || e.until
}

// replace is place within the wheel's goroutine, which then runs already.
func (w *wheel) replace(s *Socket) {
	if due := s.timers.due(); due != 0 {
		s.timers.next = due
		b := &w.buckets[due%wheelTicks]
		*b = append(*b, s.id)
		w.held++
	}
}

package api

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/jsontext"
)

// A flight has many requests under way at a time and gives their results in
// the order in which they were sent, each as a line of JSON.
//
// One goroutine sends, one collects, and they may be the same. The actors'
// answers come in goroutines that must not wait: they raise a flag, and wake
// whoever waits only if theirs is the next result.
type flight struct {
	router actors.Router
	wait   time.Duration  // for one answer
	full   int            // bytes of results at which collecting stops
	may    func(int) bool // tells whether so many may wait, above freeOutput; nil: they may

	slots []*slot // a ring; slot i of the ring holds request n with n % len = i
	tail  atomic.Uint64
	head  atomic.Uint64 // the next result's request

	mu     sync.Mutex // held while results are collected
	out    []byte
	failed int // results that are errors

	arrived chan struct{} // the next result is there
	room    chan struct{} // there may be room for another request
	timer   *time.Timer
	ended   atomic.Bool // nobody collects any more: room may not wait
}

// A slot is a place in a flight's ring.
type slot struct {
	flight  *flight
	number  uint64
	line    int // where it stood in the request; 0: not said
	users   int // how many a send goes to; 0: it is a publish
	request *actors.Request
	err     error
	done    atomic.Bool
	reply   func(*actors.Request) // answered, bound once
}

func newFlight(router actors.Router, window, full int, wait time.Duration) *flight {
	f := &flight{router: router, wait: wait, full: full, slots: make([]*slot, window),
		arrived: make(chan struct{}, 1), room: make(chan struct{}, 1), timer: time.NewTimer(wait)}
	f.timer.Stop()
	for i, block := 0, make([]slot, window); i < window; i++ {
		f.slots[i] = block[i].bind(f)
	}
	return f
}

// bind makes s a slot of f.
func (s *slot) bind(f *flight) *slot {
	s.flight, s.reply = f, s.answered
	return s
}

// again readies an idle flight for other requests.
func (f *flight) again() {
	f.failed, f.may = 0, nil
	f.ended.Store(false)
}

// answered is called by whoever answers.
func (s *slot) answered(*actors.Request) {
	f, number := s.flight, s.number // the slot is another's once done is set
	s.done.Store(true)
	if number == f.head.Load() {
		poke(f.arrived)
		poke(f.room)
	}
}

// poke wakes whoever waits on the channel, now or the next time.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// send sends a request when there is room. users is 0 for a publish.
func (f *flight) send(r *actors.Request, line, users int) bool {
	s := f.place(line)
	if s == nil {
		return false
	}
	s.request, s.users = r, users
	r.OnReply(s.reply)
	f.tail.Add(1)
	f.router.Send(r.Key, r)
	return true
}

// refuse puts an error in place of a result.
func (f *flight) refuse(err error, line int) bool {
	s := f.place(line)
	if s == nil {
		return false
	}
	s.err = err
	s.done.Store(true)
	f.tail.Add(1)
	poke(f.arrived)
	return true
}

// place waits for a free slot. It returns nil when nobody collects any more.
func (f *flight) place(line int) *slot {
	number := f.tail.Load()
	for number-f.head.Load() >= uint64(len(f.slots)) {
		f.collect()
		if number-f.head.Load() < uint64(len(f.slots)) {
			break
		}
		if f.ended.Load() {
			return nil
		}
		<-f.room
	}
	if f.ended.Load() {
		return nil
	}
	s := f.slots[number%uint64(len(f.slots))]
	s.number, s.line = number, line
	s.request, s.err, s.users = nil, nil, 0
	s.done.Store(false)
	return s
}

// idle tells whether nothing is under way.
func (f *flight) idle() bool { return f.head.Load() == f.tail.Load() }

// freeOutput is how many bytes of results may wait in any case.
const freeOutput = 64 << 10

// isFull tells whether no more results may wait.
func (f *flight) isFull() bool {
	n := len(f.out)
	return n >= f.full || n >= freeOutput && f.may != nil && !f.may(n)
}

// collect adds the results that are next to the output.
func (f *flight) collect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := f.head.Load(); n < f.tail.Load() && !f.isFull(); n++ {
		s := f.slots[n%uint64(len(f.slots))]
		if !s.done.Load() {
			return
		}
		if err := s.failure(); err != nil {
			f.out = appendFailure(f.out, err, s.line)
			f.failed++
		} else {
			f.out = s.appendResult(f.out)
		}
		if s.request != nil {
			s.request.Release()
			s.request = nil
		}
		f.head.Store(n + 1)
	}
}

// take collects, and returns the output in exchange for the memory of the last
// one. If there is none it returns nil and leaves spare to the caller.
func (f *flight) take(spare []byte) []byte {
	f.collect()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.out) == 0 {
		return nil
	}
	out := f.out
	f.out = spare[:0]
	poke(f.room)
	return out
}

// await waits until there may be a next result, or until end is closed. A
// request that is not answered in time is given up: its outcome is unknown.
func (f *flight) await(end <-chan struct{}) {
	f.timer.Reset(f.wait)
	defer f.timer.Stop()
	next := f.head.Load()
	select {
	case <-f.arrived:
		// Answers come in bunches: let the rest of this one come too.
		runtime.Gosched()
	case <-end:
	case <-f.timer.C:
		f.abandon(next)
	}
}

// abandon gives up request n if it is still the next one.
func (f *flight) abandon(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := n % uint64(len(f.slots))
	s := f.slots[i]
	if f.head.Load() != n || n == f.tail.Load() || s.done.Load() {
		return
	}
	f.slots[i] = new(slot).bind(f) // the answer may still come, to the old one
	f.out = appendFailure(f.out, actors.Errorf(actors.Unavailable, "no answer in time; the outcome is unknown, repeat under the same key"), s.line)
	f.failed++
	f.head.Store(n + 1)
	poke(f.room)
}

// land waits for all that is under way and appends its results to b. It is for
// one goroutine that sends and collects, with no more than the ring under way.
func (f *flight) land(b []byte) []byte {
	var spare []byte
	for {
		if out := f.take(spare); out != nil {
			b = append(b, out...)
			spare = out
			continue
		}
		if f.idle() {
			return b
		}
		f.await(nil)
	}
}

// failure returns why the slot's request did nothing.
func (s *slot) failure() error {
	switch {
	case s.err != nil:
		return s.err
	case s.request.Answer.Err != nil:
		return s.request.Answer.Err
	}
	return nil
}

// appendResult appends the line of a result that is no failure.
func (s *slot) appendResult(b []byte) []byte {
	if s.users > 0 {
		b = append(b, `{"status":202,`...)
		b = appendAccepted(b, s.request.Answer.ID, s.users)
	} else {
		b = append(b, `{"status":201,`...)
		b = appendPublished(b, &s.request.Answer)
	}
	if s.request.Answer.Replayed {
		b = append(b, `,"replayed":true`...)
	}
	return append(b, '}', '\n')
}

// appendFailure appends an error as the line of a result. line is 0 where
// there are none.
func appendFailure(b []byte, err error, line int) []byte {
	p := transports.ProblemOf(err)
	b = append(b, `{"status":`...)
	b = strconv.AppendInt(b, int64(p.Status), 10)
	b = append(b, `,"code":"`...)
	b = append(b, p.Code...)
	b = append(b, `","detail":`...)
	b = jsontext.AppendString(b, p.Detail)
	if p.Field != "" {
		b = append(b, `,"field":`...)
		b = jsontext.AppendString(b, p.Field)
	}
	if p.RetryAfter > 0 {
		b = append(b, `,"retry_after":`...)
		b = strconv.AppendInt(b, int64(p.RetryAfter), 10)
	}
	if line > 0 {
		b = append(b, `,"line":`...)
		b = strconv.AppendInt(b, int64(line), 10)
	}
	return append(b, '}', '\n')
}

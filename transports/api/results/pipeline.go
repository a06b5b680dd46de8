package results

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

// A Pipeline has many requests under way at a time and gives their results in
// the order in which they were sent, each as a line of JSON.
//
// One goroutine sends, one collects, and they may be the same. The actors'
// answers come in goroutines that must not wait: they raise a flag, and wake
// whoever waits only if theirs is the next result.
type Pipeline struct {
	router  actors.Router
	wait    time.Duration  // for one answer
	full    int            // bytes of results at which collecting stops
	dry     bool           // nothing is to be written
	mayWait func(int) bool // tells whether so many may wait, above freeOutput; nil: they may

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

// A slot is a place in a pipeline's ring.
type slot struct {
	pipeline   *Pipeline
	number     uint64
	line       int // where it stood in the request; 0: not said
	recipients int // as AppendAccepted takes them; IsPublish: it is one
	request    *actors.Request
	err        error
	done       atomic.Bool
	reply      func(*actors.Request) // answered, bound once
}

// NewPipeline returns a pipeline with room for window requests and full bytes of
// results, in which a request has so long to be answered.
func NewPipeline(router actors.Router, window, full int, wait time.Duration) *Pipeline {
	p := &Pipeline{router: router, wait: wait, full: full, slots: make([]*slot, window),
		arrived: make(chan struct{}, 1), room: make(chan struct{}, 1), timer: time.NewTimer(wait)}
	p.timer.Stop()
	for i, block := 0, make([]slot, window); i < window; i++ {
		p.slots[i] = block[i].bind(p)
	}
	return p
}

// bind makes s a slot of p.
func (s *slot) bind(p *Pipeline) *slot {
	s.pipeline, s.reply = p, s.answered
	return s
}

// Reset readies an idle pipeline for other requests.
func (p *Pipeline) Reset() {
	p.failed, p.mayWait, p.dry = 0, nil, false
	p.ended.Store(false)
}

// answered is called by whoever answers.
func (s *slot) answered(*actors.Request) {
	p, number := s.pipeline, s.number // the slot is another's once done is set
	s.done.Store(true)
	if number == p.head.Load() {
		wake(p.arrived)
		wake(p.room)
	}
}

// wake wakes whoever waits on the channel, now or the next time.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// IsPublish says that a request goes to one user, and is answered as a publish;
// IsMember that it is about a list, and is answered with the user.
const (
	IsPublish = -1
	IsMember  = -2
)

// Send sends a request when there is room. recipients is how many users
// it is for (0: they are not counted), IsPublish or IsMember: it says what its line looks
// like.
func (p *Pipeline) Send(r *actors.Request, line, recipients int) bool {
	s := p.place(line)
	if s == nil {
		return false
	}
	s.request, s.recipients = r, recipients
	r.OnReply(s.reply)
	p.tail.Add(1)
	p.router.Send(r.Key, r)
	return true
}

// Refuse puts an error in place of a result.
func (p *Pipeline) Refuse(err error, line int) bool {
	s := p.place(line)
	if s == nil {
		return false
	}
	s.err = err
	s.done.Store(true)
	p.tail.Add(1)
	wake(p.arrived)
	return true
}

// place waits for a free slot. It returns nil when nobody collects any more.
func (p *Pipeline) place(line int) *slot {
	number := p.tail.Load()
	for number-p.head.Load() >= uint64(len(p.slots)) {
		p.collect()
		if number-p.head.Load() < uint64(len(p.slots)) {
			break
		}
		if p.ended.Load() {
			return nil
		}
		<-p.room
	}
	if p.ended.Load() {
		return nil
	}
	s := p.slots[number%uint64(len(p.slots))]
	s.number, s.line = number, line
	s.request, s.err, s.recipients = nil, nil, IsPublish
	s.done.Store(false)
	return s
}

// End says that nobody collects any more.
func (p *Pipeline) End() {
	p.ended.Store(true)
	wake(p.room)
}

// IsOver tells whether that was said.
func (p *Pipeline) IsOver() bool { return p.ended.Load() }

// Window returns how many requests may be under way.
func (p *Pipeline) Window() int { return len(p.slots) }

// Failures returns how many of the results that were collected are errors.
func (p *Pipeline) Failures() int { return p.failed }

// SetDry says whether nothing is to be written, for the form of results.
func (p *Pipeline) SetDry(dry bool) { p.dry = dry }

// IsDry tells whether nothing is to be written.
func (p *Pipeline) IsDry() bool { return p.dry }

// Bound lets results wait only while mayWait allows so many bytes of them; nil: it is
// not asked.
func (p *Pipeline) Bound(mayWait func(int) bool) { p.mayWait = mayWait }

// Idle tells whether nothing is under way.
func (p *Pipeline) Idle() bool { return p.head.Load() == p.tail.Load() }

// freeOutput is how many bytes of results may wait in any case.
const freeOutput = 64 << 10

// isFull tells whether no more results may wait.
func (p *Pipeline) isFull() bool {
	n := len(p.out)
	return n >= p.full || n >= freeOutput && p.mayWait != nil && !p.mayWait(n)
}

// collect adds the results that are next to the output.
func (p *Pipeline) collect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := p.head.Load(); n < p.tail.Load() && !p.isFull(); n++ {
		s := p.slots[n%uint64(len(p.slots))]
		if !s.done.Load() {
			return
		}
		if err := s.failure(); err != nil {
			p.out = appendFailure(p.out, err, s.line)
			p.failed++
		} else {
			p.out = s.appendResult(p.out)
		}
		if s.request != nil {
			s.request.Release()
			s.request = nil
		}
		p.head.Store(n + 1)
	}
}

// Take collects, and returns the output in exchange for the memory of the last
// one. If there is none it returns nil and leaves spare to the caller.
func (p *Pipeline) Take(spare []byte) []byte {
	p.collect()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.out) == 0 {
		return nil
	}
	out := p.out
	p.out = spare[:0]
	wake(p.room)
	return out
}

// Await waits until there may be a next result, or until end is closed. A
// request that is not answered in time is given up: its outcome is unknown.
func (p *Pipeline) Await(end <-chan struct{}) {
	p.timer.Reset(p.wait)
	defer p.timer.Stop()
	next := p.head.Load()
	select {
	case <-p.arrived:
		// Answers come in bunches: let the rest of this one come too.
		runtime.Gosched()
	case <-end:
	case <-p.timer.C:
		p.abandon(next)
	}
}

// abandon gives up request n if it is still the next one.
func (p *Pipeline) abandon(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := n % uint64(len(p.slots))
	s := p.slots[i]
	if p.head.Load() != n || n == p.tail.Load() || s.done.Load() {
		return
	}
	p.slots[i] = new(slot).bind(p) // the answer may still come, to the old one
	p.out = appendFailure(p.out, actors.Errorf(actors.Unavailable, "no answer in time; the outcome is unknown, repeat under the same key"), s.line)
	p.failed++
	p.head.Store(n + 1)
	wake(p.room)
}

// Flush waits for all that is under way and appends its results to b. It is for
// one goroutine that sends and collects, with no more than the ring under way.
func (p *Pipeline) Flush(b []byte) []byte {
	var spare []byte
	for {
		if out := p.Take(spare); out != nil {
			b = append(b, out...)
			spare = out
			continue
		}
		if p.Idle() {
			return b
		}
		p.Await(nil)
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
	if s.pipeline.dry {
		return append(AppendDry(append(b, `{"status":200,`...), &s.request.Answer, s.recipients), '}', '\n')
	}
	if s.recipients == IsMember {
		return append(actors.AppendString(append(b, `{"status":200,"user":`...), s.request.Key.Name()), '}', '\n')
	}
	if s.recipients != IsPublish {
		b = append(b, `{"status":202,`...)
		b = AppendAccepted(b, s.request.Answer.ID, s.recipients)
	} else {
		b = append(b, `{"status":201,`...)
		b = AppendPublished(b, &s.request.Answer)
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

package bulk

import (
	"sync"
	"time"

	"reddot/actors"
	"reddot/transports/api/userjson"
)

// A window has many lines under way at a time, and gives what came of them in the order
// of the stream. One goroutine adds lines, another one takes the results.
type window struct {
	router   actors.Router
	app      string
	patch    bool
	once     func(line int, text []byte) actors.Once
	patience time.Duration // how long a line is tried again whose user can't be reached
	answer   time.Duration // how long an answer is waited for

	mu         sync.Mutex
	slots      []slot
	head, tail uint64
	bytes      int           // of the lines under way
	closed     bool          // nobody takes any more
	room       chan struct{} // there may be room for another line
	news       chan struct{} // the next result may be there
}

// A slot is a line under way.
type slot struct {
	result
	text    []byte // a copy: it may be sent again
	began   time.Time
	sent    time.Time
	attempt int
	done    bool
	lost    bool // it could not be written, and may be later
}

// A result is what came of a line.
type result struct {
	line  int
	end   int64
	empty bool
	err   error
}

// ready gives the window room for so many lines.
func (w *window) ready(size int) *window {
	w.slots = make([]slot, size)
	w.room, w.news = make(chan struct{}, 1), make(chan struct{}, 1)
	return w
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// add sends a line's request when there is room. False: nobody takes results any more.
func (w *window) add(l *line, number int, reader *userjson.Reader) bool {
	s := w.place(len(l.text))
	if s == nil {
		return false
	}
	now := time.Now()
	s.result = result{line: number, end: l.end, empty: len(l.text) == 0 && l.wrong == nil, err: l.wrong}
	s.text, s.began, s.sent, s.lost = append(s.text[:0], l.text...), now, now, false
	w.bytes += len(s.text)
	s.attempt++
	r, err := w.request(s, reader)
	s.err, s.done = err, r == nil
	n, attempt := w.tail, s.attempt
	w.tail++
	w.mu.Unlock()
	if r == nil {
		wake(w.news)
		return true
	}
	w.send(r, n, attempt)
	return true
}

// windowBytes is how many bytes of lines may be under way, unless one alone has more.
const windowBytes = 4 << 20

// keptText is how many bytes a slot keeps for its next line.
const keptText = 2 << 10

// place waits for a free slot and room for a line, and returns the slot with the lock
// held; nil without it: there will be none.
func (w *window) place(size int) *slot {
	for {
		w.mu.Lock()
		if w.closed {
			w.mu.Unlock()
			return nil
		}
		if n := w.tail - w.head; n == 0 || n < uint64(len(w.slots)) && w.bytes+size <= windowBytes {
			return w.slot(w.tail)
		}
		w.mu.Unlock()
		<-w.room
	}
}

func (w *window) slot(n uint64) *slot { return &w.slots[n%uint64(len(w.slots))] }

// request makes a request of a line; nil: there is nothing to be asked.
func (w *window) request(s *slot, reader *userjson.Reader) (*actors.Request, error) {
	if s.empty || s.err != nil {
		return nil, s.err
	}
	user, c, err := reader.Line(s.text, w.patch)
	if err != nil {
		return nil, err
	}
	r := actors.NewRequest(actors.UserKey(w.app, user), c)
	r.Once = w.once(s.line, s.text)
	return r, nil
}

// send sends the request of slot n. It is called without the lock: whoever answers may
// do so at once.
func (w *window) send(r *actors.Request, n uint64, attempt int) {
	r.OnReply(func(r *actors.Request) {
		err := r.Answer.Err
		r.Release()
		w.answered(n, attempt, err)
	})
	w.router.Send(r.Key, r)
}

// answered takes in what came of an attempt.
func (w *window) answered(n uint64, attempt int, err *actors.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.slot(n)
	if n < w.head || n >= w.tail || s.attempt != attempt || s.done {
		return
	}
	// TooMany is what the user has, which more tries do not change.
	if err != nil && err.Temporary() && err.Code != actors.TooMany {
		w.later(s, n, err)
		return
	}
	if s.done = true; err != nil {
		s.err = err
	}
	if n == w.head {
		wake(w.news)
	}
}

// retryPause is after how long a line is tried again.
const retryPause = 100 * time.Millisecond

// later tries a line again after a pause or, when its time is over, gives it up.
func (w *window) later(s *slot, n uint64, err *actors.Error) {
	s.attempt++
	if time.Since(s.began) >= w.patience || w.closed {
		s.done, s.lost, s.err = true, true, err
		wake(w.news)
		return
	}
	attempt := s.attempt
	s.sent = time.Now().Add(retryPause)
	time.AfterFunc(retryPause, func() { w.again(n, attempt) })
}

func (w *window) again(n uint64, attempt int) {
	w.mu.Lock()
	s := w.slot(n)
	if n < w.head || s.attempt != attempt || s.done {
		w.mu.Unlock()
		return
	}
	r, err := w.request(s, &userjson.Reader{}) // what was sent before is the actor's
	if r == nil {
		s.done, s.err = true, err
	}
	w.mu.Unlock()
	if r != nil {
		w.send(r, n, attempt)
	}
}

// take appends the results that are next. lost is why the next one is none: it may
// succeed later. idle tells whether nothing is under way any more.
func (w *window) take(list []result) (_ []result, idle bool, lost error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; w.head < w.tail; w.head++ {
		s := w.slot(w.head)
		if !s.done {
			if time.Since(s.sent) > w.answer {
				w.later(s, w.head, actors.Errorf(actors.Unavailable, "no answer in time"))
			}
			break
		}
		if s.lost {
			lost = s.err
			break
		}
		list = append(list, s.result)
		if w.bytes -= len(s.text); cap(s.text) > keptText {
			s.text = nil
		}
	}
	wake(w.room)
	return list, w.head == w.tail, lost
}

// close lets nobody wait for room any more, and nothing be tried again.
func (w *window) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	wake(w.room)
}

package actorstest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
)

// Steps is a Node that goes one step at a time, for transcripts, so that the same
// steps always give the same: what was written becomes durable when a step is over
// (Settle), what is to be read is read at once or when it is told to, and what is to
// happen in a while happens when the clock is there.
type Steps struct {
	*Node
	Journal *Journal

	t      testing.TB
	limits actors.Limits
	with   []func(*Node)
	random atomic.Uint64
	held   bool // nothing becomes durable at the end of a step either

	mu     sync.Mutex
	lines  []string
	slow   bool // what is to be read waits
	loads  []func()
	delays []delayed
}

type delayed struct {
	at int64
	fn func()
}

// NewSteps returns a node on a journal of its own. with is called before any actor is
// awake, also after a Restart.
func NewSteps(t testing.TB, l actors.Limits, with ...func(*Node)) *Steps {
	t.Helper()
	s := &Steps{t: t, Journal: NewJournal(), limits: l}
	t.Cleanup(s.Journal.Close)
	s.with = append([]func(*Node){s.step}, with...)
	c := &Clock{}
	c.ms.Store(Epoch)
	s.start(c)
	return s
}

// Epoch is when the clock of Steps starts: 2026-01-31T09:30:00Z.
const Epoch = 1_769_851_800_000

func (s *Steps) start(c *Clock) {
	s.t.Helper()
	s.Journal.Hold()
	s.Node = NewNode(s.t, s.Journal, c, s.limits, s.with...)
	s.t.Cleanup(func() { s.stop(s.Node) })
}

func (s *Steps) stop(n *Node) {
	s.Journal.Release()
	n.Stop()
}

// step lets a node do nothing by itself.
func (s *Steps) step(n *Node) {
	n.Home.Random = func() uint64 { return s.random.Add(1) }
	n.Home.Load = func(job func()) {
		s.mu.Lock()
		slow := s.slow
		if slow {
			s.loads = append(s.loads, job)
		}
		s.mu.Unlock()
		if !slow {
			job()
		}
	}
	n.Home.Delay = func(d time.Duration, fn func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.delays = append(s.delays, delayed{n.Clock.Now() + d.Milliseconds(), fn})
	}
}

// Restart ends the node as a crash does, and starts another one on its journal.
func (s *Steps) Restart() {
	s.t.Helper()
	c := s.Clock
	s.stop(s.Node)
	s.mu.Lock()
	s.loads, s.delays = nil, nil
	s.mu.Unlock()
	s.start(c)
}

// Hold lets nothing become durable until Release.
func (s *Steps) Hold() { s.held = true }

// Release ends a Hold.
func (s *Steps) Release() { s.held = false }

// Slow lets what is to be read wait until Read.
func (s *Steps) Slow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = true
}

// Read reads what has waited, and ends a Slow.
func (s *Steps) Read() {
	s.mu.Lock()
	s.slow = false
	jobs := s.loads
	s.loads = nil
	s.mu.Unlock()
	for _, job := range jobs {
		job()
	}
}

// Wait lets d go by: what was delayed happens, then actors are told of their time.
func (s *Steps) Wait(d time.Duration) {
	s.Clock.Advance(d)
	now := s.Clock.Now()
	s.mu.Lock()
	var due []delayed
	s.delays = slices.DeleteFunc(s.delays, func(one delayed) bool {
		if one.at <= now {
			due = append(due, one)
		}
		return one.at <= now
	})
	s.mu.Unlock()
	for _, one := range due {
		one.fn()
	}
	s.Settle()
	s.Fire()
}

// Settle lets all that was done become durable, and what follows from that, unless
// there is a Hold.
func (s *Steps) Settle() {
	if s.held {
		return
	}
	s.Journal.Release()
	s.Journal.Flush()
	s.Journal.Hold()
}

// Say notes a line of the transcript. Anybody may call it.
func (s *Steps) Say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// Said returns what was said since it was last asked, when all is settled.
func (s *Steps) Said() string {
	s.Settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	if s.lines = nil; len(lines) == 0 {
		return "nothing\n"
	}
	return strings.Join(lines, "\n") + "\n"
}

// Request sends a request; its answer is said as told describes it.
func (s *Steps) Request(key actors.Key, c actors.Command, once actors.Once, told func(*actors.Answer) string) {
	r := actors.NewRequest(key, c)
	r.Once = once
	r.OnReply(func(r *actors.Request) {
		if err := r.Answer.Err; err != nil {
			s.Say("answer: %s: %s", err.Code, err.Detail)
			return
		}
		s.Say("answer: %s", told(&r.Answer))
	})
	s.Send(key, r)
}

package longpoll

import (
	"net"
	"sync"

	"reddot/actors"
)

// outcome is how a parked request ends: with a body, or with why there is none.
type outcome struct {
	body []byte
	why  actors.End
}

// sink is the write half of a parked request. It takes one Send.
type sink struct {
	mu   sync.Mutex
	done chan outcome // of one place, filled once
	over bool
}

var _ actors.Sink = (*sink)(nil)

func newSink() *sink { return &sink{done: make(chan outcome, 1)} }

// Send implements actors.Sink. The bytes are shared by all who wait, and
// immutable, so they are not copied.
func (s *sink) Send(frames []byte) (pending int, err error) {
	if len(frames) == 0 {
		return 0, nil
	}
	if !s.finish(outcome{body: frames}) {
		return 0, net.ErrClosed
	}
	return 0, nil
}

// End implements actors.Sink.
func (s *sink) End(why actors.End) { s.finish(outcome{why: why}) }

func (s *sink) finish(o outcome) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.over = true
	s.done <- o
	return true
}

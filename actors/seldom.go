package actors

import "sync/atomic"

// Seldom lets a line of the log through once in a while that would otherwise
// come with every request. The zero value is ready.
type Seldom struct{ next, missed atomic.Int64 }

// seldomPause is the least time between two lines, in milliseconds.
const seldomPause = 10_000

// May tells whether the line may be written at a time (unix milliseconds), and
// how many were not since the last one.
func (s *Seldom) May(now int64) (missed int64, ok bool) {
	next := s.next.Load()
	if now < next || !s.next.CompareAndSwap(next, now+seldomPause) {
		s.missed.Add(1)
		return 0, false
	}
	return s.missed.Swap(0), true
}

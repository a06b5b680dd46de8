package actors

import (
	"sync/atomic"
	"time"
)

// Throttle lets a line of the log through once in a while that would otherwise
// come with every request. The zero value is ready.
type Throttle struct {
	last   atomic.Pointer[time.Time]
	missed atomic.Int64
}

// seldomPause is the least time between two lines.
const seldomPause = 10 * time.Second

// Allow tells whether the line may be written now, and how many were not since
// the last one.
func (s *Throttle) Allow() (missed int64, ok bool) { return s.allow(time.Now()) }

func (s *Throttle) allow(now time.Time) (missed int64, ok bool) {
	last := s.last.Load()
	if last != nil && now.Sub(*last) < seldomPause || !s.last.CompareAndSwap(last, &now) {
		s.missed.Add(1)
		return 0, false
	}
	return s.missed.Swap(0), true
}

package actorstest

import (
	"sync/atomic"
	"time"
)

// Clock goes when it is told to.
type Clock struct{ ms atomic.Int64 }

// NewClock returns a clock that shows the present time.
func NewClock() *Clock {
	c := &Clock{}
	c.ms.Store(time.Now().UnixMilli())
	return c
}

// Now returns what the clock shows, in unix milliseconds.
func (c *Clock) Now() int64 { return c.ms.Load() }

// Advance lets d go by.
func (c *Clock) Advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

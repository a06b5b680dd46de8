package transports

import (
	"context"
	"sync/atomic"
	"time"
)

// deadlineStep is how much later than asked a deadline may come.
const deadlineStep = 250 * time.Millisecond

// Deadlines give the contexts in which requests wait. All that begin within
// one step share one, since a context with a timer of its own would cost each
// request more than parsing it.
type Deadlines struct {
	wait    time.Duration
	current atomic.Pointer[deadline]
}

type deadline struct {
	context.Context
	cancel context.CancelFunc // called by nobody: the deadline frees what it holds
	until  time.Time          // requests may take it up to here
}

// NewDeadlines returns those of requests that wait so long.
func NewDeadlines(wait time.Duration) *Deadlines { return &Deadlines{wait: wait} }

// Next returns a context that ends after the wait, or up to a step later.
func (d *Deadlines) Next() context.Context {
	now := time.Now()
	if c := d.current.Load(); c != nil && now.Before(c.until) {
		return c
	}
	c := &deadline{until: now.Add(deadlineStep)}
	c.Context, c.cancel = context.WithDeadline(context.Background(), c.until.Add(d.wait)) //nolint:gosec // G118: its deadline ends it; many requests share it
	d.current.Store(c)
	return c
}

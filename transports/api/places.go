package api

import (
	"sync"
	"time"

	"reddot/actors"
)

// places are what batches and the like need one of: so many in all, and of each app.
type places struct {
	all, each int
	what      string // for people

	mu    sync.Mutex
	taken int
	of    map[string]int // by app
}

// take takes a place, or says who has them all.
func (p *places) take(app string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.taken >= p.all:
		return &actors.Error{Code: actors.Busy, Detail: "too many " + p.what + " are under way", RetryAfter: time.Second}
	case p.of[app] >= p.each:
		return &actors.Error{Code: actors.TooMany, Detail: "too many " + p.what + " of this app are under way", RetryAfter: time.Second}
	}
	if p.of == nil {
		p.of = map[string]int{}
	}
	p.taken++
	p.of[app]++
	return nil
}

// leave gives a place back.
func (p *places) leave(app string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.of[app]--; p.of[app] <= 0 {
		delete(p.of, app)
	}
}

package places

import (
	"sync"
	"time"

	"reddot/actors"
)

// Places are what batches and the like need one of: so many in all, and of each app.
type Places struct {
	All, Each int
	What      string // for people

	mu    sync.Mutex
	taken int
	of    map[string]int // by app
}

// Take takes a place, or says who has them all.
func (p *Places) Take(app string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.taken >= p.All:
		return &actors.Error{Code: actors.Busy, Detail: "too many " + p.What + " are under way", RetryAfter: time.Second}
	case p.of[app] >= p.Each:
		return &actors.Error{Code: actors.TooMany, Detail: "too many " + p.What + " of this app are under way", RetryAfter: time.Second}
	}
	if p.of == nil {
		p.of = map[string]int{}
	}
	p.taken++
	p.of[app]++
	return nil
}

// Leave gives a place back.
func (p *Places) Leave(app string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.of[app]--; p.of[app] <= 0 {
		delete(p.of, app)
	}
}

// Len is how many places are taken.
func (p *Places) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

package sse

import (
	"sync"
	"time"

	"reddot/actors"
)

// A client that was told to stay away is remembered for a while: browsers come back
// within seconds, but a laptop may sleep. The number is a bound on memory; past
// it the oldest are forgotten.
const (
	banTime = 10 * time.Minute
	maxBans = 4096
)

// banKey names a caller's streams of a user.
type banKey struct {
	user      actors.Key
	principal string
}

// banned are the streams that should not come back. It is safe for concurrent
// use; its zero value is empty.
type banned struct {
	mu    sync.Mutex
	until map[banKey]time.Time
	order []banKey // the oldest first
}

func (b *banned) add(k banKey, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until == nil {
		b.until = map[banKey]time.Time{}
	}
	if _, ok := b.until[k]; !ok {
		b.order = append(b.order, k)
	}
	b.until[k] = now.Add(banTime)
	if len(b.order) > maxBans {
		delete(b.until, b.order[0])
		b.order = b.order[1:]
	}
}

func (b *banned) has(k banKey, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until[k])
}

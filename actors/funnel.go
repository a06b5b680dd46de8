package actors

import (
	"sync"
	"time"
)

// Funnels counts to how many of a node's users each broadcast was written. No user writes that
// down for itself: one of them does for all, a while after the first.
type Funnels struct {
	mu    sync.Mutex
	told  map[ID]int64
	since time.Time // when a user was asked to write it down; zero: none was
}

// The time that counts wait, and after which nobody is waited for who was asked to write
// them down.
const (
	FunnelPause   = time.Second
	funnelTimeout = 10 * FunnelPause
)

// Add counts one user more for each message. It tells whether the caller is to write down what
// there is, in FunnelPause.
func (f *Funnels) Add(ids []ID) (carry bool) {
	if len(ids) == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told == nil {
		f.told = make(map[ID]int64)
	}
	for _, id := range ids {
		f.told[id]++
	}
	if f.since.IsZero() || time.Since(f.since) >= funnelTimeout {
		f.since, carry = time.Now(), true
	}
	return carry
}

// Take returns what there is, which the caller writes down.
func (f *Funnels) Take() (list []Tally) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, n := range f.told {
		list = append(list, Tally{ID: id, Kind: TallyDelivered, N: n})
	}
	f.told, f.since = nil, time.Time{}
	return list
}

// Return takes back what could not be written down. It tells what Add does.
func (f *Funnels) Return(list []Tally) (carry bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told == nil {
		f.told = make(map[ID]int64)
	}
	for _, t := range list {
		f.told[t.ID] += t.N
	}
	if f.since.IsZero() && len(list) > 0 {
		f.since, carry = time.Now(), true
	}
	return carry
}

package embedded

import (
	"math"
	"sync"
)

// A wakeFloor knows a time before which no wake-up is stored. Wake-ups are
// deleted at the front of their keys, so that a scan from the first key would
// walk, each time, over all that Pebble has not compacted away yet.
type wakeFloor struct {
	mu       sync.Mutex
	floor    int64
	scanning bool  // one scan may raise the floor
	added    int64 // the earliest wake-up committed since that scan began
}

// add notes that a wake-up at that time was committed.
func (f *wakeFloor) add(at int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.floor = min(f.floor, at)
	f.added = min(f.added, at)
}

// scan returns where a scan begins. done is called with the earliest time that
// may still be there, by what the scan saw.
func (f *wakeFloor) scan() (from int64, done func(first int64)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.scanning {
		return f.floor, func(int64) {}
	}
	f.scanning, f.added = true, math.MaxInt64
	return f.floor, func(first int64) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.floor = min(first, f.added)
		f.scanning = false
	}
}

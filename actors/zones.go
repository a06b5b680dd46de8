package actors

import (
	"sync/atomic"
	"time"
)

// Zones remembers time zones by name, so that a turn finds one without a look at the
// disk. It is safe for concurrent use.
type Zones struct {
	load  func(name string) (*time.Location, error)
	known atomic.Pointer[map[string]*time.Location]
}

// NewZones returns one that loads what it does not know.
func NewZones(load func(name string) (*time.Location, error)) *Zones {
	return &Zones{load: load}
}

// maxZones is how many names are remembered: more than there are zones.
const maxZones = 1000

// Find returns a zone by its IANA name; nil: there is none.
func (z *Zones) Find(name string) *time.Location {
	known := z.known.Load()
	if known != nil {
		if found, ok := (*known)[name]; ok {
			return found
		}
	}
	found, err := z.load(name)
	if err != nil {
		found = nil
	}
	more := map[string]*time.Location{name: found}
	if known != nil && len(*known) < maxZones {
		for n, l := range *known {
			more[n] = l
		}
	}
	z.known.CompareAndSwap(known, &more) // else somebody else's is as good
	return found
}

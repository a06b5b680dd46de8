package user

import (
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/rule"
)

// policies are those that a node has read: each version once, for all users.
type policies struct {
	known atomic.Pointer[map[page]*rule.Policy]
}

// A page is where a policy stands. Versions of two apps may differ.
type page struct {
	name    string
	version uint64
	body    string
}

// maxPages is how many policies are remembered; then all are read again.
const maxPages = 1000

// NewBook returns the book of a node. zones finds a time zone by its IANA name.
func NewBook(zones func(name string) *time.Location) *rule.Book {
	return &rule.Book{Policies: (&policies{}).read, Zones: zones}
}

// read reads a policy, unless it is known.
func (b *policies) read(from *actors.Policy) (*rule.Policy, error) {
	known := b.known.Load()
	at := page{from.Name, from.Version, string(from.Body)}
	if known != nil {
		if p, ok := (*known)[at]; ok {
			return p, nil
		}
	}
	p, err := rule.Parse(from.Name, from.Version, from.Body)
	if err != nil {
		return nil, err
	}
	more := map[page]*rule.Policy{at: p}
	if known != nil && len(*known) < maxPages {
		for k, v := range *known {
			more[k] = v
		}
	}
	b.known.CompareAndSwap(known, &more) // else somebody else's is as good
	return p, nil
}

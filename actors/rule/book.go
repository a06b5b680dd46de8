package rule

import (
	"time"

	"reddot/actors"
)

// A Book is where those who judge find what a policy says, and time zones: a node
// remembers both. A nil one reads each policy anew, and knows no zones.
type Book struct {
	Policies func(*actors.Policy) (*Policy, error)
	Zones    func(name string) *time.Location // by the IANA name; nil: there is none
	Quotas   Quotas                           // nil: quotas hold for nobody
}

// Policy returns what stands in a message's policy; nil: it has none.
func (b *Book) Policy(from *actors.Policy) (*Policy, error) {
	switch {
	case from == nil:
		return nil, nil
	case b == nil:
		return Parse(from.Name, from.Version, from.Body)
	}
	return b.Policies(from)
}

// Zone finds a time zone by its IANA name; nil: there is none.
func (b *Book) Zone(name string) *time.Location {
	if b == nil {
		return nil
	}
	return b.Zones(name)
}

package rule

import (
	"time"

	"reddot/actors"
	"reddot/actors/profile"
)

// Do is what is to become of a message.
type Do uint8

// What can become of a message.
const (
	Deliver Do = iota
	Hold       // it waits, and is judged anew
	Filter     // the user does not get it
	Gather     // it is an item of a digest
)

// A Candidate is a message as rules see it.
type Candidate struct {
	Category string
	Tenant   string // empty: none
	Channel  string // "inapp", or that of a way out
	Priority actors.Priority
	Expires  int64           // unix milliseconds; 0: never
	Digest   uint64          // what Digest returns; 0: not known, so it is no duplicate
	Screened *actors.Verdict // of the edge; nil: nothing was found
	Locked   bool            // the user can't switch the category off
	Off      bool            // the category's channel is off where the user says nothing
	Seed     uint64          // of the user: spreads what is released

	// Zones finds a time zone by its IANA name; nil: there is none. It is asked where the
	// user's zone matters.
	Zones func(name string) *time.Location
}

// A Decision is what is to become of a message.
type Decision struct {
	Do      Do
	Verdict *actors.Verdict // for the event; nil: there is nothing to keep
	Until   int64           // Hold: judge it again then; Gather: the digest closes then; unix milliseconds
	Key     string          // Gather: of the digest
}

// A Stage is what one rule says of a message.
type Stage struct {
	Rule    actors.Rule
	Do      Do     // Deliver: it has no objection
	Value   string // why, as a person reads it
	Policy  string // whose rule it is; empty: the user's or the app's own
	Version uint64
	Until   int64 // Hold, Gather
}

// Judge decides about a message to a user. A nil policy asks for expiry, deny,
// subscription, mute and what the edge has found alone; s may be nil.
func (p *Policy) Judge(c *Candidate, who *profile.State, s *State, now int64) Decision {
	return Decision{}
}

// Explain tells what each rule says of the message, in their order.
func (p *Policy) Explain(c *Candidate, who *profile.State, s *State, now int64) []Stage {
	return nil
}

package rule

import (
	"reddot/actors"
)

// State is what a user has spent, what the app says of it, and which digests are open.
// The zero value is one of whom nothing is kept; a nil one can be asked too.
type State struct{}

// Restored returns the state that a snapshot holds; nil: nothing is kept.
func Restored(from *actors.RuleState) *State { return nil }

// Stored returns the state for a snapshot, as a copy; nil: nothing is kept.
func (s *State) Stored() *actors.RuleState { return nil }

// Clone returns a copy; of nil it is one of whom nothing is kept.
func (s *State) Clone() *State { return &State{} }

// Empty tells whether nothing is kept.
func (s *State) Empty() bool { return true }

// Apply takes in an event, fresh or replayed: what its verdict has spent, its digest, its
// standing, the messages that it takes back. Events without any of these may be left out.
func (s *State) Apply(e *actors.Event) {}

// Due returns when the next digest closes, in unix milliseconds; actors.Never: none is open.
func (s *State) Due() int64 { return actors.Never }

// Closing returns the key of a digest that is to be closed by now.
func (s *State) Closing(now int64) (key string, ok bool) { return "", false }

// A Closed digest is what its message is made of. The ACCEPTED event of the message has a
// verdict whose gather is the key: by it the digest is closed.
type Closed struct {
	Key, Category, Tenant string
	Content               []byte // title and data, as in actors.Message
	Total                 uint32
}

// Close returns what becomes of a digest; ok: there is one of the key. It changes nothing.
func (s *State) Close(key string, now int64) (c Closed, ok bool) { return c, false }

// Gathered tells whether a message is an item of a digest that is open.
func (s *State) Gathered(id actors.ID) bool { return false }

// Stand decides about what the app says of the user; nil: it says so already.
func (s *State) Stand(c *actors.Standing, now int64) (*actors.Standing, *actors.Error) {
	return nil, nil
}

// AppendStandings appends those that hold, denied or allowed, as a JSON array.
func (s *State) AppendStandings(b []byte, allow bool, now int64) []byte { return b }

package profile

import (
	"slices"

	"reddot/actors"
)

// State is what is known of one user. A nil one knows nothing.
type State struct {
	profile     *actors.Profile     // nil: nothing is known
	preferences *actors.Preferences // nil: there are none
	follows     []string            // in their order

	// The events that hold what is known: when it is replaced, it is to leave them.
	profileSeq, preferencesSeq uint64
	followSeqs                 []uint64 // that name topics which were followed
}

// Profile returns the profile, which nobody changes; nil: nothing is known.
func (s *State) Profile() *actors.Profile {
	if s == nil {
		return nil
	}
	return s.profile
}

// Preferences returns the preferences, which nobody changes; nil: there are none.
func (s *State) Preferences() *actors.Preferences {
	if s == nil {
		return nil
	}
	return s.preferences
}

// Follows returns the topics that the user follows, in their order. It is not to be
// changed.
func (s *State) Follows() []string {
	if s == nil {
		return nil
	}
	return s.follows
}

// Following tells whether the user follows the topic.
func (s *State) Following(topic string) bool {
	_, ok := slices.BinarySearch(s.Follows(), topic)
	return ok
}

// Empty tells whether nothing is known.
func (s *State) Empty() bool {
	return s == nil || s.profile == nil && s.preferences == nil && len(s.follows) == 0
}

// Size returns about how many bytes the state takes in a snapshot.
func (s *State) Size() int {
	if s == nil {
		return 0
	}
	n := s.profile.SizeVT() + s.preferences.SizeVT()
	for _, t := range s.follows {
		n += len(t) + 3
	}
	return n
}

// Apply takes in an event's change. It returns which events hold something that
// nobody needs any more: it may be the event itself, or 0 for one that is no longer
// there while older snapshots hold the same.
func (s *State) Apply(e *actors.Event) (superseded []uint64) {
	c := e.Profile
	if c.Profile != nil {
		if s.profile != nil {
			superseded = append(superseded, s.profileSeq)
		}
		if s.profile, s.profileSeq = c.Profile, e.Seq; c.Profile.SizeVT() == 0 {
			s.profile, s.profileSeq = nil, 0
		}
	}
	if c.Preferences != nil {
		if s.preferences != nil {
			superseded = append(superseded, s.preferencesSeq)
		}
		if s.preferences, s.preferencesSeq = c.Preferences, e.Seq; c.Preferences.SizeVT() == 0 {
			s.preferences, s.preferencesSeq = nil, 0
		}
	}
	for _, topic := range c.Followed {
		if i, ok := slices.BinarySearch(s.follows, topic); !ok {
			s.follows = slices.Insert(s.follows, i, topic)
		}
	}
	for _, topic := range c.Unfollowed {
		if i, ok := slices.BinarySearch(s.follows, topic); ok {
			s.follows = slices.Delete(s.follows, i, i+1)
		}
	}
	if len(c.Followed)+len(c.Unfollowed) > 0 {
		s.followSeqs = append(s.followSeqs, e.Seq)
	}
	if len(c.Unfollowed) > 0 { // which of them names the topic is not kept
		superseded = append(superseded, s.followSeqs...)
		s.followSeqs = nil
	}
	return superseded
}

// Events returns the events that hold something of what is known, as far as they are
// in the journal still.
func (s *State) Events() (seqs []uint64) {
	if s == nil {
		return nil
	}
	for _, seq := range []uint64{s.profileSeq, s.preferencesSeq} {
		if seq != 0 {
			seqs = append(seqs, seq)
		}
	}
	return append(seqs, s.followSeqs...)
}

// Frees tells whether a change lets something become superfluous.
func (s *State) Frees(c *actors.ProfileChange) bool {
	return c != nil && (len(c.Unfollowed) > 0 || c.Profile != nil && s.Profile() != nil || c.Preferences != nil && s.Preferences() != nil)
}

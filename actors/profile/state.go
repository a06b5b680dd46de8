package profile

import (
	"slices"

	"reddot/actors"
)

// State is what is known of one user. A nil one knows nothing.
type State struct {
	profile     *actors.Profile     // nil: nothing is known
	preferences *actors.Preferences // nil: there are none
	follows     names               // topics
	lists       names               // of the app

	// The events that hold what is known: when it is replaced, it is to leave them.
	profileSeq, preferencesSeq uint64
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
	return s.follows.list
}

// Following tells whether the user follows the topic.
func (s *State) Following(topic string) bool { return s != nil && s.follows.has(topic) }

// Lists returns the lists that the user is in, in their order. It is not to be changed.
func (s *State) Lists() []string {
	if s == nil {
		return nil
	}
	return s.lists.list
}

// InList tells whether the user is in the list.
func (s *State) InList(list string) bool { return s != nil && s.lists.has(list) }

// Empty tells whether nothing is known.
func (s *State) Empty() bool {
	return s == nil || s.profile == nil && s.preferences == nil && len(s.follows.list)+len(s.lists.list) == 0
}

// Size returns about how many bytes the state takes in a snapshot.
func (s *State) Size() int {
	if s == nil {
		return 0
	}
	return s.profile.SizeVT() + s.preferences.SizeVT() + s.follows.size() + s.lists.size()
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
	superseded = append(superseded, s.follows.apply(c.Followed, c.Unfollowed, e.Seq)...)
	superseded = append(superseded, s.lists.apply(c.Joined, c.Left, e.Seq)...)
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
	return slices.Concat(seqs, s.follows.seqs, s.lists.seqs)
}

// Frees tells whether a change lets something become superfluous.
func (s *State) Frees(c *actors.ProfileChange) bool {
	return c != nil && (len(c.Unfollowed)+len(c.Left) > 0 || c.Profile != nil && s.Profile() != nil || c.Preferences != nil && s.Preferences() != nil)
}

package profile

import (
	"slices"

	"reddot/actors"
)

// Store puts the state into a snapshot. Events at or below floor are not kept.
func (s *State) Store(to *actors.Snapshot, floor uint64) {
	if s == nil {
		return
	}
	above := func(seq uint64) uint64 {
		if seq <= floor {
			return 0
		}
		return seq
	}
	to.Profile, to.ProfileSeq = s.profile, above(s.profileSeq)
	to.Preferences, to.PreferencesSeq = s.preferences, above(s.preferencesSeq)
	s.followSeqs = slices.DeleteFunc(s.followSeqs, func(seq uint64) bool { return seq <= floor })
	to.Follows, to.FollowSeqs = s.follows, s.followSeqs
}

// Restored returns the state that a snapshot holds; nil: nothing is known.
func Restored(from *actors.Snapshot) *State {
	s := &State{
		profile: from.Profile, profileSeq: from.ProfileSeq, preferences: from.Preferences, preferencesSeq: from.PreferencesSeq,
		follows: from.Follows, followSeqs: from.FollowSeqs,
	}
	if s.Empty() && len(s.followSeqs) == 0 {
		return nil
	}
	return s
}

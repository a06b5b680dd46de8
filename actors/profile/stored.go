package profile

import "reddot/actors"

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
	s.follows.forget(floor)
	s.lists.forget(floor)
	to.Follows, to.FollowSeqs = s.follows.list, s.follows.seqs
	to.Lists, to.ListSeqs = s.lists.list, s.lists.seqs
}

// Restored returns the state that a snapshot holds; nil: nothing is known.
func Restored(from *actors.Snapshot) *State {
	s := &State{
		profile: from.Profile, profileSeq: from.ProfileSeq, preferences: from.Preferences, preferencesSeq: from.PreferencesSeq,
		follows: names{from.Follows, from.FollowSeqs}, lists: names{from.Lists, from.ListSeqs},
	}
	if s.Empty() && len(s.follows.seqs)+len(s.lists.seqs) == 0 {
		return nil
	}
	return s
}

package rule

import "reddot/actors"

// State is what a user has spent, what the app says of it, and which digests are open.
// The zero value is one of whom nothing is kept; a nil one can be asked too.
type State struct {
	spent     []spentTimes // in the order of their scopes
	times     int          // of all of them
	said      []saidOnce   // the oldest first
	standings []*actors.Standing
	windows   []*window // in the order in which they opened

	stale int64 // before it nothing is to be forgotten
}

// Empty tells whether nothing is kept.
func (s *State) Empty() bool {
	return s == nil || len(s.spent)+len(s.said)+len(s.standings)+len(s.windows) == 0
}

// Apply takes in an event, fresh or replayed: what its verdict has spent, its digest, its
// standing, the messages that it takes back. Events without any of these may be left out.
func (s *State) Apply(e *actors.Event) {
	if e.At >= s.stale {
		s.forget(e.At)
	}
	switch e.Kind {
	case actors.Kind_STANDING:
		s.stand(e.Standing)
	case actors.Kind_RETRACTED:
		s.retract(e.Ids)
	case actors.Kind_ERASED:
		*s = State{}
	}
	v := e.Verdict
	if v == nil {
		return
	}
	for _, spent := range v.Spent {
		s.spend(spent, e.At)
	}
	if v.Digest != 0 && v.Remember > 0 {
		s.remember(saidOnce{v.Digest, e.At, e.At + v.Remember})
	}
	switch {
	case v.Gather == "":
	case e.Kind == actors.Kind_DIGESTED:
		s.gather(e)
	case v.Opens != 0:
		s.open(e, v.Opens)
	default:
		s.closed(v.Gather)
	}
}

// forget lets go of what counts no more. What is there afterwards does not depend on when
// it was called before.
func (s *State) forget(now int64) {
	s.stale = actors.Never
	s.forgetSpent(now)
	s.forgetSaid(now)
	s.forgetStandings(now)
	s.forgetWindows(now)
}

// Restored returns the state that a snapshot holds, of which it keeps nothing; nil: nothing
// is kept.
func Restored(from *actors.RuleState) *State {
	if from == nil {
		return nil
	}
	s := &State{standings: append([]*actors.Standing(nil), from.Standings...)}
	for _, t := range from.Spent {
		s.spent = append(s.spent, spentTimes{t.Scope, t.Keep, t.Window, append([]int64(nil), t.Times...)})
		s.times += len(t.Times)
	}
	for _, said := range from.Said {
		s.said = append(s.said, saidOnce{said.Digest, said.At, said.Until})
	}
	for _, w := range from.Windows {
		s.windows = append(s.windows, restoredWindow(w))
	}
	if s.Empty() {
		return nil
	}
	return s
}

// Stored returns the state for a snapshot, as a copy; nil: nothing is kept.
func (s *State) Stored() *actors.RuleState {
	if s.Empty() {
		return nil
	}
	to := &actors.RuleState{Standings: append([]*actors.Standing(nil), s.standings...)}
	for _, t := range s.spent {
		to.Spent = append(to.Spent, &actors.SpentTimes{Scope: t.scope, Keep: t.keep, Window: t.window, Times: append([]int64(nil), t.times...)})
	}
	for _, said := range s.said {
		to.Said = append(to.Said, &actors.SaidOnce{Digest: said.digest, At: said.at, Until: said.until})
	}
	for _, w := range s.windows {
		to.Windows = append(to.Windows, w.stored())
	}
	return to
}

// Clone returns a copy, which can be changed by itself; of nil it is one of whom nothing is
// kept.
func (s *State) Clone() *State {
	if c := Restored(s.Stored()); c != nil {
		return c
	}
	return &State{}
}

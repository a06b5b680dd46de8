package user

import "reddot/actors"

// What was written to the user's connections. Of the user's own messages each mark is an event. Of
// what was broadcast it is counted in memory, for all users of the node (actors.Funnels), once a
// user: told says up to where. The journal learns that with the next mark, and before the
// activation forgets it.

// funnelsDue is what a user tells itself that is to write the node's funnels down.
type funnelsDue struct{}

// ForOne implements ForOne.
func (*funnelsDue) ForOne() {}

// reached takes in a connection's mark. If the store is busy the next one says it too.
func (u *User) reached(m *actors.Reached) {
	u.sighted(m.Sight)
	if span, ok := u.untold(m.Casts); ok {
		u.count(u.inbox.Broadcasts(span), span)
	}
	if !u.inbox.IsNews(m.Upto) {
		return
	}
	if u.persist(u.inbox.Delivered(m.Upto, u.told, m.Transport, u.Home.Moment()).Events) == nil {
		u.unsaved = false // it is written down with the mark
		u.toldKept = u.told
	}
}

// wroteDozing takes in what was written of the broadcast log while the user dozes. False: it takes the
// inbox.
func (u *User) wroteDozing(casts actors.Span) bool {
	span, ok := u.untold(casts)
	if !ok {
		return true
	}
	if u.outline == nil {
		return false
	}
	ids, ok := u.outline.Broadcasts(u.log, span)
	if ok {
		u.count(ids, span)
	}
	return ok
}

// untold returns what of a span was not counted before; false: nothing.
func (u *User) untold(s actors.Span) (actors.Span, bool) {
	s.After = max(s.After, u.told)
	return s, s.Upto > s.After
}

// count counts the user for messages that a span of the log made visible.
func (u *User) count(ids []actors.ID, s actors.Span) {
	u.told = s.Upto
	if u.Home.Funnels.Add(ids) {
		u.carry()
	}
}

// carry lets the user write the node's funnels down in a while.
func (u *User) carry() {
	u.carries = true
	h, self := u.Home, u.Self
	h.Delay(actors.FunnelPause, func() { h.Send(self, &funnelsDue{}) })
}

// writeFunnels writes the node's funnels down.
func (u *User) writeFunnels() {
	f := &u.Home.Funnels
	u.carries = false
	list := f.Take()
	if len(list) == 0 {
		return
	}
	if u.Stream == nil || u.Ending || u.Append(&actors.Write{Stream: u.Stream, After: u.Seq, Upkeep: true, Tally: list}) != nil {
		if f.Return(list) && !u.Ending {
			u.carry()
		}
	}
}

// keepTold lets the journal say up to where broadcasts were counted; a user who dozes wakes up for it.
func (u *User) keepTold() {
	switch {
	case u.dozing:
		u.wakeUp()
	case u.inbox == nil || !u.quiet():
	default:
		if d := u.inbox.Delivered(0, u.told, "", u.Home.Moment()); len(d.Events) == 0 || u.persist(d.Events) == nil {
			u.toldKept, u.unsaved = u.told, false
		}
	}
}

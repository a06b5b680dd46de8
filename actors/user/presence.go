package user

import (
	"reddot/actors"
)

// presence answers whether the user is connected. It needs no inbox, so that a
// user who dozes goes on to.
func (u *User) presence(r *actors.Request) {
	if !u.HoldsLease() {
		u.Current = nil
		r.Fail(actors.ErrUnsure)
		return
	}
	u.askGates(r, u.present)
}

// present answers who is attached.
func (u *User) present(q *connQuery) {
	h, r, seen := u.Home, q.req, u.seen
	if len(q.conns) > 0 {
		seen = h.Now()
	}
	if seen == 0 { // an earlier activation saw them go
		u.after(r, func() { h.Load(func() { (&actors.Presence{}).AnswerAsleep(h, r) }) })
		return
	}
	r.Answer.Body = actors.AppendPresence(nil, q.conns, seen)
	u.release(&r.Effect, r, nil, nil)
}

// left notes that connections have gone, perhaps the last of them.
func (u *User) left() {
	if len(u.gates) > 0 {
		u.noteLess()
		return
	}
	u.gates = nil
	u.seen, u.unsaved = u.Home.Now(), true
	u.noteHere(u.Home.Presence.OfflineAfter)
}

// seenAt returns when the user was last connected, as far as that is before a time.
func (u *User) seenAt(now int64) int64 {
	if len(u.gates) == 0 && u.seen != 0 {
		return u.seen
	}
	return now
}

// keepSeen writes down when the user was last connected, before the activation
// forgets it. False: the store is busy.
func (u *User) keepSeen() bool {
	if !u.unsaved || u.Stream == nil || u.Ending {
		return true
	}
	w := &actors.Write{Stream: u.Stream, After: u.Seq, Upkeep: true, Records: []actors.RecordChange{actors.SeenRecord(u.Key, u.seen)}}
	u.unsaved = u.Append(w) != nil
	return !u.unsaved
}

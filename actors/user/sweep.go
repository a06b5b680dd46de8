package user

import (
	"context"

	"reddot/actors"
	"reddot/actors/inbox"
)

// maintain does what retention asks for at a time, before anything is decided.
func (u *User) maintain(now int64) {
	b, l := u.inbox, &u.Home.Limits
	switch {
	case u.sweeping:
	case now >= b.SweepDue(l):
		u.sweep()
	case b.MilestoneDue(now, l):
		u.snapshot(nil)
	}
}

// sweep takes from the disk what nobody needs any more. If that means to write
// events again, it reads them first, elsewhere.
func (u *User) sweep() {
	if d := u.inbox.Lapse(u.Home.Moment()); len(d.Events) > 0 && u.persist(d.Events) != nil {
		return // busy: the wake-up that is armed comes back to it
	}
	u.inbox.Sessions.RearmLapse()
	u.Home.Metrics.Sweeps.Inc()
	stale := u.inbox.Stale()
	if len(stale) == 0 {
		u.snapshot(nil)
		return
	}
	u.sweeping = true
	h, key, self := u.Home, u.Key, u.Self
	u.after(nil, func() {
		h.Load(func() { h.Send(self, inbox.ReadCleared(context.Background(), h.Journal, key, stale)) })
	})
}

// cleared goes on with a sweep.
func (u *User) cleared(m *inbox.Cleared) {
	u.sweeping = false
	if u.inbox == nil || u.Ending {
		return
	}
	if m.Err != nil {
		u.Home.Log.Error("what is to leave the disk can't be read", "actor", string(u.Key), "err", m.Err)
		return // the wake-up that is armed comes back to it
	}
	if u.snapshot(m.Events) {
		u.rearmWake(u.armed)
		u.passivateSoon()
	}
}

// passivateSoon lets a user stop that was woken for a sweep alone, as soon as the
// store has done with it: many are, one after the other.
func (u *User) passivateSoon() {
	u.swept = true
	h, self := u.Home, u.Self
	u.after(nil, func() { h.Send(self, &actors.Committed{}) }) // there may have been nothing to write
}

// passivateSwept stops such a user, if the store has done with it.
func (u *User) passivateSwept() {
	if u.swept && !u.asked && len(u.gates)+len(u.links) == 0 {
		u.passivate()
	}
}

// rearmWake replaces the wake-up that was armed for old, or has come.
func (u *User) rearmWake(old int64) {
	b, l, now := u.inbox, &u.Home.Limits, u.Home.Now()
	next := min(b.Due(l), max(b.SweepDue(l), now+l.EraseWithin.Milliseconds()/inbox.SweepRetry))
	if next = min(next, u.claimWake(now)); next == actors.Never {
		next = 0
	}
	if old == next {
		return
	}
	// The store may hold other wake-ups, from before this activation. What
	// counts is that none of them is missing.
	w := &actors.Write{Stream: u.Stream, After: b.Seq(), Wake: actors.Wake{Old: old, New: next}}
	if u.Append(w) == nil {
		u.armed = next
	}
}

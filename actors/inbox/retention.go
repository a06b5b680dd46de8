package inbox

import (
	"reddot/actors"
)

// Retention by time. What nobody needs any more is off the disk within
// Limits.EraseWithin of the moment from which nobody needs it: the content of
// what was retracted, edited, collapsed, expired or pushed out, also where the
// event that held it stays for those who resume; events that are older than
// Limits.RetainAge; who answers for a message that has left; keys.
//
// The user sees to it, also one for whom nothing happens: what makes something
// superfluous arms the user's wake-up, mostly once a day, since the one that is
// armed already will do. The sweep takes a snapshot, deletes events, and writes
// others again without their contents. It changes nothing that anybody sees.
//
// The time is spent in quarters (Limits.EraseStep): in the first one more may come
// together; sweeps are spread over the second one, by lineage, so that those
// who all got a message at the same moment are not all woken at the same
// moment; the rest is the store's, whose files hold what was deleted until they
// are merged or vacuumed.

// SweepDue returns when there is something to be swept away; never: there is
// nothing.
func (b *Inbox) SweepDue(l *actors.Limits) int64 {
	h, due := &b.history, int64(actors.Never)
	if h.since != 0 {
		due = l.SweepAt(h.since, b.lineage)
	}
	if at := h.oldest(l); at != 0 {
		due = min(due, l.SpreadOut(at+l.RetainAge.Milliseconds(), b.lineage))
	}
	if at := b.Sessions.LapseAt(); at != 0 {
		due = min(due, l.SweepAt(at, b.lineage))
	}
	if len(b.keys.order) > 0 {
		due = min(due, l.SweepAt(b.keys.order[0].at+actors.CallerKeyAge, b.lineage))
	}
	if len(b.asides) > 0 {
		due = min(due, l.SweepAt(b.asides[0].at+asideAge, b.lineage))
	}
	if b.erasedAt != 0 {
		due = min(due, l.SweepAt(b.forgetAt(), b.lineage))
	}
	return due
}

// oldest returns when the events up to the oldest milestone that is above the
// floor, or those since the newest one, have all happened; 0: there are none.
func (h *history) oldest(l *actors.Limits) int64 {
	for i := range h.milestones {
		if h.milestones[i].Seq > h.floor {
			return h.milestones[i].at
		}
	}
	if h.first != 0 {
		return h.first + l.EraseStep()
	}
	return 0
}

// SweepAfter returns by when a sweep is due once e is applied, too.
func (b *Inbox) SweepAfter(e *actors.Event, l *actors.Limits) int64 {
	lineage := b.lineage
	if e.Lineage != 0 {
		lineage = e.Lineage
	}
	due := int64(actors.Never)
	if b.history.first == 0 {
		due = l.SpreadOut(e.At+l.EraseStep()+l.RetainAge.Milliseconds(), lineage)
	}
	if b.history.since == 0 && (e.Frees() || b.Profile.Frees(e.Profile)) {
		due = min(due, l.SweepAt(e.At, lineage))
	}
	if at := e.Topic.GetExpiresAt(); at != 0 {
		due = min(due, l.SweepAt(at, lineage))
	}
	return due
}

// MilestoneDue tells whether the events since the newest milestone are to be
// closed off by a snapshot, so that those from now on do not keep them.
func (b *Inbox) MilestoneDue(now int64, l *actors.Limits) bool {
	return b.history.first != 0 && now >= b.history.first+l.EraseStep()
}

// SweepRetry is after which part of EraseWithin a sweep that has not come to
// its end is tried again.
const SweepRetry = 64

package actors

import (
	"context"
	"slices"
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
// The time is spent in quarters (eraseStep): in the first one more may come
// together; sweeps are spread over the second one, by lineage, so that those
// who all got a message at the same moment are not all woken at the same
// moment; the rest is the store's, whose files hold what was deleted until they
// are merged or vacuumed.

// eraseStep returns a quarter of EraseWithin, in milliseconds.
func (l *Limits) eraseStep() int64 { return max(1, l.EraseWithin.Milliseconds()/4) }

// SweepAt returns when what is superfluous since a moment is to be swept away.
func (l *Limits) SweepAt(since int64, lineage uint64) int64 {
	step := l.eraseStep()
	return since + step + int64(lineage%uint64(step)) // #nosec G115 -- below step
}

// spreadOut returns when what is superfluous from a moment on, and has had its
// quarter before, is to be swept away.
func (l *Limits) spreadOut(from int64, lineage uint64) int64 {
	return l.SweepAt(from, lineage) - l.eraseStep()
}

// SweepDue returns when there is something to be swept away; never: there is
// nothing.
func (b *Inbox) SweepDue(l *Limits) int64 {
	h, due := &b.History, int64(Never)
	if h.since != 0 {
		due = l.SweepAt(h.since, b.lineage)
	}
	if at := h.oldest(l); at != 0 {
		due = min(due, l.spreadOut(at+l.RetainAge.Milliseconds(), b.lineage))
	}
	if at := b.Sessions.lapse; at != 0 {
		due = min(due, l.SweepAt(at, b.lineage))
	}
	if len(b.keys.order) > 0 {
		due = min(due, l.SweepAt(b.keys.order[0].at+CallerKeyAge, b.lineage))
	}
	return due
}

// oldest returns when the events up to the oldest milestone that is above the
// floor, or those since the newest one, have all happened; 0: there are none.
func (h *history) oldest(l *Limits) int64 {
	for i := range h.stones {
		if h.stones[i].Seq > h.floor {
			return h.stones[i].at
		}
	}
	if h.first != 0 {
		return h.first + l.eraseStep()
	}
	return 0
}

// SweepAfter returns by when a sweep is due once e is applied, too.
func (b *Inbox) SweepAfter(e *Event, l *Limits) int64 {
	lineage := b.lineage
	if e.Lineage != 0 {
		lineage = e.Lineage
	}
	due := int64(Never)
	if b.History.first == 0 {
		due = l.spreadOut(e.At+l.eraseStep()+l.RetainAge.Milliseconds(), lineage)
	}
	if b.History.since == 0 && e.frees() {
		due = min(due, l.SweepAt(e.At, lineage))
	}
	if at := e.Topic.GetExpiresAt(); at != 0 {
		due = min(due, l.SweepAt(at, lineage))
	}
	return due
}

// frees tells whether e may let something become superfluous.
func (e *Event) frees() bool {
	switch e.Kind {
	case Kind_ACCEPTED:
		return len(e.Ids)+len(e.Dropped) > 0
	case Kind_DUE:
		return len(e.Ids) > 16
	case Kind_EDITED, Kind_RETRACTED, Kind_EXPIRED, Kind_DROPPED, Kind_SESSION:
		return true
	}
	return false
}

// MilestoneDue tells whether the events since the newest milestone are to be
// closed off by a snapshot, so that those from now on do not keep them.
func (b *Inbox) MilestoneDue(now int64, l *Limits) bool {
	return b.History.first != 0 && now >= b.History.first+l.eraseStep()
}

// Clear takes the content out of e, which nobody needs any more.
func (e *Event) Clear() {
	if m := e.Message; m != nil {
		e.Message = &Message{
			Id: m.Id, Category: m.Category, Priority: m.Priority, ExpiresAt: m.ExpiresAt, SendAt: m.SendAt,
			CreatedAt: m.CreatedAt, Shared: m.Shared, EditedAt: m.EditedAt, Cleared: true,
		}
	}
	if e.Topic != nil {
		e.Topic = &TopicMessage{}
	}
	if e.Session != nil {
		e.Session.Will = nil
	}
}

// SweepRetry is after which part of EraseWithin a sweep that has not come to
// its end is tried again.
const SweepRetry = 64

// remains returns what is still to be told of an event without its message:
// which others had to leave for it.
func (e *Event) remains() *Event {
	left := &Event{Kind: Kind_NOTED, Seq: e.Seq, Pos: e.Pos}
	switch {
	case e.State == State_SCHEDULED:
		return e
	case e.Kind == Kind_ACCEPTED:
		left.Ids = slices.Concat(e.Ids, e.Dropped)
	case e.Kind == Kind_DUE:
		left.Ids = e.Ids[16:]
	case e.Kind == Kind_EDITED:
		left.Ids = e.Dropped
	default:
		return e
	}
	if len(left.Ids) > 0 {
		left.Kind = Kind_DROPPED
	}
	return left
}

// ReadCleared reads stale events and takes their contents out.
func ReadCleared(ctx context.Context, j Journal, key Key, stale []uint64) *Cleared {
	m := &Cleared{}
	slices.Sort(stale)
	for _, seq := range slices.Compact(stale) {
		r := Rewrite{Seq: seq}
		var failed error
		err := j.Events(ctx, key, seq, seq, func(_ uint64, raw []byte) bool {
			e := &Event{}
			if failed = DecodeEvent(raw, e); failed == nil {
				e.Clear()
				r.Event = EncodeEvent(nil, e)
			}
			return false
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			m.Err = err
			break
		}
		m.Events = append(m.Events, r)
	}
	return m
}

// Cleared is what the user tells itself: stale events without their contents,
// in the order of their seqs. One that is not in the journal has no Event.
type Cleared struct {
	Events []Rewrite
	Err    error
}

// ForOne implements ForOne.
func (*Cleared) ForOne() {}

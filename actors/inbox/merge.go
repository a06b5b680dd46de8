package inbox

import (
	"fmt"
	"slices"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/rule"
)

// The merge of the broadcast log (DESIGN.md, invariant 10). A user's state is that
// of its own events and of the entries of its app's log, in one order: each event
// says up to which position the log was merged before it. So a merge writes nothing,
// and a replay comes to the same: whoever applies an event merges up to its Pos
// first (catchUp), and what lies behind the last event is merged again.
//
// A merge therefore rests on nothing but the entry and the state: no clock, no
// limits. What it makes too much leaves by an event (Expire), and what time does to
// a broadcast the log says itself.

// IsBroadcast tells whether the message came by the broadcast log.
func (n *entry) IsBroadcast() bool { return n.Pos != 0 }

// Handle names what made the message visible, among all of one inbox: the seq of an event, or
// an actors.LogHandle.
func (n *entry) Handle() uint64 {
	if n.IsBroadcast() {
		return actors.LogHandle(n.Pos)
	}
	return n.Seq
}

// isCovered tells whether a cursor of this inbox is behind the message.
func (n *entry) isCovered(c actors.Cursor) bool {
	if n.IsBroadcast() {
		return n.Pos <= c.Pos
	}
	return n.Seq <= c.Seq
}

// Pos returns up to which position the broadcast log is merged.
func (b *Inbox) Pos() uint64 { return b.pos }

// Concerns tells whether merging an entry changes what the user sees.
func (b *Inbox) Concerns(e *actors.KnownEntry) bool {
	switch e.Kind {
	case actors.LogKind_LOG_PUBLISHED, actors.LogKind_LOG_DUE:
		return !e.Hidden && b.isIn(e) && !b.refuses(e) && !b.isOutdone(e)
	}
	return !e.Hidden && b.find(e.Concerns()) >= 0
}

// isIn tells whether the user belongs to an entry's audience: as of now, and by the
// entry's own time. One who was erased belongs to none.
func (b *Inbox) isIn(e *actors.KnownEntry) bool {
	switch a := e.Audience; {
	case b.erasedAt != 0:
		return false
	case a.All:
		return true
	case a.Topic != "":
		return b.Profile.Following(a.Topic)
	case a.List != "":
		return b.Profile.InList(a.List)
	}
	s, ok := e.Segment.(*audience.Segment)
	return ok && s.Matches(b.Profile, e.At)
}

// refuses tells whether the user, or the app about the user, says no to what an entry lets
// appear: as of now, and by the entry's own time. A policy does not judge broadcasts.
func (b *Inbox) refuses(e *actors.KnownEntry) bool {
	return (b.Rules != nil || b.Profile.Preferences() != nil) && b.judgeEntry(e).Do == rule.Filter
}

// judgeEntry returns what the rules that hold of broadcasts say of an entry's message.
func (b *Inbox) judgeEntry(e *actors.KnownEntry) rule.Decision {
	m := e.Message
	c := rule.Candidate{Category: m.Category, Tenant: m.Tenant, Channel: channel, Priority: m.Priority}
	return (*rule.Policy)(nil).Judge(&c, b.Profile, b.Rules, e.At)
}

// Merge takes in the entry of the log that follows those merged so far. It returns
// what changed for the user as an event that no journal has; nil: nothing did.
func (b *Inbox) Merge(e *actors.KnownEntry) *actors.Event {
	if !b.precedes(e) {
		panic(fmt.Sprintf("entry %d of the broadcast log follows entry %d", e.Pos, b.pos))
	}
	concerns := b.Concerns(e)
	b.SkipTo(e.Pos)
	if !concerns {
		return nil
	}
	b.rev++
	b.shownPos = e.Pos
	v := &actors.Event{Seq: b.seq, Pos: e.Pos, Rev: b.rev, At: e.At, Message: e.Message}
	switch e.Kind {
	case actors.LogKind_LOG_PUBLISHED, actors.LogKind_LOG_DUE:
		v.Kind, v.Ids = actors.Kind_ACCEPTED, b.holder(e.Message)
		b.mergeMessage(e, v.Ids)
	case actors.LogKind_LOG_EDITED:
		v.Kind = actors.Kind_EDITED
		b.mergeEdit(e)
	case actors.LogKind_LOG_RETRACTED, actors.LogKind_LOG_EXPIRED:
		v.Kind, v.Ids = actors.Kind_RETRACTED, slices.Clone(e.Id)
		if e.Kind == actors.LogKind_LOG_EXPIRED {
			v.Kind = actors.Kind_EXPIRED
		}
		b.displace(e.Pos, actors.ID(e.Id))
		b.remove(actors.ID(e.Id))
	}
	b.history.noteFreed(e.At)
	return v
}

// displacement says that an entry has taken a message out: a broadcast that took its place,
// or the broadcast's own end. No event says it to those who were away, and an entry that
// ends a broadcast does not say whether the user had it.
type displacement struct {
	pos uint64
	id  actors.ID
}

// keptDisplacements is how many are remembered. Whoever was away for longer gets a reset.
const keptDisplacements = 128

func (b *Inbox) displace(pos uint64, id actors.ID) {
	if len(b.displaced) == keptDisplacements {
		b.posFloor = b.displaced[0].pos
		b.displaced = b.displaced[1:]
	}
	b.displaced = append(b.displaced, displacement{pos, id})
}

func (b *Inbox) mergeMessage(e *actors.KnownEntry, replaced []byte) {
	actors.EachID(replaced, func(id actors.ID) {
		b.remove(id)
		b.displace(e.Pos, id)
	})
	m := e.Message
	n := entry{
		id: actors.ID(m.Id), Seq: b.seq, Pos: e.Pos, Body: e.ContentAt(), at: e.At,
		collapse: m.CollapseHash(), size: e.ContentSize(),
		category: b.categories.hold(m.Category), tenant: b.holdTenant(m.Tenant), State: actors.State_UNSEEN, priority: m.Priority, shared: true,
	}
	b.content += uint64(n.size)
	b.count(&n, 1)
	b.entries = append(doubled(b.entries), n)
	b.arm(&n)
	b.Sessions.Offer(n.Handle(), n.size)
}

func (b *Inbox) mergeEdit(e *actors.KnownEntry) {
	n, m := &b.entries[b.find(e.Concerns())], e.Message
	b.recast(n, m, e.Pos, e.ContentSize())
}

// IsOverfull tells whether broadcasts have made the inbox larger than it may be.
func (b *Inbox) IsOverfull(l *actors.Limits) bool {
	return len(b.entries) > l.Messages || b.content > uint64(l.InboxBytes)
}

// excess returns the messages, oldest first, that have no room besides those that
// leave anyway. What is scheduled stays: nobody has seen it.
func (b *Inbox) excess(leave []actors.ID, l *actors.Limits) (out []actors.ID) {
	if !b.IsOverfull(l) {
		return nil
	}
	n, size := len(b.entries)-len(leave), b.content
	for _, id := range leave {
		size -= uint64(b.entries[b.find(id)].size)
	}
	for i := 0; i < len(b.entries) && (n > l.Messages || size > uint64(l.InboxBytes)); i++ {
		if o := &b.entries[i]; o.State != actors.State_SCHEDULED && !slices.Contains(leave, o.id) {
			out = append(out, o.id)
			n, size = n-1, size-uint64(o.size)
		}
	}
	return out
}

// SkipTo passes over entries that the log no longer has: they are older than an inbox
// may be.
func (b *Inbox) SkipTo(pos uint64) {
	if b.pos = max(b.pos, pos); b.pos >= b.joined {
		b.joined = 0
	}
}

// MergeUpTo merges the entries of a log up to a position.
func (b *Inbox) MergeUpTo(log *actors.Log, pos uint64) error {
	if b.pos >= pos {
		return nil
	}
	b.SkipTo(min(log.Floor(), pos))
	for _, e := range b.Ahead(log, pos) {
		b.Merge(e)
	}
	b.SkipTo(min(pos, b.joined))
	if b.pos != pos {
		return fmt.Errorf("the broadcast log is known up to %d only, want %d", b.pos, pos)
	}
	return nil
}

// mergeUntil merges the entries of a log up to a position, but none that would bring
// the inbox past a rev.
func (b *Inbox) mergeUntil(log *actors.Log, pos, rev uint64) {
	b.SkipTo(min(log.Floor(), pos))
	for _, e := range b.Ahead(log, pos) {
		if b.rev == rev && b.Concerns(e) {
			return
		}
		b.Merge(e)
	}
	b.SkipTo(min(pos, b.joined))
}

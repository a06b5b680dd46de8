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
func (n *entry) IsBroadcast() bool { return n.logged }

// Handle names what made the message visible, among all of one inbox: the seq of an event, or
// an actors.LogHandle.
func (n *entry) Handle() uint64 {
	if n.Pos != 0 {
		return actors.LogHandle(n.Pos)
	}
	return n.Seq
}

// isCovered tells whether a cursor of this inbox is behind the message.
func (n *entry) isCovered(c actors.Cursor) bool {
	if n.Pos != 0 {
		return n.Pos <= c.Pos
	}
	return n.Seq <= c.Seq
}

// Pos returns up to which position the broadcast log is merged.
func (b *Inbox) Pos() uint64 { return b.pos }

// Concerns tells whether merging an entry changes what the user sees.
func (b *Inbox) Concerns(e *actors.KnownEntry) bool {
	if e.LetsAppear() {
		d, in := b.meet(e)
		return in && d.Do == rule.Deliver
	}
	i := b.find(e.Concerns())
	return !e.Hidden && i >= 0 && b.entries[i].State != actors.State_SCHEDULED
}

// Touches tells whether merging an entry changes anything but the position.
func (b *Inbox) Touches(e *actors.KnownEntry) bool {
	if e.LetsAppear() {
		_, in := b.meet(e)
		return in
	}
	id := e.Concerns()
	return !e.Hidden && (b.find(id) >= 0 || b.Rules.Gathered(id))
}

// meet returns what becomes of a message that an entry lets appear; false: it is not for the
// user.
func (b *Inbox) meet(e *actors.KnownEntry) (rule.Decision, bool) {
	if !b.isIn(e) || b.isOutdone(e) {
		return rule.Decision{}, false
	}
	d := b.judgeEntry(e)
	return d, d.Do != rule.Filter
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

// judgeEntry returns what the rules say of an entry's message: as of now, and by the entry's
// own time.
func (b *Inbox) judgeEntry(e *actors.KnownEntry) rule.Decision {
	m := e.Message
	if m.Policy == nil && b.Rules == nil && b.Profile.Preferences() == nil {
		return rule.Decision{}
	}
	p := b.policyOf(e)
	c := rule.Candidate{Category: m.Category, Tenant: m.Tenant, Channel: channel, Priority: m.Priority, Seed: b.lineage}
	if p != nil {
		c.Zones = b.Book.Zone
	}
	if p.Remembers() {
		c.Digest = e.Says
	}
	d := p.Judge(&c, b.Profile, b.Rules, e.At)
	if !e.Holds && d.Do != rule.Filter { // an older program has written it, and shown it
		return rule.Decision{}
	}
	return d
}

// policyOf returns the policy of an entry's message; nil: it has none, or one that does not
// hold any more.
func (b *Inbox) policyOf(e *actors.KnownEntry) *rule.Policy {
	if e.Message.Policy == nil {
		return nil
	}
	return e.Rules(func() any {
		p, _ := b.Book.Policy(e.Message.Policy)
		return p
	}).(*rule.Policy)
}

// Merge takes in the entry of the log that follows those merged so far. It returns
// what changed for the user as an event that no journal has; nil: nothing did.
func (b *Inbox) Merge(e *actors.KnownEntry) *actors.Event {
	if !b.precedes(e) {
		panic(fmt.Sprintf("entry %d of the broadcast log follows entry %d", e.Pos, b.pos))
	}
	if e.LetsAppear() {
		d, in := b.meet(e)
		if b.SkipTo(e.Pos); !in {
			return nil
		}
		return b.mergeMessage(e, d)
	}
	b.SkipTo(e.Pos)
	id := e.Concerns()
	i := b.find(id)
	switch {
	case e.Hidden:
		return nil
	case i < 0:
		if e.Kind != actors.LogKind_LOG_EDITED && b.Rules.Gathered(id) {
			b.applyRuled(&actors.Event{Kind: actors.Kind_RETRACTED, At: e.At, Ids: e.Id})
		}
		return nil
	case b.entries[i].State == actors.State_SCHEDULED:
		b.mergeHidden(e, &b.entries[i])
		return nil
	}
	v := b.seen(e)
	switch e.Kind {
	case actors.LogKind_LOG_EDITED:
		v.Kind = actors.Kind_EDITED
		b.recast(&b.entries[i], e.Message, e.Pos, e.ContentSize())
	case actors.LogKind_LOG_RETRACTED, actors.LogKind_LOG_EXPIRED:
		v.Kind, v.Ids = actors.Kind_RETRACTED, slices.Clone(e.Id)
		if e.Kind == actors.LogKind_LOG_EXPIRED {
			v.Kind = actors.Kind_EXPIRED
		}
		b.displace(e.Pos, id)
		b.remove(id)
	}
	b.history.noteFreed(e.At)
	return v
}

// seen returns the event of an entry that changes what the user sees, and takes in that there
// is one.
func (b *Inbox) seen(e *actors.KnownEntry) *actors.Event {
	b.rev++
	b.shownPos = e.Pos
	return &actors.Event{Seq: b.seq, Pos: e.Pos, Rev: b.rev, At: e.At, Message: e.Message}
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

// mergeMessage takes in a message that an entry lets appear: it is shown, waits, or becomes an
// item of a digest.
func (b *Inbox) mergeMessage(e *actors.KnownEntry, d rule.Decision) *actors.Event {
	defer b.history.noteFreed(e.At)
	switch d.Do {
	case rule.Hold:
		b.hold(e, d)
		b.unarmed = true
		return nil
	case rule.Gather:
		m := e.Message.Copy()
		m.Content = e.Excerpt
		b.applyRuled(&actors.Event{Kind: actors.Kind_DIGESTED, At: e.At, Message: m, Verdict: d.Verdict, Until: d.Until})
		b.putAside(aside{id: actors.ID(m.Id), at: e.At, shared: true, rule: d.Verdict.GetRule(), gathered: true})
		b.unarmed = true
		return nil
	}
	if d.Verdict != nil {
		b.applyRuled(&actors.Event{Kind: actors.Kind_ACCEPTED, At: e.At, Message: e.Message, Verdict: d.Verdict})
	}
	v := b.seen(e)
	v.Kind, v.Ids = actors.Kind_ACCEPTED, b.holder(e.Message)
	actors.EachID(v.Ids, func(id actors.ID) {
		b.remove(id)
		b.displace(e.Pos, id)
	})
	n := b.logged(e)
	n.State = actors.State_UNSEEN
	b.add(n)
	b.Sessions.Offer(n.Handle(), n.size)
	return v
}

// logged returns what an inbox keeps of a message that an entry lets appear.
func (b *Inbox) logged(e *actors.KnownEntry) entry {
	m := e.Message
	return entry{
		id: actors.ID(m.Id), Seq: b.seq, Pos: e.Pos, Body: e.ContentAt(), at: e.At,
		collapse: m.CollapseHash(), size: e.ContentSize(),
		category: b.categories.hold(m.Category), tenant: b.holdTenant(m.Tenant), priority: m.Priority, shared: true, logged: true,
	}
}

// add appends a message, and counts it.
func (b *Inbox) add(n entry) {
	b.content += uint64(n.size)
	b.count(&n, 1)
	b.entries = append(doubled(b.entries), n)
	b.arm(&n)
}

// hold takes in a message that waits until the rules judge it anew.
func (b *Inbox) hold(e *actors.KnownEntry, d rule.Decision) {
	n := b.logged(e)
	n.State, n.Until = actors.State_SCHEDULED, d.Until
	b.add(n)
	p := pending{id: n.id, policy: b.policyOf(e), collapse: e.Message.CollapseKey, held: d.Verdict.GetRule()}
	p.show(e)
	b.pending = append(b.pending, p)
}

// show takes in what a digest shows of a message that was broadcast, and what tells its
// duplicates.
func (p *pending) show(e *actors.KnownEntry) {
	if p.policy != nil {
		p.digest, p.excerpt = e.Says, e.Excerpt
	}
}

// mergeHidden takes in what becomes of a message that waits.
func (b *Inbox) mergeHidden(e *actors.KnownEntry, n *entry) {
	if e.Kind != actors.LogKind_LOG_EDITED {
		b.remove(n.id)
		b.history.noteFreed(e.At)
		return
	}
	b.recast(n, e.Message, e.Pos, e.ContentSize())
	if p := b.pendingOf(n.id); p != nil {
		p.show(e)
	}
}

// Unarmed returns when something is due that was merged since it was asked last, so that the
// store does not know of it; actors.Never: nothing.
func (b *Inbox) Unarmed() int64 {
	if !b.unarmed {
		return actors.Never
	}
	b.unarmed = false
	at := b.Rules.Due()
	for i := range b.entries {
		if n := &b.entries[i]; n.logged && n.State == actors.State_SCHEDULED {
			at = min(at, n.Until)
		}
	}
	return at
}

// IsOverfull tells whether broadcasts have made the inbox larger than it may be.
func (b *Inbox) IsOverfull(l *actors.Limits) bool {
	return len(b.entries) > l.Messages || b.content > uint64(l.InboxBytes)
}

// excess returns the messages, oldest first, that have no room besides those that
// leave anyway. What is scheduled stays: nobody has seen it. What was broadcast and waits does not.
func (b *Inbox) excess(leave []actors.ID, l *actors.Limits) (out []actors.ID) {
	if !b.IsOverfull(l) {
		return nil
	}
	n, size := len(b.entries)-len(leave), b.content
	for _, id := range leave {
		size -= uint64(b.entries[b.find(id)].size)
	}
	for i := 0; i < len(b.entries) && (n > l.Messages || size > uint64(l.InboxBytes)); i++ {
		if o := &b.entries[i]; o.ages() && !slices.Contains(leave, o.id) {
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

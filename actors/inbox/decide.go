package inbox

import (
	"slices"

	"reddot/actors"
	"reddot/actors/rule"
)

// Ready is what one decision asks the caller to do, in this order: put Events
// into the journal, Apply them, and once they are durable, answer and push.
type Ready struct {
	Err      *actors.Error // nothing is to be done
	Events   []*actors.Event
	ID       actors.ID
	Rev      uint64 // of what was done before, if Replayed
	Outcome  actors.Outcome
	Reason   string       // of Held and Filtered: the rule
	Stages   []rule.Stage // of a dry run: what each rule says
	Spends   []rule.Quota // before Events are put there
	Replayed bool
	Unknown  []actors.ID
}

// Next returns the i-th event of a decision, with the rev as it is.
func (b *Inbox) Next(kind actors.Kind, i int, t actors.Moment) *actors.Event {
	e := &actors.Event{Kind: kind, Seq: b.seq + 1 + uint64(i), Pos: b.pos, Rev: b.rev, At: t.Now}
	if e.Seq == 1 {
		e.Lineage = max(t.Random, 1)
	}
	if b.joins(kind) {
		e.Pos, e.Joined = b.open-1, b.pos
	}
	return e
}

// Replayed returns how a write was answered before, if it was.
func (b *Inbox) Replayed(once actors.Once, t actors.Moment) (Ready, bool) {
	switch {
	case once.IsZero():
	case once.Edge:
		if rev, ok := b.keys.atEdge(once.Key); ok {
			return Ready{Rev: rev, Replayed: true}, true
		}
	default:
		k, ok := b.keys.caller(once.Key, t.Now)
		if ok && k.digest != once.Digest {
			return Ready{Err: actors.Errorf(actors.IdempotencyConflict, "this Idempotency-Key was used for another request")}, true
		}
		if ok {
			r := Ready{ID: k.id, Rev: k.rev, Replayed: true}
			if k.rule != actors.Rule_PASSED {
				r.putAside(k.rule, k.gathered)
			}
			return r, true
		}
	}
	return Ready{}, false
}

// noted keeps the caller's key of a write that changed nothing, so that its
// repeat changes nothing either.
func (b *Inbox) noted(r Ready, once actors.Once, t actors.Moment) Ready {
	if !once.IsZero() && !once.Edge {
		e := b.Next(actors.Kind_NOTED, 0, t)
		once.Stamp(e)
		r.Events = []*actors.Event{e}
	}
	return r
}

// Publish decides about a new message.
func (b *Inbox) Publish(m *actors.Message, once actors.Once, t actors.Moment, l *actors.Limits) Ready {
	id := actors.ID(m.Id)
	if r, ok := b.Replayed(once, t); ok {
		if once.Edge {
			r.ID = id
		}
		return b.again(r)
	}
	if m.Shared && b.knows(id) {
		return b.again(Ready{ID: id, Rev: b.rev, Replayed: true})
	}
	m = m.In(b.Profile.Profile().GetLocale())
	if len(m.Content) > l.InboxBytes {
		return Ready{Err: actors.Errorf(actors.TooLarge, "the message is larger than an inbox may be (%d bytes)", l.InboxBytes)}
	}
	var d rule.Decision
	if m.SendAt <= t.Now {
		var err *actors.Error
		if d, err = b.judge(m, t.Now); err != nil {
			return Ready{Err: err}
		}
	}
	switch d.Do {
	case rule.Filter:
		return b.filtered(m, d, once, t)
	case rule.Gather:
		return b.gathered(m, d, once, t)
	}
	e := b.Next(actors.Kind_ACCEPTED, 0, t)
	e.Message, e.Verdict = m, d.Verdict
	once.Stamp(e)
	r := Ready{ID: id, Events: []*actors.Event{e}, Outcome: actors.Delivered, Spends: d.Spends}
	switch {
	case m.SendAt > t.Now:
		e.State, e.Until, r.Outcome = actors.State_SCHEDULED, m.SendAt, actors.Scheduled
	case d.Do == rule.Hold:
		e.State, e.Until, r.Outcome, r.Reason = actors.State_SCHEDULED, d.Until, actors.Held, d.Verdict.Rule.Word()
	default:
		e.Ids = b.holder(m)
		e.Message = unruled(m)
	}
	e.Dropped = b.overflow(len(m.Content), e.Ids, l)
	if e.State != actors.State_SCHEDULED || b.anyVisible(e.Dropped) {
		e.Rev++
	}
	return r
}

// knows tells whether the user has the message, or a rule put it aside.
func (b *Inbox) knows(id actors.ID) bool {
	if b.find(id) >= 0 {
		return true
	}
	_, _, aside := b.Aside(id)
	return aside
}

// again completes the answer to a publish that came before.
func (b *Inbox) again(r Ready) Ready {
	if r.Err != nil || r.Outcome != 0 {
		return r
	}
	r.Outcome = actors.Delivered
	if i := b.find(r.ID); i >= 0 && b.entries[i].State == actors.State_SCHEDULED {
		r.Outcome = actors.Scheduled
		if p := b.pendingOf(r.ID); p != nil && p.held != actors.Rule_PASSED {
			r.Outcome, r.Reason = actors.Held, p.held.Word()
		}
	} else if why, gathered, ok := b.Aside(r.ID); ok {
		r.putAside(why, gathered)
	}
	return r
}

// putAside lets r say that a rule put the message aside.
func (r *Ready) putAside(by actors.Rule, gathered bool) {
	r.Outcome, r.Reason = actors.Filtered, by.Word()
	if gathered {
		r.Outcome = actors.Held
	}
}

// anyVisible tells whether one of packed ids is a message that the user sees.
func (b *Inbox) anyVisible(packed []byte) bool {
	any := false
	actors.EachID(packed, func(id actors.ID) {
		i := b.find(id)
		any = any || i >= 0 && b.entries[i].State != actors.State_SCHEDULED
	})
	return any
}

// holder returns the newest message that the collapse key of m stands for, packed.
func (b *Inbox) holder(m *actors.Message) []byte {
	h := m.CollapseHash()
	if h == 0 {
		return nil
	}
	for i := len(b.entries) - 1; i >= 0; i-- {
		n := &b.entries[i]
		if n.collapse == h && n.State != actors.State_ARCHIVED && n.State != actors.State_SCHEDULED {
			return slices.Clone(n.id[:])
		}
	}
	return nil
}

// overflow returns the messages, oldest first, that must leave so that one of
// size bytes fits in; the packed replaced one gives its place to it.
func (b *Inbox) overflow(size int, replaced []byte, l *actors.Limits) []byte {
	n, bytes := len(b.entries)+1, b.content+uint64(size)
	if len(replaced) > 0 {
		n, bytes = n-1, bytes-uint64(b.entries[b.find(actors.ID(replaced))].size)
	}
	var out []byte
	for i := 0; i < len(b.entries) && (n > l.Messages || bytes > uint64(l.InboxBytes)); i++ {
		o := &b.entries[i]
		if len(replaced) > 0 && o.id == actors.ID(replaced) {
			continue
		}
		out = append(out, o.id[:]...)
		n, bytes = n-1, bytes-uint64(o.size)
	}
	return out
}

// Edit decides about a new content of a message. old is the present one.
func (b *Inbox) Edit(old *actors.Message, patch []byte, once actors.Once, t actors.Moment, l *actors.Limits) Ready {
	if r, ok := b.Replayed(once, t); ok {
		return r
	}
	i := b.find(actors.ID(old.Id))
	if i < 0 {
		return Ready{Err: actors.ErrNotHere}
	}
	m, err := actors.Patched(old, patch)
	if err != nil {
		return Ready{Err: err}
	}
	if len(m.Content) > l.InboxBytes {
		return Ready{Err: actors.Errorf(actors.TooLarge, "the message is larger than an inbox may be (%d bytes)", l.InboxBytes)}
	}
	m.EditedAt = t.Now
	e := b.Next(actors.Kind_EDITED, 0, t)
	e.Message = m
	e.Dropped = b.overflow(len(m.Content), m.Id, l)
	markHidden(e, &b.entries[i], b.anyVisible(e.Dropped))
	once.Stamp(e)
	return Ready{ID: actors.ID(m.Id), Events: []*actors.Event{e}}
}

// Retract decides about taking a message back.
func (b *Inbox) Retract(id actors.ID, once actors.Once, t actors.Moment) Ready {
	if r, ok := b.Replayed(once, t); ok {
		return r
	}
	i := b.find(id)
	if i < 0 && !b.Rules.Gathered(id) {
		return Ready{Err: actors.ErrNotHere}
	}
	e := b.Next(actors.Kind_RETRACTED, 0, t)
	e.Ids = slices.Clone(id[:])
	if i >= 0 {
		markHidden(e, &b.entries[i], false)
	} else {
		e.State = actors.State_SCHEDULED // it is an item of a digest that nobody sees yet
	}
	once.Stamp(e)
	return Ready{ID: id, Events: []*actors.Event{e}}
}

// Mark decides about what a user did with messages.
func (b *Inbox) Mark(m *actors.Mark, once actors.Once, t actors.Moment) Ready {
	if r, ok := b.Replayed(once, t); ok {
		return r
	}
	if m.UpTo != nil && b.seq > 0 && b.foreign(*m.UpTo) {
		return Ready{Err: &actors.Error{Code: actors.Invalid, Field: "up_to", Detail: "the cursor belongs to another history of this user; fetch the counts again"}}
	}
	if m.To == actors.MarkSnoozed && m.Until <= t.Now {
		return Ready{Err: &actors.Error{Code: actors.Invalid, Field: "until", Detail: "until: it is past"}}
	}
	var r Ready
	var ids []actors.ID
	if len(m.IDs) > 0 {
		ids, r.Unknown = b.pick(m)
	} else {
		ids = b.sweep(m)
	}
	if len(ids) == 0 {
		return b.noted(r, once, t)
	}
	e := b.Next(actors.Kind_MARKED, 0, t)
	e.Rev++
	e.Ids, e.State = actors.PackIDs(ids), m.To.State()
	if m.To == actors.MarkSnoozed {
		e.Until = m.Until
	}
	once.Stamp(e)
	r.Events = []*actors.Event{e}
	return r
}

// pick returns those of m's ids that change, each once, and the unknown ones.
func (b *Inbox) pick(m *actors.Mark) (ids, unknown []actors.ID) {
	for _, id := range m.IDs {
		i := b.find(id)
		switch {
		case i < 0 || b.entries[i].State == actors.State_SCHEDULED:
			unknown = append(unknown, id)
		case m.To.Changes(b.entries[i].State, false) && b.in(&b.entries[i], m.Category, m.Tenant) && !slices.Contains(ids, id):
			ids = append(ids, id)
		}
	}
	return ids, unknown
}

// sweep returns all messages that m changes up to its cursor.
func (b *Inbox) sweep(m *actors.Mark) []actors.ID {
	var ids []actors.ID
	for i := range b.entries {
		n := &b.entries[i]
		if m.UpTo != nil && !n.isCovered(*m.UpTo) {
			continue
		}
		if m.To.Changes(n.State, true) && b.in(n, m.Category, m.Tenant) {
			ids = append(ids, n.id)
		}
	}
	return ids
}

// Due returns when the inbox next changes by itself, or earlier, where what was
// to change has gone; never, if it does not. It looks at no message: each
// request asks.
func (b *Inbox) Due(l *actors.Limits) int64 {
	next := b.nextDue
	if s := b.Sessions.DueAt(); s != 0 {
		next = min(next, s)
	}
	next = min(next, b.Rules.Due())
	if b.oldest != actors.Never {
		next = min(next, b.oldest+l.MessageAge.Milliseconds())
	}
	return next
}

// Expire decides what the time alone has changed, and what has no room any more besides
// what was broadcast.
func (b *Inbox) Expire(t actors.Moment, l *actors.Limits) Ready {
	if t.Now < b.Due(l) && !b.IsOverfull(l) {
		return Ready{}
	}
	aged := t.Now - l.MessageAge.Milliseconds()
	var expired, dropped, back, hidden, unshown []actors.ID
	var appear []*entry
	for i := range b.entries {
		n := &b.entries[i]
		switch {
		case n.expires != 0 && n.expires <= t.Now:
			if n.State == actors.State_SCHEDULED {
				hidden = append(hidden, n.id)
			} else {
				expired = append(expired, n.id)
			}
		case n.at <= aged && n.ages():
			if n.State == actors.State_SCHEDULED {
				unshown = append(unshown, n.id)
			} else {
				dropped = append(dropped, n.id)
			}
		case n.State == actors.State_SCHEDULED && n.Until <= t.Now:
			appear = append(appear, n)
		case n.State == actors.State_SNOOZED && n.Until <= t.Now:
			back = append(back, n.id)
		}
	}
	var r Ready
	rev := b.rev
	add := func(kind actors.Kind, ids []actors.ID, visible bool) *actors.Event {
		if len(ids) == 0 {
			return nil
		}
		if visible {
			rev++
		}
		e := b.Next(kind, len(r.Events), t)
		e.Rev, e.Ids = rev, actors.PackIDs(ids)
		r.Events = append(r.Events, e)
		return e
	}
	add(actors.Kind_EXPIRED, expired, true)
	if e := add(actors.Kind_EXPIRED, hidden, false); e != nil {
		e.State = actors.State_SCHEDULED
	}
	for _, id := range b.excess(slices.Concat(expired, hidden, dropped, unshown), l) {
		if b.entries[b.find(id)].State == actors.State_SCHEDULED {
			unshown = append(unshown, id)
			appear = slices.DeleteFunc(appear, func(n *entry) bool { return n.id == id })
		} else {
			dropped = append(dropped, id)
		}
	}
	add(actors.Kind_DROPPED, dropped, true)
	if e := add(actors.Kind_DROPPED, unshown, false); e != nil {
		e.State = actors.State_SCHEDULED
	}
	add(actors.Kind_MARKED, back, true)
	rev = b.releaseInto(&r, appear, slices.Concat(expired, dropped), rev, t)
	rev = b.closeDigests(&r, rev, t)
	b.expireSessions(&r, rev, t)
	return r
}

// holders returns what the scheduled message n takes the place of when it
// becomes due: the newest visible one of its collapse key that stays.
func (b *Inbox) holders(n *entry, gone []actors.ID, appear []*entry) []actors.ID {
	if n.collapse == 0 {
		return nil
	}
	// One that appears in the same moment before n is the newest holder.
	var last *entry
	for _, a := range appear {
		if a == n {
			break
		}
		if a.collapse == n.collapse {
			last = a
		}
	}
	if last != nil {
		return []actors.ID{last.id}
	}
	for i := len(b.entries) - 1; i >= 0; i-- {
		h := &b.entries[i]
		if h.collapse == n.collapse && h.State != actors.State_ARCHIVED && h.State != actors.State_SCHEDULED && !slices.Contains(gone, h.id) {
			return []actors.ID{h.id}
		}
	}
	return nil
}

// Rearm looks for the next timer and the oldest message anew, after some have
// ended.
func (b *Inbox) Rearm() {
	b.nextDue, b.oldest = actors.Never, actors.Never
	for i := range b.entries {
		b.arm(&b.entries[i])
	}
}

// markHidden lets e say whether it concerns a message that the user does not see
// yet: then it is no news to anybody, unless others had to leave for it. The
// rev rises with what is news.
func markHidden(e *actors.Event, n *entry, news bool) {
	if n.State == actors.State_SCHEDULED {
		e.State = actors.State_SCHEDULED
	} else {
		news = true
	}
	if news {
		e.Rev++
	}
}

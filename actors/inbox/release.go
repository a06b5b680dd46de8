package inbox

import (
	"encoding/binary"
	"slices"

	"reddot/actors"
	"reddot/actors/rule"
)

// What is held or scheduled is judged when it is released, all that is due at once
// together: the newest first, so that a cap leaves those that matter most, and of those
// with one collapse key the newest alone, so that nothing is spent on what nobody sees.
// The events stand in the order of time, as those of messages that no rule judges.

// A release is a message that is due.
type release struct {
	item     *entry
	decision rule.Decision
	older    []actors.ID // with its collapse key, which it takes the place of
	replaced bool        // a newer one has its collapse key
}

// releases returns what becomes of messages that are due, in the order of time, and what of
// quotas that spends.
func (b *Inbox) releases(due []*entry, now int64) (out []release, spends []rule.Quota) {
	slices.SortStableFunc(due, func(x, y *entry) int { return int(min(max(x.Until-y.Until, -1), 1)) })
	out = make([]release, len(due))
	for i, n := range due {
		out[i].item = n
	}
	if b.pending == nil && b.Rules == nil && b.Profile.Preferences() == nil {
		return out, nil
	}
	state := b.Rules.Clone()
	newest, left := map[uint64]*release{}, b.leftLess(&spends)
	for i := len(out) - 1; i >= 0; i-- {
		r := &out[i]
		p := b.pendingOf(r.item.id)
		if by := newest[r.item.collapse]; by != nil && r.item.collapse != 0 && p != nil && p.held != actors.Rule_PASSED {
			r.replaced, by.older = true, append(by.older, r.item.id)
			continue
		}
		r.decision = b.rejudge(r.item, p, state, left, now)
		spends = append(spends, r.decision.Spends...)
		if r.decision.Do == rule.Deliver {
			newest[r.item.collapse] = r
		}
		state.Apply(&actors.Event{Kind: r.kind(), At: now, Message: r.message(p), Verdict: r.decision.Verdict, Until: r.decision.Until})
	}
	return out, spends
}

// leftLess returns Left less what is spent already.
func (b *Inbox) leftLess(spent *[]rule.Quota) func(rule.Quota) (int64, bool) {
	if b.Left == nil {
		return nil
	}
	return func(q rule.Quota) (int64, bool) {
		n, known := b.Left(q)
		for _, o := range *spent {
			if o == q {
				n--
			}
		}
		return n, known
	}
}

// rejudge judges a message that is due.
func (b *Inbox) rejudge(n *entry, p *pending, state *rule.State, left func(rule.Quota) (int64, bool), now int64) rule.Decision {
	c := rule.Candidate{Left: left, Category: b.categories[n.category].name, Tenant: b.tenantOf(n), Channel: channel, Priority: n.priority, Expires: n.expires, Seed: b.lineage, Zones: b.Book.Zone}
	var policy *rule.Policy
	if p != nil {
		policy, c.Digest = p.policy, p.digest
	}
	return policy.Judge(&c, b.Profile, state, now)
}

// kind returns the kind of the event that says what becomes of the message.
func (r *release) kind() actors.Kind {
	switch r.decision.Do {
	case rule.Filter:
		return actors.Kind_FILTERED
	case rule.Hold:
		return actors.Kind_HELD
	case rule.Gather:
		return actors.Kind_DIGESTED
	}
	return actors.Kind_DUE
}

// message returns what the event says of the message; nil: ids name it.
func (r *release) message(p *pending) *actors.Message {
	switch r.decision.Do {
	case rule.Filter, rule.Gather:
		m := &actors.Message{Id: slices.Clone(r.item.id[:]), Shared: r.item.shared, Priority: r.item.priority, ExpiresAt: r.item.expires, CreatedAt: r.item.at}
		if r.decision.Do == rule.Gather && p != nil {
			m.Content, m.CollapseKey = p.excerpt, p.collapse
		}
		m.Cleared = len(m.Content) == 0
		return m
	}
	return nil
}

// releaseInto adds to r the events of what is due. rev is the last one's so far.
func (b *Inbox) releaseInto(r *Ready, due []*entry, gone []actors.ID, rev uint64, t actors.Moment) uint64 {
	list, spends := b.releases(due, t.Now)
	r.Spends = spends
	appear := make([]*entry, 0, len(list))
	for i := range list {
		if list[i].decision.Do == rule.Deliver && !list[i].replaced {
			appear = append(appear, list[i].item)
		}
	}
	for i := range list {
		l := &list[i]
		if l.replaced {
			continue
		}
		e := b.Next(l.kind(), len(r.Events), t)
		e.Verdict, e.Until, e.Message = l.decision.Verdict, l.decision.Until, l.message(b.pendingOf(l.item.id))
		if e.Message != nil {
			e.Message.Category, e.Message.Tenant = b.categories[l.item.category].name, b.tenantOf(l.item)
		} else {
			e.Ids = slices.Clone(l.item.id[:])
		}
		if e.Kind == actors.Kind_DUE {
			rev++
			e.Ids = append(e.Ids, actors.PackIDs(l.older)...)
			e.Ids = append(e.Ids, actors.PackIDs(b.holders(l.item, gone, appear))...)
		}
		e.Rev = rev
		r.Events = append(r.Events, e)
	}
	return rev
}

// closeDigests adds to r the messages that the digests become which are due, judged by what
// the app says of the user and the user prefers by now. rev is the last event's so far.
func (b *Inbox) closeDigests(r *Ready, rev uint64, t actors.Moment) uint64 {
	if b.Rules.Due() > t.Now {
		return rev
	}
	state := b.Rules.Clone()
	for i := 0; ; i++ {
		key, ok := state.Closing(t.Now)
		if !ok {
			return rev
		}
		e := b.closeDigest(state, key, digestID(t, i), len(r.Events), t)
		if e.Kind == actors.Kind_ACCEPTED && e.State != actors.State_SCHEDULED {
			rev++
		}
		e.Rev = rev
		state.Apply(e)
		r.Events = append(r.Events, e)
	}
}

// closeDigest returns the event by which a digest closes: its message comes in, waits, or is
// stopped.
func (b *Inbox) closeDigest(state *rule.State, key string, id actors.ID, n int, t actors.Moment) *actors.Event {
	d, _ := state.Close(key, t.Now)
	e := b.Next(actors.Kind_ACCEPTED, n, t)
	e.Message = &actors.Message{Id: id[:], Category: d.Category, Tenant: d.Tenant, Content: d.Content, CreatedAt: t.Now}
	c := rule.Candidate{Category: d.Category, Tenant: d.Tenant, Channel: channel, Seed: b.lineage, Zones: b.Book.Zone}
	decision := (*rule.Policy)(nil).Judge(&c, b.Profile, state, t.Now)
	e.Verdict = &actors.Verdict{}
	if decision.Verdict != nil {
		e.Verdict = decision.Verdict
	}
	switch {
	case d.Total == 0: // all items have expired
		e.Verdict = &actors.Verdict{Rule: actors.Rule_EXPIRY}
		fallthrough
	case decision.Do == rule.Filter:
		e.Kind, e.Message.Content, e.Message.Cleared = actors.Kind_FILTERED, nil, true
	case decision.Do == rule.Hold:
		e.State, e.Until = actors.State_SCHEDULED, decision.Until
	}
	e.Verdict.Gather = key
	return e
}

// digestID returns the id of the i-th digest that closes at a moment: a UUIDv7 that
// rests on nothing but the moment.
func digestID(t actors.Moment, i int) (id actors.ID) {
	binary.BigEndian.PutUint64(id[:8], uint64(t.Now)<<16|0x7000|t.Random>>52)
	binary.BigEndian.PutUint64(id[8:], t.Random+uint64(i)*0x9e3779b97f4a7c15)
	id[8] = id[8]&0x3f | 0x80
	return id
}

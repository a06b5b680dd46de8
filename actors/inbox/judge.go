package inbox

import (
	"slices"

	"reddot/actors"
	"reddot/actors/rule"
)

// The rules of a message (actors/rule) are decided and spent here, in the user's turn,
// so that no two senders slip under one cap (DESIGN.md, invariant 12). What they said is
// part of the event: a replay spends what was spent and judges nothing again.

// channel is where an inbox's messages are shown.
const channel = "inapp"

// judge returns what the rules say of a new message.
func (b *Inbox) judge(m *actors.Message, now int64) (rule.Decision, *actors.Error) {
	p, err := b.Book.Policy(m.Policy)
	if err != nil {
		return rule.Decision{}, actors.AsError(err)
	}
	if p == nil && b.isFree(m) {
		return rule.Decision{}, nil
	}
	c := b.candidate(m, p)
	return p.Judge(&c, b.Profile, b.Rules, now), nil
}

// isFree tells whether no rule but a policy's could ask for anything of the message.
func (b *Inbox) isFree(m *actors.Message) bool {
	return b.Rules == nil && m.ExpiresAt == 0 && m.Screened == nil && b.Profile.Preferences() == nil
}

// explain tells what each rule says of a new message; nil: nothing is there that any of
// them could ask for.
func (b *Inbox) explain(m *actors.Message, now int64) []rule.Stage {
	p, err := b.Book.Policy(m.Policy)
	if err != nil || p == nil && b.isFree(m) {
		return nil // an error is the publish's to tell
	}
	c := b.candidate(m, p)
	return p.Explain(&c, b.Profile, b.Rules, now)
}

func (b *Inbox) candidate(m *actors.Message, p *rule.Policy) rule.Candidate {
	c := rule.Candidate{
		Category: m.Category, Tenant: m.Tenant, Channel: channel, Priority: m.Priority, Expires: m.ExpiresAt,
		Screened: m.Screened, Seed: b.lineage, Zones: b.Book.Zone, Left: b.Left,
	}
	if p.Remembers() {
		c.Digest = rule.Digest(m)
	}
	return c
}

// unruled returns the message without what only its judgement needs.
func unruled(m *actors.Message) *actors.Message {
	if m.Policy == nil && m.Screened == nil {
		return m
	}
	c := m.Copy()
	c.Policy, c.Screened = nil, nil
	return c
}

// filtered decides that a message never comes in.
func (b *Inbox) filtered(m *actors.Message, d rule.Decision, once actors.Once, t actors.Moment) Ready {
	e := b.Next(actors.Kind_FILTERED, 0, t)
	e.Message, e.Verdict = m.Copy(), d.Verdict
	e.Message.Content, e.Message.Cleared, e.Message.Policy, e.Message.Screened = nil, true, nil, nil
	once.Stamp(e)
	return Ready{ID: actors.ID(m.Id), Events: []*actors.Event{e}, Outcome: actors.Filtered, Reason: d.Verdict.Rule.Word()}
}

// gathered decides that a message becomes an item of a digest.
func (b *Inbox) gathered(m *actors.Message, d rule.Decision, once actors.Once, t actors.Moment) Ready {
	e := b.Next(actors.Kind_DIGESTED, 0, t)
	e.Message, e.Verdict, e.Until = unruled(m), d.Verdict, d.Until
	once.Stamp(e)
	return Ready{ID: actors.ID(m.Id), Events: []*actors.Event{e}, Outcome: actors.Held, Reason: d.Verdict.Rule.Word()}
}

// A pending is what is kept of a message that waits, so that it can be judged when it is
// released: its content stays in the journal.
type pending struct {
	id       actors.ID
	policy   *rule.Policy
	digest   uint64      // of what it says, if the policy asks for it
	excerpt  []byte      // what a digest shows of it, as members of a JSON object
	collapse string      // its collapse key
	held     actors.Rule // by which rule; Rule_PASSED: it waits for its time
}

// waits takes in a message that is not shown yet.
func (b *Inbox) waits(e *actors.Event) {
	m := e.Message
	if m.Policy == nil && e.Verdict == nil {
		return
	}
	p, _ := b.Book.Policy(m.Policy) // one that does not hold any more judges nothing
	w := pending{id: actors.ID(m.Id), policy: p, collapse: m.CollapseKey, held: e.Verdict.GetRule()}
	w.note(m)
	b.pending = append(b.pending, w)
}

// note keeps what has to be known of a message's content.
func (p *pending) note(m *actors.Message) {
	if p.policy != nil {
		p.digest, p.excerpt = rule.Digest(m), rule.Excerpt(m)
	}
}

// pendingOf returns what is kept of a message that waits; nil: nothing.
func (b *Inbox) pendingOf(id actors.ID) *pending {
	for i := range b.pending {
		if b.pending[i].id == id {
			return &b.pending[i]
		}
	}
	return nil
}

func (b *Inbox) forgetPending(id actors.ID) {
	b.pending = slices.DeleteFunc(b.pending, func(p pending) bool { return p.id == id })
	if len(b.pending) == 0 {
		b.pending = nil
	}
}

// applyHeld takes in that a message waits on.
func (b *Inbox) applyHeld(e *actors.Event) {
	id := actors.ID(e.Ids)
	i := b.find(id)
	if i < 0 {
		return
	}
	n := &b.entries[i]
	n.Until = e.Until
	b.arm(n)
	p := b.pendingOf(id)
	if p == nil {
		b.pending = append(b.pending, pending{id: id})
		p = &b.pending[len(b.pending)-1]
	}
	p.held = e.Verdict.GetRule()
}

// applyRuled takes in what the rules said.
func (b *Inbox) applyRuled(e *actors.Event) {
	if b.Rules == nil {
		b.Rules = &rule.State{}
	}
	b.Rules.Apply(e)
	if b.Rules.Empty() {
		b.Rules = nil
	}
}

// applyAside takes in a message that a rule put aside, and tells whether it has waited: then
// it has no key any more.
func (b *Inbox) applyAside(e *actors.Event) (waited bool) {
	id := actors.ID(e.Message.Id)
	n, waited := b.take(id)
	if !waited {
		n.shared = e.Message.Shared
	}
	if len(e.Message.Content) > 0 {
		b.history.freed(e.Seq) // what a digest shows of it is kept with the digest
	}
	b.putAside(aside{id: id, at: e.At, shared: n.shared, rule: e.Verdict.GetRule(), gathered: e.Kind == actors.Kind_DIGESTED})
	return waited
}

// putAside takes in a message that a rule put aside.
func (b *Inbox) putAside(a aside) {
	b.pruneAsides(a.at)
	if len(b.asides) == maxAsides {
		b.dropAside()
	}
	b.asides = append(b.asides, a)
}

// An aside is a message that a rule put aside: it was stopped, or is an item of a digest.
type aside struct {
	id       actors.ID
	at       int64 // unix milliseconds
	rule     actors.Rule
	gathered bool
	shared   bool
}

// How many of them are found by their ids, and how long (milliseconds).
const (
	maxAsides = 256
	asideAge  = 30 * 24 * 60 * 60 * 1000
)

// pruneAsides forgets those that are too old.
func (b *Inbox) pruneAsides(now int64) {
	for len(b.asides) > 0 && b.asides[0].at < now-asideAge {
		b.dropAside()
	}
}

// dropAside forgets the oldest one.
func (b *Inbox) dropAside() {
	if a := b.asides[0]; !a.shared {
		b.history.disowned = append(b.history.disowned, a.id)
	}
	if b.asides = b.asides[1:]; len(b.asides) == 0 {
		b.asides = nil
	}
}

// Aside returns why a message is not in the inbox; false: no rule put it aside, or it is
// too long ago.
func (b *Inbox) Aside(id actors.ID) (r actors.Rule, gathered, ok bool) {
	for i := len(b.asides) - 1; i >= 0; i-- {
		if a := &b.asides[i]; a.id == id {
			return a.rule, a.gathered, true
		}
	}
	return 0, false, false
}

package inbox

import (
	"bytes"
	"fmt"

	"reddot/actors"
	"reddot/actors/rule"
)

// storeRules puts into a snapshot what the rules have to know.
func (b *Inbox) storeRules(s *actors.Snapshot) {
	s.Rules = b.Rules.Stored()
	for i := range b.pending {
		p := &b.pending[i]
		s.Pending = append(s.Pending, &actors.Pending{Id: p.id[:], Policy: storePolicy(s, p.policy), Digest: p.digest, Excerpt: p.excerpt, CollapseKey: p.collapse, Held: p.held})
	}
	for i := range b.asides {
		a := &b.asides[i]
		s.Asides = append(s.Asides, &actors.PutAside{Id: a.id[:], At: a.at, Rule: a.rule, Gathered: a.gathered, Shared: a.shared})
	}
}

// storePolicy returns where a policy stands in a snapshot, as Pending has it. Each stands
// there once, though there may be several of it in memory.
func storePolicy(s *actors.Snapshot, p *rule.Policy) uint32 {
	if p == nil {
		return 0
	}
	of := p.Source()
	for i, o := range s.Policies {
		if o.Version == of.Version && o.Name == of.Name && bytes.Equal(o.Body, of.Body) {
			return uint32(i + 1)
		}
	}
	s.Policies = append(s.Policies, of)
	return uint32(len(s.Policies))
}

// restoreRules takes them out of one.
func (b *Inbox) restoreRules(s *actors.Snapshot) error {
	b.Rules = rule.Restored(s.Rules)
	policies := make([]*rule.Policy, len(s.Policies)+1)
	for i, source := range s.Policies {
		policies[i+1], _ = b.Book.Policy(source) // one that does not hold any more judges nothing
	}
	for _, p := range s.Pending {
		if len(p.Id) != 16 || int(p.Policy) >= len(policies) {
			return fmt.Errorf("a message that waits is damaged")
		}
		b.pending = append(b.pending, pending{id: actors.ID(p.Id), policy: policies[p.Policy], digest: p.Digest, excerpt: p.Excerpt, collapse: p.CollapseKey, held: p.Held})
	}
	for _, a := range s.Asides {
		if len(a.Id) != 16 {
			return fmt.Errorf("a message that was put aside is damaged")
		}
		b.asides = append(b.asides, aside{id: actors.ID(a.Id), at: a.At, rule: a.Rule, gathered: a.Gathered, shared: a.Shared})
	}
	return nil
}

// rulesSize is about how many bytes of a snapshot they take.
func (b *Inbox) rulesSize() int {
	n := b.Rules.Size() + len(b.asides)*32
	for i := range b.pending {
		n += 48 + len(b.pending[i].excerpt) + len(b.pending[i].collapse)
	}
	return n
}

// SetStanding decides about what the app says of the user.
func (b *Inbox) SetStanding(c *actors.SetStanding, once actors.Once, t actors.Moment) Ready {
	if r, ok := b.Replayed(once, t); ok {
		return r
	}
	changed, err := b.Rules.Stand(c.Standing, t.Now)
	switch {
	case err != nil:
		return Ready{Err: err}
	case changed == nil:
		return b.noted(Ready{}, once, t)
	}
	e := b.Next(actors.Kind_STANDING, 0, t)
	e.Standing = changed
	once.Stamp(e)
	return Ready{Events: []*actors.Event{e}}
}

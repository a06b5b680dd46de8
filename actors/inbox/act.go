package inbox

import (
	"slices"

	"reddot/actors"
)

// Act decides about a user's answer to a message, whose content is m. Who answers has read it.
func (b *Inbox) Act(m *actors.Message, c *actors.Act, once actors.Once, t actors.Moment) Ready {
	if r, ok := b.Replayed(once, t); ok {
		return r
	}
	i := b.find(c.ID)
	if i < 0 || b.entries[i].State == actors.State_SCHEDULED {
		return Ready{Err: actors.ErrNotHere}
	}
	n := &b.entries[i]
	if n.acted != 0 {
		return Ready{Err: b.answers[n.acted].Won()}
	}
	if err := c.Check(m); err != nil {
		return Ready{Err: err}
	}
	e := b.Next(actors.Kind_ACTED, 0, t)
	e.Rev++
	e.Ids, e.State = slices.Clone(c.ID[:]), n.State
	if actors.MarkRead.Changes(n.State, false) {
		e.State = actors.State_READ
	}
	e.Acted = &actors.Acted{Action: c.Action, Reply: c.Reply, At: t.Now}
	once.Stamp(e)
	return Ready{ID: c.ID, Events: []*actors.Event{e}}
}

func (b *Inbox) applyActed(e *actors.Event) {
	id := actors.ID(e.Ids)
	b.applyMarked(id, e)
	if i := b.find(id); i >= 0 {
		a := e.Acted
		b.answer(&b.entries[i], &actors.Acted{Action: a.Action, Reply: a.Reply, At: a.At, Seq: e.Seq})
	}
}

// answer notes how the user answered a message.
func (b *Inbox) answer(n *entry, a *actors.Acted) {
	if b.answers == nil {
		b.answers = make(map[uint64]*actors.Acted)
	}
	n.acted, b.answers[a.Seq] = a.Seq, a
}

// IsActed tells whether the user has answered the message.
func (n *Item) IsActed() bool { return n.acted != nil }

// Shown returns the message as it is shown, with a content.
func (n *Item) Shown(m *actors.Message) actors.Shown {
	return actors.Shown{Message: m, State: n.State, Until: n.Until, Acted: n.acted}
}

// ShownIn returns the message that e carries as it is shown now.
func (b *Inbox) ShownIn(e *actors.Event) actors.Shown {
	if e.Message != nil {
		if i := b.find(actors.ID(e.Message.Id)); i >= 0 {
			n := &b.entries[i]
			return actors.Shown{Message: e.Message, State: n.State, Until: n.Until, Acted: b.answers[n.acted]}
		}
	}
	return actors.Shown{Message: e.Message, State: e.State}
}

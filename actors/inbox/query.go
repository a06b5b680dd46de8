package inbox

import "reddot/actors"

// Find returns a message; false: it is not here.
func (b *Inbox) Find(id actors.ID) (Item, bool) {
	if i := b.find(id); i >= 0 {
		return b.copied(&b.entries[i]), true
	}
	return Item{}, false
}

// An Item is a message as who is outside gets it: a copy.
type Item struct {
	entry
	held  actors.Rule
	acted *actors.Acted
}

// copied returns a copy of a message.
func (b *Inbox) copied(n *entry) Item {
	return Item{entry: *n, held: b.heldBy(n), acted: b.answers[n.acted]}
}

// heldBy returns the rule that holds a message; PASSED: none does.
func (b *Inbox) heldBy(n *entry) actors.Rule {
	if n.State == actors.State_SCHEDULED {
		if p := b.pendingOf(n.id); p != nil {
			return p.held
		}
	}
	return actors.Rule_PASSED
}

// Held returns the rule that holds the message, as one that was asked for; PASSED: none does.
func (n *Item) Held() actors.Rule { return n.held }

// At returns the message with a Handle; nil: it is not here.
func (b *Inbox) At(handle uint64) *Item {
	for i := range b.entries {
		if n := &b.entries[i]; n.Handle() == handle {
			c := b.copied(n)
			return &c
		}
	}
	return nil
}

// CursorOf returns the cursor of a client that has seen everything up to a message.
func (b *Inbox) CursorOf(n *Item) actors.Cursor {
	c := actors.Cursor{Lineage: b.CursorLineage(), Seq: n.Seq}
	for i := range b.entries {
		if o := &b.entries[i]; o.isBefore(n.Place()) || o.id == n.id {
			c.Pos = max(c.Pos, o.Pos)
		}
	}
	return c
}

// A Place says where a message stands among those of its inbox: behind an event, and there
// in the order of the broadcast log.
type Place struct{ Seq, Pos uint64 }

// Here returns how far the inbox has taken in its journal and the broadcast log.
func (b *Inbox) Here() Place { return Place{b.seq, b.pos} }

// Place returns where the message stands.
func (n *entry) Place() Place { return Place{n.Seq, n.Pos} }

// isBefore tells whether the message stands before a place.
func (n *entry) isBefore(p Place) bool { return n.Seq < p.Seq || n.Seq == p.Seq && n.Pos < p.Pos }

// List returns up to limit messages from before a place, the newest first, in states
// that match, of a category and of a tenant; "" is any. more says that there are further ones.
func (b *Inbox) List(match func(s actors.State, held bool) bool, category, tenant string, before Place, limit int) (found []Item, more bool) {
	for i := len(b.entries) - 1; i >= 0; i-- {
		n := &b.entries[i]
		if !n.isBefore(before) || !match(n.State, b.heldBy(n) != actors.Rule_PASSED) || !b.in(n, category, tenant) {
			continue
		}
		if len(found) == limit {
			return found, true
		}
		found = append(found, b.copied(n))
	}
	return found, false
}

package inbox

import "reddot/actors"

// Find returns a message; false: it is not here.
func (b *Inbox) Find(id actors.ID) (Item, bool) {
	if i := b.find(id); i >= 0 {
		return b.entries[i], true
	}
	return Item{}, false
}

// At returns the message that the event with this seq made visible; nil: it is not
// here.
func (b *Inbox) At(seq uint64) *Item {
	for i := range b.entries {
		if n := b.entries[i]; n.Seq == seq {
			return &n
		}
	}
	return nil
}

// List returns up to limit messages from before an event, the newest first, in states
// that match and in a category; "" is any. more says that there are further ones.
func (b *Inbox) List(match func(actors.State) bool, category string, before uint64, limit int) (found []Item, more bool) {
	for i := len(b.entries) - 1; i >= 0; i-- {
		n := &b.entries[i]
		if n.Seq >= before || !match(n.State) || !b.in(n, category) {
			continue
		}
		if len(found) == limit {
			return found, true
		}
		found = append(found, *n)
	}
	return found, false
}

// WasDelivered tells whether a message was written to a connection of the user.
func (b *Inbox) WasDelivered(n *Item) bool {
	return n.Seq <= b.deliveredUpTo && n.State != actors.State_SCHEDULED
}

package inbox

import (
	"reddot/actors"
)

// Erasing a user. What is left at once is a mark: where the journal goes on, another
// lineage, and the idempotency keys, so that no write from before is done twice. The
// mark leaves too, and the user's name with it, once no key is needed any more.

// Erase decides to erase all that there is. An inbox to which nothing has happened
// has nothing.
func (b *Inbox) Erase(once actors.Once, t actors.Moment) Ready {
	if r, ok := b.Replayed(once, t); ok {
		return r
	}
	if b.seq == 0 {
		return Ready{}
	}
	e := b.Next(actors.Kind_ERASED, 0, t)
	e.Rev++
	for e.Lineage = max(t.Random, 1); e.Lineage == b.lineage; {
		e.Lineage++
	}
	once.Stamp(e)
	return Ready{Events: []*actors.Event{e}}
}

// Erased returns the inbox as it is after an event of Erase, which encoded holds,
// and the write that makes it so. b is not changed.
func (b *Inbox) Erased(e *actors.Event, encoded []byte, l *actors.Limits) (*Inbox, actors.Write, error) {
	n := &Inbox{}
	*n = *b
	n.keys = b.keys.clone()
	if err := n.Apply(e); err != nil {
		return nil, actors.Write{}, err
	}
	h := &n.history
	h.bytes, h.first, h.latest = uint64(len(encoded)), 0, 0
	h.milestones = []milestone{{n.seq, h.bytes, e.At}}
	w := actors.Write{
		After: b.seq, Events: [][]byte{encoded}, Snapshot: n.snapshot(), Forget: n.seq, Disown: b.owned(),
		Delete: []actors.Range{{First: 1, Last: b.seq}},
	}
	w.WakeBy(n.SweepDue(l))
	return n, w, nil
}

// applyErased forgets all but the keys.
func (b *Inbox) applyErased(e *actors.Event) {
	n := New()
	n.Origin, n.Book, n.seq, n.keys = b.Origin, b.Book, b.seq, b.keys
	n.history.floor = b.seq
	n.erasedAt, n.deliveredUpTo = e.At, e.Seq // whoever is connected starts anew
	*b = *n
}

// owned returns the messages that this inbox answers for.
func (b *Inbox) owned() []actors.ID {
	ids := b.history.disowned
	for i := range b.entries {
		if n := &b.entries[i]; !n.shared {
			ids = append(ids, n.id)
		}
	}
	for i := range b.asides {
		if a := &b.asides[i]; !a.shared {
			ids = append(ids, a.id)
		}
	}
	return ids
}

// forgetAt returns from when the mark of an erased user is needed no more.
func (b *Inbox) forgetAt() int64 {
	at := b.erasedAt
	if n := len(b.keys.order); n > 0 {
		at = max(at, b.keys.order[n-1].at)
	}
	return at + actors.CallerKeyAge
}

// Forgettable tells whether nothing is left but the mark of an erased user, which
// nobody needs any more.
func (b *Inbox) Forgettable(now int64) bool { return b.erasedAt != 0 && now > b.forgetAt() }

// Forget returns the write that leaves nothing.
func (b *Inbox) Forget() actors.Write {
	return actors.Write{After: b.seq, Delete: []actors.Range{{First: 1, Last: b.seq}}, Forget: b.seq + 1}
}

package actors

// Beside adds to w what the store keeps beside the event: who answers for a
// message, the wake-up (w.Wake.New, the earliest that is needed) and funnels.
// The event is not applied yet.
func (b *Inbox) Beside(w *Write, e *Event, l *Limits) {
	switch e.Kind {
	case Kind_ACCEPTED:
		m := e.Message
		if !m.Shared {
			w.Own = append(w.Own, ID(m.Id))
		} else {
			w.Tally = append(w.Tally, Tally{ID(m.Id), TallyAccepted, 1})
		}
		w.WakeBy(m.ExpiresAt)
		w.WakeBy(e.Until)
		if len(b.Entries) == 0 {
			w.WakeBy(e.At + l.MessageAge.Milliseconds())
		}
	case Kind_SESSION:
		c := e.Session
		if c.Closed || c.Yields {
			w.WakeBy(c.WillAt)
		}
		if c.Closed {
			w.WakeBy(e.At + c.Expiry)
		}
	case Kind_EDITED:
		w.WakeBy(e.Message.ExpiresAt)
	case Kind_MARKED:
		w.WakeBy(e.Until)
		eachID(e.Ids, func(id ID) { b.tallyMark(w, id, e.State) })
	case Kind_DELIVERED:
		for i := len(b.Entries) - 1; i >= 0 && b.Entries[i].Seq > b.DeliveredUpTo; i-- {
			if n := &b.Entries[i]; n.shared && n.Seq <= e.Upto && n.State != State_SCHEDULED {
				w.Tally = append(w.Tally, Tally{n.id, TallyDelivered, 1})
			}
		}
	}
}

// tallyMark counts who has seen and who has read a shared message, each once.
func (b *Inbox) tallyMark(w *Write, id ID, to State) {
	i := b.Find(id)
	if i < 0 || !b.Entries[i].shared {
		return
	}
	n := &b.Entries[i]
	if to.wasSeen() && !n.WasSeen {
		w.Tally = append(w.Tally, Tally{id, TallySeen, 1})
	}
	if to == State_READ && !n.WasRead {
		w.Tally = append(w.Tally, Tally{id, TallyRead, 1})
	}
}

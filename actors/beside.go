package actors

// beside adds to w what the store keeps beside the event: who answers for a
// message, the wake-up (w.Wake.New, the earliest that is needed) and funnels.
// The event is not applied yet.
func (b *Inbox) beside(w *Write, e *Event, l *Limits) {
	switch e.Kind {
	case Kind_ACCEPTED:
		m := e.Message
		if !m.Shared {
			w.Own = append(w.Own, ID(m.Id))
		} else {
			w.Tally = append(w.Tally, Tally{ID(m.Id), TallyAccepted, 1})
		}
		w.wakeBy(m.ExpiresAt)
		w.wakeBy(e.Until)
		if len(b.entries) == 0 {
			w.wakeBy(e.At + l.MessageAge.Milliseconds())
		}
	case Kind_SESSION:
		c := e.Session
		if c.Closed || c.Yields {
			w.wakeBy(c.WillAt)
		}
		if c.Closed {
			w.wakeBy(e.At + c.Expiry)
		}
	case Kind_EDITED:
		w.wakeBy(e.Message.ExpiresAt)
	case Kind_MARKED:
		w.wakeBy(e.Until)
		eachID(e.Ids, func(id ID) { b.tallyMark(w, id, e.State) })
	case Kind_DELIVERED:
		for i := len(b.entries) - 1; i >= 0 && b.entries[i].seq > b.delivered; i-- {
			if n := &b.entries[i]; n.shared && n.seq <= e.Upto && n.state != State_SCHEDULED {
				w.Tally = append(w.Tally, Tally{n.id, TallyDelivered, 1})
			}
		}
	}
}

// wakeBy lets the wake-up be no later than at; 0 and never mean that none is
// needed.
func (w *Write) wakeBy(at int64) {
	if at != 0 && at != never && (w.Wake.New == 0 || at < w.Wake.New) {
		w.Wake.New = at
	}
}

// tallyMark counts who has seen and who has read a shared message, each once.
func (b *Inbox) tallyMark(w *Write, id ID, to State) {
	i := b.find(id)
	if i < 0 || !b.entries[i].shared {
		return
	}
	n := &b.entries[i]
	if to.wasSeen() && !n.wasSeen {
		w.Tally = append(w.Tally, Tally{id, TallySeen, 1})
	}
	if to == State_READ && !n.wasRead {
		w.Tally = append(w.Tally, Tally{id, TallyRead, 1})
	}
}

// wasSeen tells whether a message in this state has been seen.
func (s State) wasSeen() bool { return s == State_SEEN || s == State_READ }

package inbox

import (
	"reddot/actors"
	"reddot/actors/profile"
)

// Annotate adds to w what the store keeps beside the event: who answers for a
// message, the wake-up (w.Wake.New, the earliest that is needed), funnels, and the
// user's rows of the index. The event is not applied yet.
func (b *Inbox) Annotate(w *actors.Write, e *actors.Event, l *actors.Limits) {
	if b.appears(e) {
		w.Index = append(w.Index, profile.NewIndexRow(w.Stream.Key))
	}
	switch e.Kind {
	case actors.Kind_PROFILE:
		w.Index = append(w.Index, b.Profile.IndexChange(w.Stream.Key, e.Profile)...)
	case actors.Kind_ACCEPTED:
		m := e.Message
		if !m.Shared {
			w.Own = append(w.Own, actors.ID(m.Id))
		} else {
			w.Tally = append(w.Tally, actors.Tally{ID: actors.ID(m.Id), Kind: actors.TallyAccepted, N: 1})
		}
		w.WakeBy(m.ExpiresAt)
		w.WakeBy(e.Until)
		if len(b.entries) == 0 {
			w.WakeBy(e.At + l.MessageAge.Milliseconds())
		}
	case actors.Kind_FILTERED, actors.Kind_DIGESTED:
		b.annotateAside(w, e)
	case actors.Kind_HELD:
		w.WakeBy(e.Until)
	case actors.Kind_SESSION:
		c := e.Session
		if c.Closed || c.Yields {
			w.WakeBy(c.WillAt)
		}
		if c.Closed {
			w.WakeBy(e.At + c.Expiry)
		}
	case actors.Kind_EDITED:
		w.WakeBy(e.Message.ExpiresAt)
	case actors.Kind_MARKED:
		w.WakeBy(e.Until)
		actors.EachID(e.Ids, func(id actors.ID) { b.tallyMark(w, id, e.State) })
	case actors.Kind_ACTED:
		id := actors.ID(e.Ids)
		b.tallyMark(w, id, e.State)
		if i := b.find(id); i >= 0 && b.entries[i].shared {
			w.Tally = append(w.Tally, actors.Tally{ID: id, Kind: actors.TallyActed, N: 1})
		}
	case actors.Kind_DELIVERED:
		for i := len(b.entries) - 1; i >= 0 && b.entries[i].Seq > b.deliveredUpTo; i-- {
			if n := &b.entries[i]; n.shared && n.Pos == 0 && n.Seq <= e.Upto && n.State != actors.State_SCHEDULED {
				w.Tally = append(w.Tally, actors.Tally{ID: n.id, Kind: actors.TallyDelivered, N: 1})
			}
		}
	}
}

// annotateAside adds what the store keeps beside the event of a message that a rule puts
// aside.
func (b *Inbox) annotateAside(w *actors.Write, e *actors.Event) {
	id, shared := actors.ID(e.Message.Id), e.Message.Shared
	switch _, waited := b.Find(id); {
	case shared && e.Kind == actors.Kind_FILTERED:
		w.Tally = append(w.Tally, actors.Tally{ID: id, Kind: actors.TallyFiltered, N: 1})
	case !shared && !waited:
		w.Own = append(w.Own, id)
	}
	w.WakeBy(e.Until)
}

// IndexRows returns all that the index is to have of the user.
func (b *Inbox) IndexRows(user actors.Key) []actors.IndexRow {
	if b.seq == 0 || b.erasedAt != 0 {
		return nil
	}
	return b.Profile.IndexRows(user)
}

// appears tells whether the user is one from this event on.
func (b *Inbox) appears(e *actors.Event) bool {
	return b.seq == 0 && e.Seq == 1 || b.erasedAt != 0 && revives(e)
}

// tallyMark counts who has seen and who has read a shared message, each once.
func (b *Inbox) tallyMark(w *actors.Write, id actors.ID, to actors.State) {
	i := b.find(id)
	if i < 0 || !b.entries[i].shared {
		return
	}
	n := &b.entries[i]
	if to.WasSeen() && !n.WasSeen {
		w.Tally = append(w.Tally, actors.Tally{ID: id, Kind: actors.TallySeen, N: 1})
	}
	if to == actors.State_READ && !n.WasRead {
		w.Tally = append(w.Tally, actors.Tally{ID: id, Kind: actors.TallyRead, N: 1})
	}
}

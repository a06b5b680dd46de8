package inbox

import "reddot/actors"

// What was written to connections. Of the user's own messages the journal says it, and counts
// each in the same commit. Of broadcasts the node counts it (actors.Funnels), and the journal
// keeps only up to where it was counted, so that another device does not count again.

// Delivered decides about a connection's mark: up to seq all was written, and what was
// broadcast up to pos was counted. It is news if either has moved.
func (b *Inbox) Delivered(seq, pos uint64, transport string, t actors.Moment) Ready {
	if seq = min(seq, b.seq); seq <= b.deliveredUpTo && pos <= b.deliveredPos || b.seq == 0 {
		return Ready{}
	}
	e := b.Next(actors.Kind_DELIVERED, 0, t)
	e.Upto, e.UptoPos, e.Transport = max(seq, b.deliveredUpTo), max(pos, b.deliveredPos), transport
	return Ready{Events: []*actors.Event{e}}
}

// IsNews tells whether a mark up to seq says anything new.
func (b *Inbox) IsNews(seq uint64) bool { return min(seq, b.seq) > b.deliveredUpTo }

// DeliveredPos returns up to which position broadcasts were counted as written.
func (b *Inbox) DeliveredPos() uint64 { return b.deliveredPos }

// WasDelivered tells whether a message was written to a connection of the user.
func (b *Inbox) WasDelivered(n *Item) bool {
	return n.Seq <= b.deliveredUpTo && n.State != actors.State_SCHEDULED
}

// Broadcasts returns the messages in the inbox that a span of the log made visible.
func (b *Inbox) Broadcasts(s actors.Span) (ids []actors.ID) {
	for i := len(b.entries) - 1; i >= 0; i-- {
		if n := &b.entries[i]; n.Pos > s.After && n.Pos <= s.Upto && n.State != actors.State_SCHEDULED {
			ids = append(ids, n.id)
		}
	}
	return ids
}

// Broadcasts returns the messages that a span of the log made visible to the user. False: it
// begins before the user dozed, and messages of then may be among them, or a policy judged
// one of them by what was spent then.
func (o *Outline) Broadcasts(log *actors.Log, s actors.Span) (ids []actors.ID, ok bool) {
	if s.After < o.beganShown {
		return nil, false
	}
	b := Inbox{Profile: o.profile, Rules: o.rules, erasedAt: o.erased}
	for _, e := range log.Between(max(s.After, o.began), min(s.Upto, o.pos)) {
		if e.Message.GetPolicy() != nil {
			return nil, false
		}
		if (e.Kind == actors.LogKind_LOG_PUBLISHED || e.Kind == actors.LogKind_LOG_DUE) && b.Concerns(e) {
			ids = append(ids, e.Concerns())
		}
	}
	return ids, true
}

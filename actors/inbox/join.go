package inbox

import "reddot/actors"

// A user joins with its first event, and one who was erased with the first that brings it
// back. What was broadcast before is not for it, but for entries that admit newcomers: the event
// says where the log stood, and its position is the one behind which there are such. They
// are merged next, and judged by what is known of the user then: what the event says of it
// included.

// IsNew tells whether the next event may let the user join.
func (b *Inbox) IsNew() bool { return b.seq == 0 || b.erasedAt != 0 }

// BeginAt lets an inbox without events begin at a position of the log.
func (b *Inbox) BeginAt(pos uint64) {
	if b.seq == 0 {
		b.pos = pos
	}
}

// Open says which is the first entry for a user who joins now; 0: there is none.
func (b *Inbox) Open(first uint64) { b.open = first }

// joins tells whether the user joins with an event of a kind, and there may be something for it.
func (b *Inbox) joins(kind actors.Kind) bool {
	if b.open == 0 || b.open > b.pos {
		return false
	}
	return b.seq == 0 || b.erasedAt != 0 && revives(&actors.Event{Kind: kind})
}

// Birth decides about the event that makes a user known to whom something was
// broadcast: its position would be lost otherwise.
func (b *Inbox) Birth(t actors.Moment) *actors.Event { return b.Next(actors.Kind_NOTED, 0, t) }

// IsJoining tells whether entries are still to be merged that the user found when it joined.
func (b *Inbox) IsJoining() bool { return b.joined != 0 }

// Ahead returns the entries of a log up to a position that are to be merged.
func (b *Inbox) Ahead(log *actors.Log, pos uint64) []*actors.KnownEntry {
	if !b.IsJoining() {
		return log.Between(b.pos, pos)
	}
	list := log.Open(b.pos, b.joined)
	for len(list) > 0 && list[len(list)-1].Pos > pos {
		list = list[:len(list)-1]
	}
	return append(list, log.Between(b.joined, pos)...)
}

// precedes tells whether the inbox stands before an entry.
func (b *Inbox) precedes(e *actors.KnownEntry) bool {
	if b.IsJoining() {
		return e.Pos > b.pos && e.Pos <= b.joined+1
	}
	return e.Pos == b.pos+1
}

// isOutdone tells whether a message of the user's own, which is newer, has the place that an
// entry from before the user joined would take.
func (b *Inbox) isOutdone(e *actors.KnownEntry) bool {
	if e.Pos > b.joined {
		return false
	}
	id := b.holder(e.Message)
	if len(id) == 0 {
		return false
	}
	return b.entries[b.find(actors.ID(id))].Pos == 0
}

// AsNewcomer returns the inbox as it would be if the user joined now without saying anything
// of itself; nil: as it is.
func (b *Inbox) AsNewcomer(log *actors.Log) *Inbox {
	if b.seq != 0 || b.open == 0 || b.open > b.pos {
		return nil
	}
	n := New()
	n.Book = b.Book
	n.Origin, n.pos, n.joined = b.Origin, b.open-1, b.pos
	for _, e := range n.Ahead(log, b.pos) {
		n.Merge(e)
	}
	n.SkipTo(b.pos)
	if n.rev == 0 {
		return nil
	}
	return n
}

package inbox

import (
	"cmp"
	"slices"

	"reddot/actors"
)

// history is what an inbox knows of its own journal: how much of it there is,
// and what of it nobody needs any more (retention.go).
type history struct {
	floor      uint64 // events at or below it are gone, but for contents still held
	bytes      uint64 // journaled so far
	milestones []milestone
	garbage    []uint64    // events at or below floor whose content was freed since the last snapshot
	stale      []uint64    // events above floor whose content was freed and is still in them
	disowned   []actors.ID // messages that left since the last snapshot
	old        bool        // what nobody needs any more is in older snapshots

	first, latest int64 // when the events since the newest milestone happened (unix milliseconds); 0: there are none
	since         int64 // when the first of what is to be erased was freed; 0: there is nothing
}

// milestone remembers where the journal stood at a snapshot.
type milestone struct {
	Seq, bytes uint64
	at         int64 // unix milliseconds; no event up to seq is younger
}

// freed notes that the content in the event seq is no longer held.
func (h *history) freed(seq uint64) {
	if seq <= h.floor {
		h.garbage = append(h.garbage, seq)
	} else {
		h.stale = append(doubled(h.stale), seq)
	}
}

// superseded notes that what the event seq says is no longer needed, nor is it in
// snapshots: a will, or something of a profile.
func (h *history) superseded(seq uint64) {
	h.old = true
	if seq > h.floor {
		h.stale = append(h.stale, seq)
	}
}

// note takes in when an event happened.
func (h *history) note(at int64) {
	if h.first == 0 {
		h.first = at
	}
	h.latest = at
	h.noteFreed(at)
}

// noteFreed takes in when something may have become superfluous.
func (h *history) noteFreed(at int64) {
	if h.since == 0 && (h.old || len(h.garbage)+len(h.stale)+len(h.disowned) > 0) {
		h.since = at
	}
}

// last returns the newest milestone.
func (h *history) last() milestone {
	if len(h.milestones) == 0 {
		return milestone{}
	}
	return h.milestones[len(h.milestones)-1]
}

// SinceSnapshot returns how many events the journal has since the newest snapshot.
func (b *Inbox) SinceSnapshot() uint64 { return b.seq - b.history.last().Seq }

// Stale returns the seqs of the events with contents that nobody needs any more.
func (b *Inbox) Stale() []uint64 { return slices.Clone(b.history.stale) }

// Wrote takes in that a write of events was handed to the journal.
func (b *Inbox) Wrote(w *actors.Write) {
	for _, e := range w.Events {
		b.history.bytes += uint64(len(e))
	}
}

// SnapshotDue tells whether the journal since the last snapshot is long enough
// for another: half of what is retained, and no less than the snapshot itself
// so that snapshots at most double what is written.
func (b *Inbox) SnapshotDue(l *actors.Limits) bool {
	last := b.history.last()
	grown := b.history.bytes - last.bytes
	if b.seq-last.Seq < uint64(l.RetainEvents/2) && grown < uint64(l.RetainBytes/2) {
		return false
	}
	return grown >= uint64(len(b.entries)*entrySize+len(b.keys.edge)*24+len(b.keys.order)*64+b.Profile.Size()+b.rulesSize())
}

// entrySize is about what an entry takes in a snapshot.
const entrySize = 56

// Checkpoint returns the write that keeps the state as it is now and deletes
// what it makes superfluous. cleared are events in place of stale ones, whose
// contents are not in them any more; those of seqs that are no longer stale are
// passed over. It changes nothing but the history, which undo brings back if the write
// is refused, and forgets keys of which no use is made any more.
func (b *Inbox) Checkpoint(now int64, l *actors.Limits, cleared []actors.Rewrite) (w actors.Write, undo func()) {
	b.pruneAsides(now)
	before := b.history
	h := &b.history
	old := h.floor
	if b.seq > max(h.last().Seq, h.floor) {
		h.milestones = append(h.milestones, milestone{b.seq, h.bytes, max(h.first+l.EraseStep(), h.latest)})
	}
	for len(h.milestones) > 0 {
		s := h.milestones[0]
		if b.seq-s.Seq < uint64(l.RetainEvents) && h.bytes-s.bytes < uint64(l.RetainBytes) && now-s.at < l.RetainAge.Milliseconds() {
			break
		}
		h.floor = s.Seq
		if len(h.milestones) == 1 {
			break // it says where the newest snapshot is
		}
		h.milestones = h.milestones[1:]
	}
	w = actors.Write{After: b.seq, Delete: b.deletions(old), Disown: h.disowned, Forget: h.floor}
	if h.old {
		w.Forget = b.seq
	}
	h.garbage, h.disowned, h.old, h.first, h.latest = nil, nil, false, 0, 0
	w.Rewrite = h.clear(cleared)
	b.keys.prune(now)
	w.Snapshot = b.snapshot()
	return w, func() { b.history = before }
}

// clear takes those that the floor has passed, and those that are cleared, from
// the stale ones, and returns what is to be written in their place. cleared is
// in the order of seqs.
func (h *history) clear(cleared []actors.Rewrite) (list []actors.Rewrite) {
	var stale []uint64
	for _, seq := range h.stale {
		i, ok := slices.BinarySearchFunc(cleared, seq, func(r actors.Rewrite, seq uint64) int { return cmp.Compare(r.Seq, seq) })
		switch {
		case seq <= h.floor:
		case !ok:
			stale = append(stale, seq)
		case len(cleared[i].Event) > 0:
			list = append(list, cleared[i])
		}
	}
	if h.stale = stale; len(stale) == 0 {
		h.since = 0
	}
	return list
}

// deletions returns the runs of events that may go now: those between the old
// floor and the new one that hold no content of a present message, and those
// below whose message has left.
func (b *Inbox) deletions(old uint64) []actors.Range {
	h := &b.history
	var out []actors.Range
	slices.Sort(h.garbage)
	for _, seq := range h.garbage {
		out = actors.ExtendRanges(out, actors.Range{First: seq, Last: seq})
	}
	if h.floor == old {
		return out
	}
	var held []uint64
	for i := range b.entries {
		if s := b.entries[i].Body; !b.entries[i].logged && s > old && s <= h.floor {
			held = append(held, s)
		}
	}
	for s := range b.Sessions.Events() {
		if s > old && s <= h.floor {
			held = append(held, s)
		}
	}
	slices.Sort(held)
	next := old + 1
	for _, s := range held {
		if s > next {
			out = actors.ExtendRanges(out, actors.Range{First: next, Last: s - 1})
		}
		next = s + 1
	}
	if next <= h.floor {
		out = actors.ExtendRanges(out, actors.Range{First: next, Last: h.floor})
	}
	return out
}

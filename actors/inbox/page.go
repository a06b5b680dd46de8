package inbox

import (
	"context"

	"reddot/actors"
)

// Replay: what a client missed, in pages from the journal and the broadcast log. A
// page is made outside the actor, from copies of what the actor knew in its turn.

// page is a replay under way.
type page struct {
	Key       actors.Key
	from, to  actors.Cursor // the span that it may cover; to moves back where it ends sooner
	head      actors.Cursor // where the user stood
	here      Place         // how far it had taken in its journal and the log
	counts    []byte
	items     []Item // the messages that became visible or were edited in the span
	entries   []*actors.KnownEntry
	displaced []displacement // in the span, oldest first
	journal   actors.Journal
	events    []actors.PushEvent
	bytes     int
	limit     int
}

// Page returns the page after a cursor that the journal reaches back to.
func (b *Inbox) Page(key actors.Key, j actors.Journal, log *actors.Log, after actors.Cursor, limit int) *page {
	p := &page{
		Key: key, from: after, to: b.Cursor(), head: b.Cursor(), here: b.Here(),
		counts: b.AppendCounts(nil), journal: j, limit: limit, entries: log.Between(after.Pos, b.pos),
	}
	p.to.Pos = after.Pos
	for _, d := range b.displaced {
		if d.pos > after.Pos {
			p.displaced = append(p.displaced, d)
		}
	}
	p.to.Seq = max(after.Seq, min(p.head.Seq, after.Seq+pageSpan))
	for i := range b.entries {
		n := &b.entries[i]
		switch {
		case n.logged && n.State == actors.State_SCHEDULED: // nobody sees it yet
		case n.Pos > after.Pos, n.logged && n.Body > after.Pos,
			n.Pos == 0 && within(n.Seq, after.Seq, p.to.Seq), !n.logged && within(n.Body, after.Seq, p.to.Seq),
			within(n.acted, after.Seq, p.to.Seq):
			p.items = append(p.items, b.copied(n))
		}
	}
	return p
}

// The bounds of one page.
const (
	PageEvents = 100
	pageBytes  = 256 << 10 // of JSON; one event may be larger
)

// pageSpan is how many events of the journal one page may look at. Not each of
// them is one that clients see.
const pageSpan = 2 * PageEvents

func within(seq, after, last uint64) bool { return seq > after && seq <= last }

// ErrTrimmed says that a page's events went away before they were read.
var ErrTrimmed error = actors.Errorf(actors.Unavailable, "the events were trimmed meanwhile; ask again")

// Read fills the page from the journal. The contents of messages are read once the
// events are: a read within a read takes two of the store's connections, and where
// many pages hold one each, none gets its second.
func (p *page) Read(ctx context.Context) (*actors.Push, error) {
	events, last, err := p.readEvents(ctx)
	if err != nil {
		return nil, err
	}
	seq, full := p.from.Seq, last < p.to.Seq
	for _, e := range events {
		stop, err := p.merge(ctx, seq, e.Pos)
		if err != nil {
			return nil, err
		}
		if stop || p.isFull() {
			full = true
			break
		}
		if err := p.add(ctx, e); err != nil {
			return nil, err
		}
		seq, p.to.Pos = e.Seq, max(p.to.Pos, e.Pos)
	}
	if !full && seq >= p.head.Seq {
		if full, err = p.merge(ctx, seq, p.here.Pos); err != nil {
			return nil, err
		}
	}
	p.to.Seq = seq
	more := full || seq < p.head.Seq
	if !more {
		p.to = p.head
	}
	return &actors.Push{Key: p.Key, From: p.from, To: p.to, Events: p.events, More: more}, nil
}

// readEvents reads the events of the page's span, up to the last that it returns: all
// of them, or fewer where those are as large as a page.
func (p *page) readEvents(ctx context.Context) (events []*actors.Event, last uint64, err error) {
	var failed error
	last = p.from.Seq
	size := 0
	err = p.journal.Events(ctx, p.Key, last+1, p.to.Seq, func(at uint64, raw []byte) bool {
		e := &actors.Event{}
		if failed = actors.DecodeEvent(raw, e); failed == nil && at != last+1 {
			failed = ErrTrimmed
		}
		if failed != nil {
			return false
		}
		events, last, size = append(events, e), at, size+len(raw)
		return size < pageBytes
	})
	switch {
	case err != nil:
		return nil, 0, err
	case failed != nil:
		return nil, 0, failed
	case last != p.to.Seq && size < pageBytes:
		return nil, 0, ErrTrimmed
	}
	return events, last, nil
}

func (p *page) isFull() bool { return len(p.events) >= p.limit || p.bytes >= pageBytes }

// merge takes in the entries of the log up to a position, which stand behind the event
// seq. full says that the page has room for no more of them.
func (p *page) merge(ctx context.Context, seq, pos uint64) (full bool, err error) {
	for len(p.entries) > 0 && p.entries[0].Pos <= pos {
		if p.isFull() {
			return true, nil
		}
		e := p.entries[0]
		if err := p.addEntry(ctx, seq, e); err != nil {
			return false, err
		}
		p.entries, p.to.Pos = p.entries[1:], e.Pos
	}
	return false, nil
}

// addEntry takes in one entry of the log, if a client is to see it.
func (p *page) addEntry(ctx context.Context, seq uint64, e *actors.KnownEntry) error {
	if e.Hidden {
		return nil
	}
	v := &actors.Event{Pos: e.Pos}
	var n *Item
	switch e.Kind {
	case actors.LogKind_LOG_PUBLISHED, actors.LogKind_LOG_DUE:
		v.Kind, n = actors.Kind_ACCEPTED, p.item(func(n *Item) bool { return n.Pos == e.Pos })
		v.Ids = p.displacedAt(e.Pos)
	case actors.LogKind_LOG_EDITED:
		v.Kind, n = actors.Kind_EDITED, p.item(func(n *Item) bool { return n.logged && n.Body == e.Pos && n.wasVisible(seq, e.Pos) })
	case actors.LogKind_LOG_RETRACTED:
		v.Kind, v.Ids = actors.Kind_RETRACTED, p.displacedAt(e.Pos)
	case actors.LogKind_LOG_EXPIRED:
		v.Kind, v.Ids = actors.Kind_EXPIRED, p.displacedAt(e.Pos)
	}
	if len(v.Ids) == 0 && n == nil {
		return nil // it is not for this user, or has left since
	}
	var m *actors.Message
	if n != nil {
		var err error
		if m, err = n.Content(ctx, p.journal, p.Key, p.here, nil); err != nil && ignoreGone(err) != nil {
			return err
		}
	}
	if m == nil {
		v, n = v.Remains(), &Item{}
	}
	p.tell(v, m, n, actors.Cursor{Lineage: p.head.Lineage, Seq: seq, Pos: e.Pos})
	return nil
}

// displacedAt returns which message had to leave for an entry, packed.
func (p *page) displacedAt(pos uint64) []byte {
	for _, d := range p.displaced {
		if d.pos == pos {
			return d.id[:]
		}
	}
	return nil
}

// ignoreGone returns err, unless it says that a content has left the journal.
func ignoreGone(err error) error {
	if actors.AsError(err).Code == actors.NotFound {
		return nil
	}
	return err
}

// add takes in one event of the journal, if a client is to see it.
func (p *page) add(ctx context.Context, e *actors.Event) error {
	var m *actors.Message
	n := p.carried(e)
	if n != nil {
		var err error
		if m, err = n.Content(ctx, p.journal, p.Key, p.here, e); err != nil && ignoreGone(err) != nil {
			return err
		}
	}
	if e.Kind == actors.Kind_ACTED && p.item(func(n *Item) bool { return n.acted != nil && n.acted.Seq == e.Seq }) == nil {
		e.Acted = nil // it has left since
	}
	if m == nil { // e is about no message, or about one that has left since
		e, n = e.Remains(), &Item{}
	}
	p.tell(e, m, n, actors.Cursor{Lineage: p.head.Lineage, Seq: e.Seq, Pos: max(p.to.Pos, e.Pos)})
	return nil
}

// tell adds what clients are told of an event.
func (p *page) tell(e *actors.Event, m *actors.Message, n *Item, to actors.Cursor) {
	if ev, ok := actors.NewPushEvent(e, n.Shown(m), to, p.counts); ok {
		p.events = append(p.events, ev)
		p.bytes += len(ev.JSON)
	}
}

// carried returns the message that e brings to those who see it; nil: none,
// or it has left, or it was edited again.
func (p *page) carried(e *actors.Event) *Item {
	switch {
	case e.State == actors.State_SCHEDULED: // not visible yet
	case e.Kind == actors.Kind_ACCEPTED, e.Kind == actors.Kind_DUE:
		return p.item(func(n *Item) bool { return n.Seq == e.Seq && n.Pos == 0 })
	case e.Kind == actors.Kind_EDITED:
		return p.item(func(n *Item) bool { return n.Body == e.Seq && !n.logged })
	}
	return nil
}

// wasVisible tells whether the user saw the message before an entry at pos, which follows the
// event seq.
func (n *Item) wasVisible(seq, pos uint64) bool {
	if n.Pos == 0 {
		return n.Seq <= seq
	}
	return n.Pos < pos
}

func (p *page) item(is func(*Item) bool) *Item {
	for i := range p.items {
		if is(&p.items[i]) {
			return &p.items[i]
		}
	}
	return nil
}

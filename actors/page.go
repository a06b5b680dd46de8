package actors

import "context"

// Replay: what a client missed, in pages from the journal. A page is made
// outside the actor, from copies of what the actor knew in its turn.

// page is a replay under way.
type page struct {
	Key      Key
	from, to Cursor // the span that it may cover; to moves back where it ends sooner
	head     Cursor // where the user stood
	counts   []byte
	entries  []Item // of the messages that became visible or were edited in the span
	journal  Journal
	events   []PushEvent
	bytes    int
	limit    int
}

// NewPage returns the page after a cursor that the journal reaches back to.
func (b *Inbox) NewPage(key Key, j Journal, after Cursor, limit int) *page {
	p := &page{
		Key: key, from: after, to: b.Cursor(), head: b.Cursor(),
		counts: b.AppendCounts(nil), journal: j, limit: limit,
	}
	p.to.Seq = max(after.Seq, min(p.to.Seq, after.Seq+pageSpan))
	for i := range b.Entries {
		n := &b.Entries[i]
		if within(n.Seq, after.Seq, p.to.Seq) || within(n.Body, after.Seq, p.to.Seq) {
			p.entries = append(p.entries, *n)
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
var ErrTrimmed error = Errorf(Unavailable, "the events were trimmed meanwhile; ask again")

// Read fills the page from the journal.
func (p *page) Read(ctx context.Context) (*Push, error) {
	var failed error
	seq, last := p.from.Seq, p.to.Seq
	err := p.journal.Events(ctx, p.Key, seq+1, last, func(at uint64, raw []byte) bool {
		if len(p.events) >= p.limit || p.bytes >= pageBytes {
			last = seq
			return false
		}
		e := &Event{}
		if failed = DecodeEvent(raw, e); failed == nil && at != seq+1 {
			failed = ErrTrimmed
		}
		if failed == nil {
			failed = p.add(ctx, e)
		}
		seq, p.to.Pos = at, e.Pos
		return failed == nil
	})
	switch {
	case err != nil:
		return nil, err
	case failed != nil:
		return nil, failed
	case seq != last:
		return nil, ErrTrimmed
	}
	if p.to.Seq = seq; seq >= p.head.Seq {
		p.to = p.head
	}
	return &Push{Key: p.Key, From: p.from, To: p.to, Events: p.events, More: seq < p.head.Seq}, nil
}

// add takes in one event of the journal, if a client is to see it.
func (p *page) add(ctx context.Context, e *Event) error {
	var m *Message
	n := p.carried(e)
	if n != nil {
		var err error
		if m, err = Content(ctx, p.journal, p.Key, n.Body, e); err != nil && AsError(err).Code != NotFound {
			return err
		}
	}
	if m == nil { // e is about no message, or about one that has left since
		e, n = e.remains(), &Item{}
	}
	to := Cursor{p.head.Lineage, e.Seq, e.Pos}
	if ev, ok := NewPushEvent(e, m, n.State, n.Until, to, p.counts); ok {
		p.events = append(p.events, ev)
		p.bytes += len(ev.JSON)
	}
	return nil
}

// carried returns the message that e brings to those who see it; nil: none,
// or it has left, or it was edited again.
func (p *page) carried(e *Event) *Item {
	switch {
	case e.State == State_SCHEDULED: // not visible yet
	case e.Kind == Kind_ACCEPTED, e.Kind == Kind_DUE:
		return p.entry(func(n *Item) bool { return n.Seq == e.Seq })
	case e.Kind == Kind_EDITED:
		return p.entry(func(n *Item) bool { return n.Body == e.Seq })
	}
	return nil
}

func (p *page) entry(is func(*Item) bool) *Item {
	for i := range p.entries {
		if is(&p.entries[i]) {
			return &p.entries[i]
		}
	}
	return nil
}

// Content returns the message whose content is in the event seq; have is an
// event at hand, which may be that one.
func Content(ctx context.Context, j Journal, key Key, seq uint64, have *Event) (*Message, error) {
	gone := error(Errorf(NotFound, "the content in event %d is not in the journal", seq))
	if have != nil && have.Seq == seq {
		if have.Message.GetCleared() {
			return nil, gone
		}
		return have.Message, nil
	}
	e, failed := &Event{}, gone
	err := j.Events(ctx, key, seq, seq, func(_ uint64, raw []byte) bool {
		failed = DecodeEvent(raw, e)
		return false
	})
	if err != nil {
		return nil, err
	}
	if failed == nil && e.Message == nil {
		failed = Errorf(Internal, "event %d holds no content", seq)
	}
	if failed == nil && e.Message.Cleared {
		failed = gone
	}
	return e.Message, failed
}

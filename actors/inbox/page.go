package inbox

import (
	"context"

	"reddot/actors"
)

// Replay: what a client missed, in pages from the journal. A page is made
// outside the actor, from copies of what the actor knew in its turn.

// page is a replay under way.
type page struct {
	Key      actors.Key
	from, to actors.Cursor // the span that it may cover; to moves back where it ends sooner
	head     actors.Cursor // where the user stood
	counts   []byte
	entries  []Item // of the messages that became visible or were edited in the span
	journal  actors.Journal
	events   []actors.PushEvent
	bytes    int
	limit    int
}

// Page returns the page after a cursor that the journal reaches back to.
func (b *Inbox) Page(key actors.Key, j actors.Journal, after actors.Cursor, limit int) *page {
	p := &page{
		Key: key, from: after, to: b.Cursor(), head: b.Cursor(),
		counts: b.AppendCounts(nil), journal: j, limit: limit,
	}
	p.to.Seq = max(after.Seq, min(p.to.Seq, after.Seq+pageSpan))
	for i := range b.entries {
		n := &b.entries[i]
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
var ErrTrimmed error = actors.Errorf(actors.Unavailable, "the events were trimmed meanwhile; ask again")

// Read fills the page from the journal.
func (p *page) Read(ctx context.Context) (*actors.Push, error) {
	var failed error
	seq, last := p.from.Seq, p.to.Seq
	err := p.journal.Events(ctx, p.Key, seq+1, last, func(at uint64, raw []byte) bool {
		if len(p.events) >= p.limit || p.bytes >= pageBytes {
			last = seq
			return false
		}
		e := &actors.Event{}
		if failed = actors.DecodeEvent(raw, e); failed == nil && at != seq+1 {
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
	return &actors.Push{Key: p.Key, From: p.from, To: p.to, Events: p.events, More: seq < p.head.Seq}, nil
}

// add takes in one event of the journal, if a client is to see it.
func (p *page) add(ctx context.Context, e *actors.Event) error {
	var m *actors.Message
	n := p.carried(e)
	if n != nil {
		var err error
		if m, err = Content(ctx, p.journal, p.Key, n.Body, e); err != nil && actors.AsError(err).Code != actors.NotFound {
			return err
		}
	}
	if m == nil { // e is about no message, or about one that has left since
		e, n = e.Remains(), &Item{}
	}
	to := actors.Cursor{Lineage: p.head.Lineage, Seq: e.Seq, Pos: e.Pos}
	if ev, ok := actors.NewPushEvent(e, m, n.State, n.Until, to, p.counts); ok {
		p.events = append(p.events, ev)
		p.bytes += len(ev.JSON)
	}
	return nil
}

// carried returns the message that e brings to those who see it; nil: none,
// or it has left, or it was edited again.
func (p *page) carried(e *actors.Event) *Item {
	switch {
	case e.State == actors.State_SCHEDULED: // not visible yet
	case e.Kind == actors.Kind_ACCEPTED, e.Kind == actors.Kind_DUE:
		return p.entry(func(n *Item) bool { return n.Seq == e.Seq })
	case e.Kind == actors.Kind_EDITED:
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
func Content(ctx context.Context, j actors.Journal, key actors.Key, seq uint64, have *actors.Event) (*actors.Message, error) {
	gone := error(actors.Errorf(actors.NotFound, "the content in event %d is not in the journal", seq))
	if have != nil && have.Seq == seq {
		if have.Message.GetCleared() {
			return nil, gone
		}
		return have.Message, nil
	}
	e, failed := &actors.Event{}, gone
	err := j.Events(ctx, key, seq, seq, func(_ uint64, raw []byte) bool {
		failed = actors.DecodeEvent(raw, e)
		return false
	})
	if err != nil {
		return nil, err
	}
	if failed == nil && e.Message == nil {
		failed = actors.Errorf(actors.Internal, "event %d holds no content", seq)
	}
	if failed == nil && e.Message.Cleared {
		failed = gone
	}
	return e.Message, failed
}

package actors

import (
	"slices"
	"sync/atomic"
)

// A PushEvent is one event as clients see it.
type PushEvent struct {
	Type   string // message, counts, state, update, retract, reset, drain
	To     Cursor // where a client stands that has seen it
	JSON   []byte // the whole event, as API.md has it
	ID     []byte // the text of To; part of JSON
	Counts []byte // the counts after it, a JSON object; part of JSON
}

// A Push tells connections what changed from one cursor to another. It is
// shared by all of them and never changed.
type Push struct {
	Key      Key
	From, To Cursor
	Events   []PushEvent
	More     bool         // a page of a replay, and not the last
	Hole     bool         // events are missing: the journal has them; those that are here are for their counts
	One      [1]PushEvent // the memory of Events, which are mostly one
	forms    [MaxForms]atomic.Pointer[[]byte]
}

// Form names a wire form: connections with the same form share its bytes. None is
// known here: each belongs to the transport that has made it.
type Form uint8

// MaxForms is how many wire forms a program may have.
const MaxForms = 12

var forms atomic.Uint32

// NewForm returns a form that is nobody else's, for a variable of a package. It
// panics past MaxForms.
func NewForm() Form { return Form(NextForm(&forms, MaxForms)) }

// NextForm returns the next number of a wire form. It panics past most.
func NextForm(n *atomic.Uint32, most uint32) uint8 {
	next := n.Add(1) - 1
	if next >= most {
		panic("this program has more wire forms than it has room for; raise MaxForms")
	}
	return uint8(next)
}

// A Format encodes events for one wire form. It has no state.
type Format interface {
	Form() Form
	// AppendPush appends the frames of p's events to b; nothing, if none of
	// them has any in this form.
	AppendPush(b []byte, p *Push) []byte
	// AppendBeat appends a heartbeat; nothing, if the form has none.
	AppendBeat(b []byte) []byte
}

// A Greeter is a Format which greets each new connection in its own way
// instead of by a counts event.
type Greeter interface {
	// AppendHello appends the greeting. counts is a JSON object, cursor the
	// text from which the connection goes on. recovered tells that it is the
	// one that the client gave: replayed events follow.
	AppendHello(b, counts, cursor []byte, recovered bool) []byte
}

// Frame returns the push in f's wire form. The first to ask pays.
func (p *Push) Frame(f Format) []byte {
	slot := &p.forms[f.Form()]
	if b := slot.Load(); b != nil {
		return *b
	}
	b := f.AppendPush(nil, p)
	slot.Store(&b)
	return b
}

// AppendJSON appends the events, comma-separated.
func (p *Push) AppendJSON(b []byte) []byte {
	for i := range p.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.Events[i].JSON...)
	}
	return b
}

// Beyond returns what of p lies beyond a cursor within it.
func (p *Push) Beyond(at Cursor) *Push {
	i := slices.IndexFunc(p.Events, func(e PushEvent) bool { return !at.Covers(e.To) })
	q := &Push{Key: p.Key, From: at, To: p.To, More: p.More, Hole: p.Hole}
	if i >= 0 {
		q.Events = p.Events[i:]
	}
	return q
}

package actors

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// What clients see, as JSON. It is written by appending: one event is encoded
// once, when it is decided, for all who get it.

const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendTime appends unix milliseconds as a quoted RFC 3339 time in UTC.
func AppendTime(b []byte, ms int64) []byte {
	b = append(b, '"')
	b = time.UnixMilli(ms).UTC().AppendFormat(b, timeLayout)
	return append(b, '"')
}

// AppendMessage appends a message as a JSON object.
func AppendMessage(b []byte, m Shown) []byte {
	b = AppendStateless(b, m.Message)
	b = append(b, `,"state":"`...)
	b = append(b, m.State.Word()...)
	b = append(b, '"')
	if m.State == State_SNOOZED {
		b = AppendTimeMember(b, `,"snoozed_until":`, m.Until)
	}
	return append(m.Acted.appendTo(b), '}')
}

// AppendStateless appends a message as a JSON object that is still open, without its state.
func AppendStateless(b []byte, m *Message) []byte {
	b = append(b, `{"id":"`...)
	b = ID(m.Id).Append(b)
	b = append(b, `","created_at":`...)
	b = AppendTime(b, m.CreatedAt)
	b = append(b, `,"category":`...)
	b = AppendString(b, m.Category)
	if m.Tenant != "" {
		b = AppendString(append(b, `,"tenant":`...), m.Tenant)
	}
	b = append(b, `,"priority":"`...)
	b = append(b, m.Priority.Word()...)
	b = append(b, '"')
	if len(m.Content) > 0 {
		b = append(b, ',')
		b = append(b, m.Content...)
	}
	if m.CollapseKey != "" {
		b = append(b, `,"collapse_key":`...)
		b = AppendString(b, m.CollapseKey)
	}
	b = AppendTimeMember(b, `,"expires_at":`, m.ExpiresAt)
	b = AppendTimeMember(b, `,"send_at":`, m.SendAt)
	return AppendTimeMember(b, `,"edited_at":`, m.EditedAt)
}

// AppendTemplate appends, as a member of a JSON object, which template the message was
// made of, if it was.
func AppendTemplate(b []byte, m *Message) []byte {
	if m.Template == "" {
		return b
	}
	b = AppendString(append(b, `,"template":{"id":`...), m.Template)
	b = strconv.AppendUint(append(b, `,"version":`...), m.TemplateVersion, 10)
	return append(hex.AppendEncode(append(b, `,"hash":"`...), m.TemplateHash), `"}`...)
}

// AppendTimeMember appends a member of a JSON object, unless the time is 0.
func AppendTimeMember(b []byte, name string, ms int64) []byte {
	if ms == 0 {
		return b
	}
	return AppendTime(append(b, name...), ms)
}

// appendIDs appends packed ids as a JSON array of strings.
func appendIDs(b, packed []byte) []byte {
	b = append(b, '[')
	n := len(b)
	EachID(packed, func(id ID) {
		if len(b) > n {
			b = append(b, ',')
		}
		b = append(id.Append(append(b, '"')), '"')
	})
	return append(b, ']')
}

// AppendString appends s as a JSON string. Nearly all need no escape.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			q, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always marshals
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// event encoders

// What stands before an event's type, and before its cursor.
const (
	EventHead   = `{"type":"`
	EventCursor = `","cursor":"`
)

// begin starts an event of a type that leaves a client at to.
func (p *PushEvent) begin(kind string, to Cursor) {
	p.Type, p.To = kind, to
	b := append(p.JSON[:0], EventHead...)
	b = append(b, kind...)
	b = append(b, EventCursor...)
	n := len(b)
	b = to.Append(b)
	p.ID = b[n:len(b):len(b)]
	p.JSON = append(b, '"')
}

// end closes the event with the counts.
func (p *PushEvent) end(counts []byte) {
	b := append(p.JSON, `,"counts":`...)
	n := len(b)
	b = append(b, counts...)
	p.Counts = b[n:len(b):len(b)]
	p.JSON = append(b, '}')
}

// A Shown is a message as its user sees it at present.
type Shown struct {
	*Message
	State State
	Until int64  // unix milliseconds up to when it is snoozed
	Acted *Acted // how the user answered it; nil: not yet
	json  []byte // the same, if it is at hand
}

// appendTo appends the message as a JSON object.
func (m *Shown) appendTo(b []byte) []byte {
	if m.json != nil {
		return append(b, m.json...)
	}
	return AppendMessage(b, *m)
}

// NewPushEvent returns what clients are told of e, and false if they are told
// nothing. m is for those events that carry a message; counts are the user's.
func NewPushEvent(e *Event, m Shown, to Cursor, counts []byte) (PushEvent, bool) {
	var p PushEvent
	p.JSON = make([]byte, 0, 320+len(counts)+len(m.GetContent()))
	if e.State == State_SCHEDULED { // of a message that is not visible yet
		if len(e.Dropped) == 0 {
			return p, false
		}
		p.state(to, e.Dropped, "dropped")
		p.end(counts)
		return p, true
	}
	switch e.Kind {
	case Kind_ACCEPTED, Kind_DUE:
		p.begin("message", to)
		p.JSON = m.appendTo(append(p.JSON, `,"message":`...))
		p.appendReplaced(e)
	case Kind_EDITED:
		p.begin("update", to)
		p.JSON = m.appendTo(append(p.JSON, `,"message":`...))
		p.appendReplaced(e)
	case Kind_RETRACTED:
		p.begin("retract", to)
		p.JSON = appendIDs(append(p.JSON, `,"ids":`...), e.Ids)
	case Kind_MARKED:
		p.state(to, e.Ids, e.State.Word())
		if e.State == State_SNOOZED {
			p.JSON = AppendTimeMember(p.JSON, `,"snoozed_until":`, e.Until)
		}
	case Kind_ACTED:
		p.state(to, e.Ids, e.State.Word())
		p.JSON = e.Acted.appendTo(p.JSON)
	case Kind_EXPIRED:
		p.state(to, e.Ids, "expired")
	case Kind_DROPPED:
		p.state(to, e.Ids, "dropped")
	default:
		return p, false
	}
	p.end(counts)
	return p, true
}

// appendReplaced names the messages that had to leave for a new one.
func (p *PushEvent) appendReplaced(e *Event) {
	ids := e.Ids
	if e.Kind == Kind_DUE {
		ids = ids[16:]
	}
	if len(ids) > 0 {
		p.JSON = appendIDs(append(p.JSON, `,"replaces":`...), ids)
	}
	if len(e.Dropped) > 0 {
		p.JSON = appendIDs(append(p.JSON, `,"dropped":`...), e.Dropped)
	}
}

func (p *PushEvent) state(to Cursor, ids []byte, word string) {
	p.begin("state", to)
	p.JSON = appendIDs(append(p.JSON, `,"ids":`...), ids)
	p.JSON = append(append(append(p.JSON, `,"state":"`...), word...), '"')
}

// PlainEvent returns an event that says no more than the counts: counts, reset.
func PlainEvent(kind string, to Cursor, counts []byte) PushEvent {
	var p PushEvent
	p.begin(kind, to)
	p.end(counts)
	return p
}

// TimeText returns a time as JSON has it, without the quotes.
func TimeText(ms int64) string {
	b := AppendTime(nil, ms)
	return string(b[1 : len(b)-1])
}

// AppendFunnel appends a funnel as a JSON object.
func AppendFunnel(b []byte, f [NumTallies]int64) []byte { return appendFunnel(b, f, TallyAccepted) }

// AppendBroadcastFunnel appends the funnel of a broadcast. Nobody counts by how many inboxes it
// was accepted: each finds out by itself, and writes nothing.
func AppendBroadcastFunnel(b []byte, f [NumTallies]int64) []byte {
	return appendFunnel(b, f, TallyDelivered)
}

// appendFunnel appends the figures of a funnel from one on.
func appendFunnel(b []byte, f [NumTallies]int64, from TallyKind) []byte {
	b = append(b, '{')
	for kind, name := range [NumTallies]string{"accepted", "delivered", "seen", "read", "filtered", "acted"} {
		if kind < int(from) {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), '"', ':')
		b = strconv.AppendInt(b, f[kind], 10)
	}
	return append(b, '}')
}

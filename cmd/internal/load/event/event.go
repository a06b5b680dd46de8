package event

import (
	"bytes"
	"errors"
)

// ErrEvent says that what came is not what the API sends.
var ErrEvent = errors.New("not an event")

// Counts are a user's counts as told by an answer or an event.
type Counts struct {
	Unread, Unseen, Rev int64
	Known               bool
}

// An Event is what every transport carries; its slices are parts of the bytes
// it was read from.
type Event struct {
	Kind   []byte
	Cursor []byte
	Body   []byte // of the message, or the payload of a topic's event
	Counts Counts
	asOf   []byte // the cursor that the counts belong to
}

// Replayed tells whether the counts are newer than the event: it was missed
// before, and comes with the counts as they are now.
func (e *Event) Replayed() bool {
	return len(e.Cursor) > 0 && len(e.asOf) > 0 && !bytes.Equal(e.Cursor, e.asOf)
}

// Parse reads one event's JSON.
func Parse(b []byte, e *Event) error {
	*e = Event{}
	s := scanner{b: b}
	e.read(&s)
	if s.bad || (len(e.Kind) == 0 && !e.Counts.Known) {
		return ErrEvent
	}
	return nil
}

func (e *Event) read(s *scanner) {
	if !s.open() {
		s.bad = true
		return
	}
	for {
		k, ok := s.key()
		if !ok {
			if len(e.Cursor) == 0 {
				e.Cursor = e.asOf
			}
			return
		}
		switch string(k) {
		case "type":
			e.Kind = s.text()
		case "cursor":
			e.Cursor = s.text()
		case "payload":
			e.Body = s.text()
		case "message":
			e.Body = readBody(s)
		case "counts":
			e.Counts, e.asOf = readCounts(s)
		default:
			s.skip()
		}
	}
}

func readBody(s *scanner) (body []byte) {
	if !s.open() {
		return nil
	}
	for {
		k, ok := s.key()
		if !ok {
			return body
		}
		if string(k) == "body" {
			body = s.text()
		} else {
			s.skip()
		}
	}
}

func readCounts(s *scanner) (c Counts, cursor []byte) {
	if !s.open() {
		return c, nil
	}
	var fields int
	for {
		k, ok := s.key()
		if !ok {
			c.Known = fields == 3
			return c, cursor
		}
		switch string(k) {
		case "unread":
			c.Unread = s.number()
			fields++
		case "unseen":
			c.Unseen = s.number()
			fields++
		case "rev":
			c.Rev = s.number()
			fields++
		case "cursor":
			cursor = s.text()
		default:
			s.skip()
		}
	}
}

// An Answer is what a publish, a line of a batch or a read of counts returns.
type Answer struct {
	id      []byte
	Rev     int64 // 0 when not told
	Counts  Counts
	Outcome []byte
	Code    []byte // of a problem
	Cursor  []byte
}

// ParseAnswer reads an answer's JSON: a published message, a problem, or
// counts that stand at the top.
func ParseAnswer(b []byte, a *Answer) error {
	*a = Answer{}
	s := scanner{b: b}
	if !s.open() {
		return ErrEvent
	}
	var unread, unseen, flat = int64(0), int64(0), 0
	for {
		k, ok := s.key()
		if !ok {
			break
		}
		switch string(k) {
		case "id":
			a.id = s.text()
		case "rev":
			a.Rev = s.number()
		case "counts":
			a.Counts, _ = readCounts(&s)
		case "outcome":
			a.Outcome = s.text()
		case "code":
			a.Code = s.text()
		case "cursor":
			a.Cursor = s.text()
		case "unread":
			unread = s.number()
			flat++
		case "unseen":
			unseen = s.number()
			flat++
		default:
			s.skip()
		}
	}
	if s.bad {
		return ErrEvent
	}
	if flat == 2 && !a.Counts.Known {
		a.Counts = Counts{Unread: unread, Unseen: unseen, Rev: a.Rev, Known: true}
	}
	return nil
}

// ParseLongPoll reads a long poll's answer: it calls take with each event, which stands
// in e until the next, and returns the counts and the cursor at the end of them.
func ParseLongPoll(b []byte, e *Event, take func(*Event)) (now Counts, cursor []byte, err error) {
	s := scanner{b: b}
	if !s.open() {
		return now, nil, ErrEvent
	}
	for {
		k, ok := s.key()
		if !ok {
			break
		}
		switch string(k) {
		case "events":
			if !s.take('[') {
				s.skip()
				continue
			}
			for !s.bad && !s.take(']') {
				*e = Event{}
				e.read(&s)
				if s.bad {
					return now, nil, ErrEvent
				}
				take(e)
				s.take(',')
			}
		case "counts":
			now, _ = readCounts(&s)
		case "cursor":
			cursor = s.text()
		default:
			s.skip()
		}
	}
	if s.bad {
		return now, nil, ErrEvent
	}
	return now, cursor, nil
}

// FirstText returns the first JSON value of b: a string without its quotes and
// escapes, anything else as it is written.
func FirstText(b []byte) ([]byte, error) {
	s := scanner{b: b}
	v := s.raw()
	if s.bad || len(v) == 0 {
		return nil, ErrEvent
	}
	if v[0] == '"' {
		return unquote(v[1 : len(v)-1])
	}
	return v, nil
}

package transports

import (
	"reddot/actors"
	"reddot/transports/jsontext"
)

// MessageText returns the text of a message event for forms that carry plain
// text: the body, or else the title, or else the data as JSON, whichever is the
// first that is not empty. ok is false for an event that brings no message.
func MessageText(e *actors.PushEvent) (text []byte, ok bool) {
	if e.Type != "message" {
		return nil, false
	}
	var s jsontext.Scanner
	s.Reset(e.JSON, MaxDepth+2)
	if !FindText(&s, "message") {
		return nil, false
	}
	start, empty := s.At(), false
	for _, field := range [...]string{"body", "title"} {
		s.Seek(start)
		if !FindText(&s, field) || s.Peek() != '"' {
			continue
		}
		if t, _ := s.Text(); t.Size > 0 {
			return t.AppendTo(make([]byte, 0, t.Size)), true
		}
		empty = true
	}
	s.Seek(start)
	if FindText(&s, "data") {
		data, _ := s.Raw()
		return append([]byte{}, data...), true
	}
	return nil, empty
}

// FindText goes to the value of the member with the name, in the object that stands
// next.
func FindText(s *jsontext.Scanner, name string) bool {
	if !s.Open('{') {
		return false
	}
	for first := true; ; first = false {
		n, more := s.Member(first)
		switch {
		case !more:
			return false
		case n.Is(name):
			return true
		case !s.SkipValue():
			return false
		}
	}
}

// Unread returns the number of unread messages in a counts object.
func Unread(counts []byte) int {
	var s jsontext.Scanner
	s.Reset(counts, MaxDepth)
	if !FindText(&s, "unread") {
		return 0
	}
	n, _ := s.Int()
	return int(n)
}

package transports

import (
	"bytes"

	"github.com/valyala/fastjson"

	"reddot/actors"
)

var parsers fastjson.ParserPool

// MessageText returns the text of a message event for forms that carry plain
// text: the body, or else the title, or else the data as JSON, whichever is the
// first that is not empty. ok is false for an event that brings no message.
func MessageText(e *actors.PushEvent) (text []byte, ok bool) {
	if e.Type != "message" {
		return nil, false
	}
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(e.JSON)
	if err != nil {
		return nil, false
	}
	m := v.Get("message")
	empty := false
	for _, field := range []string{"body", "title"} {
		if s := m.Get(field); s != nil && s.Type() == fastjson.TypeString {
			b, _ := s.StringBytes()
			if len(b) == 0 {
				empty = true
				continue
			}
			return bytes.ToValidUTF8(bytes.Clone(b), []byte("\uFFFD")), true
		}
	}
	if data := m.Get("data"); data != nil {
		return data.MarshalTo(nil), true
	}
	return nil, empty
}

// Unread returns the number of unread messages in a counts object.
func Unread(counts []byte) int {
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(counts)
	if err != nil {
		return 0
	}
	return v.GetInt("unread")
}

package transports

import (
	"bytes"

	"github.com/valyala/fastjson"

	"reddot/actors"
)

var parsers fastjson.ParserPool

// MessageText returns the text of a message event for forms that carry plain
// text: the body, or else the title, or else the data as JSON. ok is false for
// an event that brings no message.
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
	for _, field := range []string{"body", "title"} {
		if s := m.Get(field); s != nil && s.Type() == fastjson.TypeString {
			b, _ := s.StringBytes()
			return bytes.ToValidUTF8(bytes.Clone(b), []byte("\uFFFD")), true
		}
	}
	if data := m.Get("data"); data != nil {
		return data.MarshalTo(nil), true
	}
	return nil, false
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

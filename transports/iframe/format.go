package iframe

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"

	"reddot/actors"
)

// Format is the wire form of the iframe: a chunk with a script for each event.
type Format struct{}

var _ actors.Format = Format{}

// form is the wire form.
var form = actors.NewForm()

// Form implements actors.Format.
func (Format) Form() actors.Form { return form }

// AppendPush implements actors.Format. The variable o is set by the head.
func (Format) AppendPush(b []byte, p *actors.Push) []byte {
	if len(p.Events) == 0 {
		return b
	}
	page := make([]byte, 0, 256)
	for i := range p.Events {
		page = append(page, "<script>parent.postMessage("...)
		page = appendValue(page, p.Events[i].JSON)
		page = append(page, ",o)</script>\n"...)
	}
	return appendChunk(b, page)
}

// AppendBeat implements actors.Format. A page learns nothing of a frame's
// broken connection, so the beat is an event that it can miss.
func (Format) AppendBeat(b []byte) []byte {
	return appendChunk(b, []byte("<script>parent.postMessage({\"type\":\"beat\"},o)</script>\n"))
}

// appendChunk appends page as one chunk (RFC 9112 section 7.1).
func appendChunk(b, page []byte) []byte {
	b = strconv.AppendInt(b, int64(len(page)), 16)
	b = append(b, "\r\n"...)
	return append(append(b, page...), "\r\n"...)
}

// appendValue appends an expression of JavaScript whose value is the JSON's.
// That is the JSON itself, unless it has a member which an object literal
// takes for the object's prototype (ECMA-262, B.3.1).
func appendValue(b, json []byte) []byte {
	if !mayNameProto(json) {
		return appendScript(b, json)
	}
	b = append(b, "JSON.parse("...)
	return append(appendString(b, string(json)), ')')
}

// protoName finds __proto__, each of its characters written as it is or as an
// escape.
var protoName = regexp.MustCompile(`(?i)(_|\\u005f){2}(p|\\u0070)(r|\\u0072)(o|\\u006f)(t|\\u0074)(o|\\u006f)(_|\\u005f){2}`)

// mayNameProto tells whether a member may be called __proto__. What most
// messages lack is looked for first, since that is quick.
func mayNameProto(json []byte) bool {
	return (bytes.Contains(json, []byte("__")) || bytes.Contains(json, []byte(`\u00`))) && protoName.Match(json)
}

// appendString appends a string literal that may stand within a script.
func appendString(b []byte, s string) []byte {
	literal, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // no string fails to encode
	}
	return appendScript(b, literal)
}

// appendScript appends JSON as it may stand within a script. In JSON these
// characters occur in strings only, where an escape means the same.
func appendScript(b, json []byte) []byte {
	for len(json) > 0 {
		i := bytes.IndexAny(json, "<\u2028\u2029")
		if i < 0 {
			return append(b, json...)
		}
		b = append(b, json[:i]...)
		json = json[i:]
		switch {
		case json[0] == '<':
			b, json = append(b, `\u003c`...), json[1:]
		case json[2] == 0xA8:
			b, json = append(b, `\u2028`...), json[3:]
		default:
			b, json = append(b, `\u2029`...), json[3:]
		}
	}
	return b
}

package mqtt

import (
	"bytes"
	"encoding/binary"

	"reddot/actors"
)

// format is what MQTT's sessions are given of a push: the parts of each event,
// of which every session makes the packets that its subscriptions ask for.
type format struct{}

var _ actors.Format = format{}

// form is parts, of which each session makes its own packets.
var form = actors.NewForm()

// Form implements actors.Format.
func (format) Form() actors.Form { return form }

// AppendBeat implements actors.Format: in MQTT the client keeps alive.
func (format) AppendBeat(b []byte) []byte { return b }

// AppendPush implements actors.Format.
func (format) AppendPush(b []byte, p *actors.Push) []byte {
	for i := range p.Events {
		e := &p.Events[i]
		if e.Type == "counts" { // a greeting: the session asks by itself
			continue
		}
		b = appendPart(b, e.ID)
		b = appendPart(b, e.Counts)
		b = appendPart(b, e.JSON)
		b = appendPart(b, messageOf(e))
	}
	return b
}

// An event is a PushEvent as format has written it.
type event struct {
	cursor, counts, json []byte
	message              []byte // empty: it brings none
}

// cutEvent reads the first event. false: there is none, or it is no event.
func cutEvent(b []byte) (e event, rest []byte, ok bool) {
	for _, p := range []*[]byte{&e.cursor, &e.counts, &e.json, &e.message} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return e, nil, false
		}
		*p = b[size : size+int(n) : size+int(n)]
		b = b[size+int(n):]
	}
	return e, b, true
}

func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// messageOf returns the message's JSON object within a new message's event.
func messageOf(e *actors.PushEvent) []byte {
	if e.Type != "message" {
		return nil
	}
	_, rest, ok := bytes.Cut(e.JSON, []byte(`,"message":`))
	if !ok {
		return nil
	}
	return rest[:objectLen(rest)]
}

// objectLen returns the length of the JSON object at the start of b, which is
// valid JSON of our own.
func objectLen(b []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

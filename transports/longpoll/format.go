package longpoll

import "reddot/actors"

// Format is the wire form of long poll: a Push becomes the body of one answer.
type Format struct{}

var _ actors.Format = Format{}

// form is the wire form.
var form = actors.NewForm()

// Form implements actors.Format.
func (Format) Form() actors.Form { return form }

// AppendPush implements actors.Format.
func (Format) AppendPush(b []byte, p *actors.Push) []byte {
	if len(p.Events) == 0 {
		return b
	}
	last := &p.Events[len(p.Events)-1]
	b = append(b, `{"events":[`...)
	for i := range p.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.Events[i].JSON...)
	}
	return appendTail(append(b, ']'), last.Counts, p.To, p.More)
}

// AppendBeat implements actors.Format: a parked request says nothing.
func (Format) AppendBeat(b []byte) []byte { return b }

// appendTail appends what follows the events of an answer.
func appendTail(b, counts []byte, cursor actors.Cursor, more bool) []byte {
	if len(counts) > 0 {
		b = append(append(b, `,"counts":`...), counts...)
	}
	b = append(cursor.Append(append(b, `,"cursor":"`...)), '"')
	if more {
		b = append(b, `,"more":true`...)
	}
	return append(b, '}')
}

// appendAnswer appends an answer of events that are JSON already,
// comma-separated.
func appendAnswer(b, events []byte, a *actors.Answer) []byte {
	b = append(append(append(b, `{"events":[`...), events...), ']')
	return appendTail(b, a.Counts, a.Cursor, a.More)
}

package sse

import (
	"bytes"
	"slices"
	"strconv"

	"reddot/actors"
	"reddot/transports/streams"
)

// Format is the wire form of SSE.
type Format struct{}

var _ actors.Format = Format{}

// form is the wire form.
var form = actors.NewForm()

// Form implements actors.Format.
func (Format) Form() actors.Form { return form }

// AppendPush implements actors.Format.
func (Format) AppendPush(b []byte, p *actors.Push) []byte {
	size := 0
	for i := range p.Events {
		e := &p.Events[i]
		size += len("id: \nevent: \ndata: \n\n") + len(e.ID) + len(e.Type) + len(e.JSON)
	}
	b = slices.Grow(b, size)
	for i := range p.Events {
		e := &p.Events[i]
		b = appendID(b, e.ID)
		b = append(append(append(b, "event: "...), e.Type...), '\n')
		b = appendData(b, e.JSON)
		b = append(b, '\n')
	}
	return b
}

// appendID appends the id field, if there is an id.
func appendID(b, id []byte) []byte {
	if len(id) == 0 {
		return b
	}
	return append(append(append(b, "id: "...), id...), '\n')
}

// appendData appends JSON as one data field. A line break within JSON is
// white space: in a string it would be escaped.
func appendData(b, json []byte) []byte {
	b = append(b, "data: "...)
	start := len(b)
	b = append(b, json...)
	if bytes.IndexByte(json, '\n') >= 0 || bytes.IndexByte(json, '\r') >= 0 {
		for i, c := range b[start:] {
			if c == '\n' || c == '\r' {
				b[start+i] = ' '
			}
		}
	}
	return append(b, '\n')
}

// appendEnd appends what can be told at the end of a stream: when to come
// back.
func appendEnd(b []byte, why actors.End, retryMs int) []byte {
	if why != actors.EndDrain {
		return b
	}
	b = strconv.AppendInt(append(b, "retry: "...), int64(retryMs), 10)
	b = append(b, "\nevent: drain\n"...)
	return append(appendData(b, streams.AppendDrain(nil, retryMs)), '\n')
}

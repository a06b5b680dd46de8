package sse

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// HandleLegacy is a streams.Handler for GET /sse/sub/{userId}: each message's
// text as it is.
func (s *Streams) HandleLegacy(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key) {
	s.stream(ctx, caller, user, TextFormat{}, s)
}

// TextFormat is the wire form of streams that carry messages as plain text.
type TextFormat struct{}

var _ actors.Format = TextFormat{}

// textForm is the legacy one: bodies as plain text.
var textForm = actors.NewForm()

// Form implements actors.Format.
func (TextFormat) Form() actors.Form { return textForm }

// AppendPush implements actors.Format. The event has no type, so that it
// reaches onmessage.
func (TextFormat) AppendPush(b []byte, p *actors.Push) []byte {
	for i := range p.Events {
		text, ok := transports.MessageText(&p.Events[i])
		if !ok {
			continue
		}
		b = appendID(b, p.Events[i].ID)
		b = append(appendLines(b, text), '\n')
	}
	return b
}

// AppendBeat implements actors.Format.
func (TextFormat) AppendBeat(b []byte) []byte { return Format{}.AppendBeat(b) }

// appendLines appends a text as one data field a line, which the browser joins
// with LF: CR, LF and CRLF all end a line of a stream.
func appendLines(b, text []byte) []byte {
	for {
		b = append(b, "data: "...)
		end := bytes.IndexAny(text, "\r\n")
		if end < 0 {
			return append(append(b, text...), '\n')
		}
		b = append(append(b, text[:end]...), '\n')
		if bytes.HasPrefix(text[end:], []byte("\r\n")) {
			end++
		}
		text = text[end+1:]
	}
}

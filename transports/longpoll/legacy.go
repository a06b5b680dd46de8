package longpoll

import (
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// HandleLegacy is a streams.Handler for GET /polling/watch/{id}: it waits for
// the next message and answers with its text, or 304 when the time is over.
func (w *Waits) HandleLegacy(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key) {
	var after actors.Cursor
	answered := false
	// With a cursor the connection begins in silence: no counts come first.
	w.ask(ctx, user, &actors.Counts{}, func(_ *fasthttp.RequestCtx, r *actors.Request) {
		after, answered = r.Answer.Cursor, true
	})
	if answered {
		w.park(ctx, caller, user, wait{after: after, format: TextFormat{}, timeout: w.cfg.Timeout, media: "text/plain; charset=utf-8"})
	}
}

// TextFormat is the wire form of an answer that is the text of the last
// message.
type TextFormat struct{}

var _ actors.Format = TextFormat{}

// textForm is the legacy one: the last body as plain text.
var textForm = actors.NewForm()

// Form implements actors.Format.
func (TextFormat) Form() actors.Form { return textForm }

// AppendPush implements actors.Format.
func (TextFormat) AppendPush(b []byte, p *actors.Push) []byte {
	for i := len(p.Events) - 1; i >= 0; i-- {
		if text, ok := transports.MessageText(&p.Events[i]); ok {
			return append(b, text...)
		}
	}
	return b
}

// AppendBeat implements actors.Format.
func (TextFormat) AppendBeat(b []byte) []byte { return b }

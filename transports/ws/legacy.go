package ws

import (
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/websocket"
)

// HandleLegacy is a streams.Handler for /webSocket/{userId}: each message's
// text in a text frame. What the client sends is not listened to.
func (w *Sockets) HandleLegacy(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key) {
	w.open(ctx, caller, user, &w.texts)
}

// TextFormat is the wire form of plain text frames.
type TextFormat struct{}

var _ actors.Format = TextFormat{}

// textForm is the legacy one: bodies as plain text.
var textForm = actors.NewForm()

// Form implements actors.Format.
func (TextFormat) Form() actors.Form { return textForm }

// AppendPush implements actors.Format.
func (TextFormat) AppendPush(b []byte, p *actors.Push) []byte {
	for i := range p.Events {
		if text, ok := transports.MessageText(&p.Events[i]); ok {
			b = websocket.AppendFrame(b, websocket.OpText, text)
		}
	}
	return b
}

// AppendBeat implements actors.Format.
func (TextFormat) AppendBeat(b []byte) []byte { return Format{}.AppendBeat(b) }

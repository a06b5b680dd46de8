package iframe

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// legacyHead makes the clock in the page around tick.
const legacyHead = `<script>function r(){parent.document.getElementById("clock").innerHTML=new Date().toLocaleString()}` +
	`r();setInterval(r,1000)</script>` + "\n"

// HandleLegacy is a streams.Handler for GET /iframe/message: it writes the time
// into the element clock and the unread messages into the element count of the
// page around, which must be of the same origin.
func (p *Pages) HandleLegacy(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key) {
	p.page(ctx, caller, user, page{
		format:    TextFormat{},
		ancestors: "'self'",
		head:      []byte(legacyHead),
	})
}

// TextFormat is the wire form of the page that writes into the one around.
type TextFormat struct{}

var _ actors.Format = TextFormat{}

// textForm is the legacy one: scripts that write into the parent page.
var textForm = actors.NewForm()

// Form implements actors.Format.
func (TextFormat) Form() actors.Form { return textForm }

// AppendPush implements actors.Format: the last event's counts say it all.
func (TextFormat) AppendPush(b []byte, p *actors.Push) []byte {
	for i := len(p.Events) - 1; i >= 0; i-- {
		if counts := p.Events[i].Counts; len(counts) > 0 {
			script := []byte(`<script>parent.document.getElementById("count").innerHTML="`)
			script = strconv.AppendInt(script, int64(transports.Unread(counts)), 10)
			return appendChunk(b, append(script, "\";r()</script>\n"...))
		}
	}
	return b
}

// AppendBeat implements actors.Format.
func (TextFormat) AppendBeat(b []byte) []byte { return Format{}.AppendBeat(b) }

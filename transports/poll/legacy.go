package poll

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// HandleLegacy is a streams.Handler for GET /message/count/{id}: the unread
// messages as {"code":200,"data":N}.
func (p *Polls) HandleLegacy(ctx *fasthttp.RequestCtx, _ *transports.Principal, user actors.Key) {
	p.ask(ctx, user, "", func(a *actors.Answer) {
		ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
		ctx.SetContentType("application/json")
		b := strconv.AppendInt([]byte(`{"code":200,"data":`), int64(transports.Unread(a.Counts)), 10)
		ctx.SetBody(append(b, '}'))
	})
}

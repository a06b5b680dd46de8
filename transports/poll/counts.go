package poll

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
)

// answerTime is how long the user's actor may take.
const answerTime = 5 * time.Second

// Polls serves GET …/counts.
type Polls struct{ deps streams.Deps }

// New returns the handlers of short polls.
func New(deps streams.Deps) *Polls { return &Polls{deps} }

// Handle is a streams.Handler: it answers with the user's counts, or 304 if
// the client has them. Those of a tenant are asked for by ?tenant=.
func (p *Polls) Handle(ctx *fasthttp.RequestCtx, _ *transports.Principal, user actors.Key) {
	tenant, err := transports.LabelParam("tenant", ctx.QueryArgs().Peek("tenant"), transports.MaxTenant)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	p.ask(ctx, user, tenant, func(a *actors.Answer) {
		h := &ctx.Response.Header
		etag := transports.AppendETag(nil, a.Cursor)
		h.SetBytesV(fasthttp.HeaderETag, etag)
		h.Set(transports.UserHeader, string(user[1:]))
		// A cache may keep it, but only the client's own, and must ask first.
		h.Set(fasthttp.HeaderCacheControl, "private, no-cache")
		if transports.NoneMatch(ctx, etag) {
			ctx.SetStatusCode(fasthttp.StatusNotModified)
			return
		}
		ctx.SetContentType("application/json")
		ctx.Response.SetBody(a.Counts)
	})
}

// ask calls write with where the user stands, or tells the client why not.
func (p *Polls) ask(ctx *fasthttp.RequestCtx, user actors.Key, tenant string, write func(*actors.Answer)) {
	r := actors.NewRequest(user, &actors.Counts{Tenant: tenant})
	deadline, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	if err := p.deps.Router.Ask(deadline, r); err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	write(&r.Answer)
	r.Release()
}

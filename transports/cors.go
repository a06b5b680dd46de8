package transports

import "github.com/valyala/fasthttp"

const (
	// What scripts of other origins may send and see beyond the safelisted
	// (Fetch standard, sections 2.2.2 and 4.9).
	corsRequestHeaders  = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID"
	corsResponseHeaders = "ETag, Location, Retry-After, Idempotent-Replayed, " + UserHeader

	corsMaxAge = "600" // seconds that a browser remembers a preflight's answer
)

// Answer says to a browser whether the page that asks may read the
// answer. An origin that is not allowed gets no header, not an error: the
// browser refuses, and what is no browser does not care.
func (o Origins) Answer(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	if ctx.IsGet() && !varies(h) {
		h.Add(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	}
	origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	if len(origin) == 0 || !o.Allows(origin) {
		return
	}
	h.SetBytesV(fasthttp.HeaderAccessControlAllowOrigin, origin)
	h.Set(fasthttp.HeaderAccessControlAllowCredentials, "true")
	h.Set(fasthttp.HeaderAccessControlExposeHeaders, corsResponseHeaders)
}

// varies tells whether caches know already that the answer depends on the
// origin.
func varies(h *fasthttp.ResponseHeader) bool {
	for _, v := range h.PeekAll(fasthttp.HeaderVary) {
		if string(v) == fasthttp.HeaderOrigin {
			return true
		}
	}
	return false
}

// AnswerOptions answers OPTIONS: what the path offers, and a preflight. Origins.Answer
// comes before.
func AnswerOptions(ctx *fasthttp.RequestCtx, allow string) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderAllow, allow)
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	if len(h.Peek(fasthttp.HeaderAccessControlAllowOrigin)) == 0 ||
		len(ctx.Request.Header.Peek(fasthttp.HeaderAccessControlRequestMethod)) == 0 {
		return
	}
	h.Set(fasthttp.HeaderAccessControlAllowMethods, allow)
	h.Set(fasthttp.HeaderAccessControlAllowHeaders, corsRequestHeaders)
	h.Set(fasthttp.HeaderAccessControlMaxAge, corsMaxAge)
}

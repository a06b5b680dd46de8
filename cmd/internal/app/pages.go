package app

import (
	"strings"

	"github.com/valyala/fasthttp"

	"reddot/transports"
	"reddot/transports/api"
	"reddot/transports/client"
)

// pages are the browser's files: the client for everybody, the demo page only
// in dev, where it needs no token.
func pages(dev bool) api.Pages {
	p := api.Pages{}
	for _, path := range client.Paths() {
		if dev || strings.HasPrefix(path, "/reddot") {
			p[path] = page(path)
		}
	}
	return p
}

// codings are what a browser may take, the smallest first.
var codings = []string{"br", "gzip"}

// page serves one file. It is asked for again each time, and answered with 304
// as long as it is the same: its name has no version in it.
func page(path string) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		body, media, etag, ok := client.Asset(path)
		if !ok {
			ctx.SetStatusCode(fasthttp.StatusNotFound)
			return
		}
		h := &ctx.Response.Header
		h.Add(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
		for _, coding := range codings {
			if b, tag, ok := client.Packed(path, coding); ok && ctx.Request.Header.HasAcceptEncoding(coding) {
				body, etag = b, tag
				h.Set(fasthttp.HeaderContentEncoding, coding)
				break
			}
		}
		if strings.HasPrefix(path, "/reddot") {
			// The client is for pages of all origins, and holds nothing that is anybody's.
			h.Set(fasthttp.HeaderAccessControlAllowOrigin, "*")
			h.Del(fasthttp.HeaderAccessControlAllowCredentials)
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		}
		h.Set(fasthttp.HeaderCacheControl, "no-cache")
		h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
		h.Set(fasthttp.HeaderETag, etag)
		if transports.NoneMatch(ctx, []byte(etag)) {
			ctx.SetStatusCode(fasthttp.StatusNotModified)
			return
		}
		ctx.SetContentType(media)
		ctx.Response.SetBodyRaw(body)
	}
}

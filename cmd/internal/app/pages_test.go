package app

import (
	"bytes"
	"testing"

	"github.com/valyala/fasthttp"

	"reddot/transports/client"
)

// TestPages: the client's files are for pages of all origins, in the smallest
// form that the browser takes; the demo page's are not.
func TestPages(t *testing.T) {
	if _, _, _, ok := client.Asset("/reddot.js"); !ok {
		t.Skip("the client is not built: run make assets")
	}
	get := func(path, accept string) *fasthttp.Response {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.Set("Accept-Encoding", accept)
		ctx.Response.Header.Set("Access-Control-Allow-Credentials", "true") // as the API sets it for an allowed origin
		page(path)(&ctx)
		return &ctx.Response
	}
	tags := map[string]bool{}
	for accept, want := range map[string]string{"gzip, deflate, br": "br", "gzip": "gzip", "": ""} {
		r := get("/reddot.js", accept)
		for h, want := range map[string]string{
			"Content-Encoding": want, "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "",
			"Cross-Origin-Resource-Policy": "cross-origin", "Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache",
		} {
			if got := string(r.Header.Peek(h)); got != want {
				t.Errorf("accepting %q: got %s %q, want %q", accept, h, got, want)
			}
		}
		tags[string(r.Header.Peek("ETag"))] = true
		if want == "" && !bytes.Contains(r.Body(), []byte("WebSocket")) {
			t.Error("the plain form is no script")
		}
	}
	if len(tags) != 3 {
		t.Errorf("got ETags %v, want one for each form", tags)
	}
	if got := get("/", "").Header.Peek("Access-Control-Allow-Origin"); len(got) != 0 {
		t.Errorf("the demo page: got Access-Control-Allow-Origin %q", got)
	}
	paths := pages(false)
	for _, path := range []string{"/", "/demo.js", "/reddot.js.br"} {
		if paths[path] != nil {
			t.Errorf("%s is served without dev", path)
		}
	}
}

package poll

import (
	"context"
	"testing"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports/streams"
)

// router answers every question in the same way.
type router struct{ answer actors.Answer }

func (r *router) Ask(_ context.Context, q *actors.Request) error {
	q.Answer = r.answer
	if r.answer.Err != nil {
		return r.answer.Err
	}
	return nil
}

func (r *router) Send(actors.Key, any) {}

func TestCounts(t *testing.T) {
	at := actors.Cursor{Lineage: 1, Seq: 2}
	etag := `"` + at.String() + `"`
	counts := `{"unread":3,"unseen":1,"by_category":{},"rev":2,"cursor":"` + at.String() + `"}`
	good := actors.Answer{Cursor: at, Counts: []byte(counts)}
	for name, test := range map[string]struct {
		answer    actors.Answer
		noneMatch string
		status    int
		etag      string
		body      string
		legacy    string // what the legacy URL answers
	}{
		"fresh":     {good, "", 200, etag, counts, `{"code":200,"data":3}`},
		"has it":    {good, etag, 304, etag, "", `{"code":200,"data":3}`},
		"weak":      {good, "W/" + etag, 304, etag, "", `{"code":200,"data":3}`},
		"has older": {good, `"AQ"`, 200, etag, counts, `{"code":200,"data":3}`},
		"busy":      {actors.Answer{Err: actors.Errorf(actors.Busy, "full")}, "", 503, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := New(streams.Deps{Router: &router{test.answer}})
			var ctx fasthttp.RequestCtx
			if test.noneMatch != "" {
				ctx.Request.Header.Set("If-None-Match", test.noneMatch)
			}
			p.Handle(&ctx, nil, actors.UserKey("default", "alice"))
			if got := ctx.Response.StatusCode(); got != test.status {
				t.Errorf("got status %d, want %d", got, test.status)
			}
			if got := string(ctx.Response.Header.Peek("ETag")); got != test.etag {
				t.Errorf("got ETag %s, want %s", got, test.etag)
			}
			if got := string(ctx.Response.Header.Peek("Reddot-User")); test.status < 400 && got != "default/alice" {
				t.Errorf("got user %q, want default/alice", got)
			}
			if got := string(ctx.Response.Body()); test.status < 400 && got != test.body {
				t.Errorf("got  %s\nwant %s", got, test.body)
			}
			ctx.Response.Reset()
			p.HandleLegacy(&ctx, nil, actors.UserKey("default", "alice"))
			if got := string(ctx.Response.Body()); test.legacy != "" && got != test.legacy {
				t.Errorf("legacy: got %s, want %s", got, test.legacy)
			}
		})
	}
}

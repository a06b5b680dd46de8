package transports

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports/transportstest"
)

func TestWriteProblem(t *testing.T) {
	for _, c := range []struct {
		name       string
		err        error
		status     int
		body       string
		retryAfter string
	}{
		{"invalid with a field", &actors.Error{Code: actors.Invalid, Detail: "a <b> & \"c\"", Field: "user"}, 400,
			`{"type":"about:blank","title":"Bad Request","status":400,"code":"invalid","detail":"a <b> & \"c\"","field":"user"}`, ""},
		{"wrapped", fmt.Errorf("publish: %w", actors.Errorf(actors.NotFound, "nothing")), 404,
			`{"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"nothing"}`, ""},
		{"rounded up", &actors.Error{Code: actors.TooMany, Detail: "slow", RetryAfter: 1100 * time.Millisecond}, 429,
			`{"type":"about:blank","title":"Too Many Requests","status":429,"code":"too_many","detail":"slow","retry_after":2}`, "2"},
		{"503 always carries it", actors.Errorf(actors.Busy, "full"), 503,
			`{"type":"about:blank","title":"Service Unavailable","status":503,"code":"busy","detail":"full","retry_after":1}`, "1"},
		{"inner errors stay inside", errors.New("dial db: password hunter2"), 500,
			`{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal","detail":"something went wrong inside; the server's log says what"}`, ""},
		{"a cause stays inside", &actors.Error{Code: actors.Conflict, Detail: "no", Cause: errors.New("hunter2")}, 409,
			`{"type":"about:blank","title":"Conflict","status":409,"code":"conflict","detail":"no"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := transportstest.Request(transportstest.TCP("192.0.2.1"), "GET", "/")
			ctx.SetBodyString("half an answer")
			ctx.Response.Header.Set("Access-Control-Allow-Origin", "https://a")
			WriteProblem(ctx, c.err)
			h := &ctx.Response.Header
			if ctx.Response.StatusCode() != c.status || string(ctx.Response.Body()) != c.body {
				t.Errorf("got %d %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
			if got := string(h.Peek("Retry-After")); got != c.retryAfter {
				t.Errorf("got Retry-After %q, want %q", got, c.retryAfter)
			}
			if string(h.ContentType()) != ProblemType || string(h.Peek("Cache-Control")) != "no-store" || len(h.Peek("Access-Control-Allow-Origin")) == 0 {
				t.Errorf("got headers %s", h)
			}
		})
	}
}

func TestWriteProblemChallenges(t *testing.T) {
	for err, want := range map[*actors.Error]string{
		ErrNoCredential:          `Bearer realm="reddot"`,
		ErrNoKey:                 `Bearer realm="reddot", error="invalid_token"`,
		Unauthorizedf("expired"): `Bearer realm="reddot", error="invalid_token"`,
		{Code: actors.Busy}:      "",
	} {
		ctx := transportstest.Request(transportstest.TCP("192.0.2.1"), "GET", "/")
		WriteProblem(ctx, err)
		if got := string(ctx.Response.Header.Peek("WWW-Authenticate")); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

func TestStatus(t *testing.T) {
	want := []int{400, 401, 403, 404, 409, 422, 413, 429, 503, 503, 500}
	for i, code := range allCodes {
		if got := Status(code); got != want[i] {
			t.Errorf("%s: got %d, want %d", code, got, want[i])
		}
	}
	if Status("new") != 500 {
		t.Error("an unknown code is ours to explain")
	}
}

package auth

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/transportstest"
)

// The whole way over a real socket: credential, caller, user, refusal.
func TestServe(t *testing.T) {
	a := newTestAuth(t, AuthConfig{}, transports.Limits{})
	var seen []*transports.Principal
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		p, err := a.Caller(ctx)
		if err == nil {
			err = p.Can(transports.ToWatch)
		}
		var user string
		if err == nil {
			user, err = p.Resolve(string(ctx.Path()[1:]))
		}
		if err != nil {
			transports.WriteProblem(ctx, err)
			return
		}
		seen = append(seen, p)
		ctx.SetBodyString(p.ID + " reads " + user)
	}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() { client.CloseIdleConnections(); _ = server.Shutdown(); _ = listener.Close(); <-done })

	bob := transportstest.Must(a.tokens.Issue("default", "bob", time.Hour, transports.Topics{Read: []string{"rooms/#"}}))
	for _, c := range []struct {
		path, credential string
		status           int
		body             string // or the problem's code
	}{
		{"me", a.token, 200, "user:alice reads alice"},
		{"me", bob, 200, "user:bob reads bob"},
		{"alice", a.token, 200, "user:alice reads alice"},
		{"bob", a.token, 403, string(actors.Forbidden)},
		{"a%20b", a.token, 400, string(actors.Invalid)},
		{"bob", a.key, 403, string(actors.Forbidden)}, // the key has no scope read
		{"bob", "", 401, string(actors.Unauthorized)},
		{"bob", "a.b.c", 401, string(actors.Unauthorized)},
	} {
		t.Run(c.path+" "+fmt.Sprint(c.status), func(t *testing.T) {
			r := transportstest.Must(http.NewRequest(http.MethodGet, "http://"+listener.Addr().String()+"/"+c.path, nil))
			if c.credential != "" {
				r.Header.Set("Authorization", "Bearer "+c.credential)
			}
			w, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body := transportstest.Must(io.ReadAll(w.Body))
			_ = w.Body.Close()
			if w.StatusCode != c.status {
				t.Fatalf("got %d %s", w.StatusCode, body)
			}
			if c.status == 200 {
				if string(body) != c.body {
					t.Errorf("got %s", body)
				}
				return
			}
			var p transports.Problem
			if err := json.Unmarshal(body, &p); err != nil || string(p.Code) != c.body || p.Status != c.status || p.Detail == "" {
				t.Errorf("got %s, %v", body, err)
			}
			if (w.Header.Get("WWW-Authenticate") != "") != (c.status == 401) || w.Header.Get("Content-Type") != transports.ProblemType {
				t.Errorf("got %v", w.Header)
			}
		})
	}
	// What was kept of a request must not change with the next in its buffers.
	if len(seen) != 3 || seen[0].User != "alice" || seen[1].User != "bob" || seen[1].Topics.Read[0] != "rooms/#" || seen[0] != seen[2] {
		t.Errorf("got %+v", seen)
	}
}

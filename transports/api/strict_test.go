package api

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"reddot/actors"
	"reddot/transports"
)

// writes calls f with each route that writes: a path that the route takes, and
// who may ask.
func (s *server) writes(t *testing.T, f func(t *testing.T, r *route, path, token string)) {
	id := s.do("POST", "/v1/users/alice/messages", s.admin, `{"body":"x"}`).json(t)["id"].(string)
	key := s.do("POST", "/v1/keys", s.admin, `{"scopes":["read"]}`).json(t)["id"].(string)
	names := strings.NewReplacer("{user}", "alice", "{userId}", "alice", "{id}", id, "{key}", key, "{topic}", "a", "{name}", "vips", "{list}", "ads", "*", "b")
	for _, r := range s.api.routes(s.api.operations()) {
		if r.method == "GET" {
			continue
		}
		token := s.admin
		if r.access&needOperate != 0 {
			token = s.operator
		}
		t.Run(r.method+" "+strings.ReplaceAll(r.path, "/", "|"), func(t *testing.T) { f(t, r, names.Replace(r.path), token) })
	}
}

// TestNoContentCoding: a body in a coding is refused by every route that takes
// one, and not read as if it were none.
func TestNoContentCoding(t *testing.T) {
	s := serve(t, nil)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"to":{"user":"alice"},"body":"x"}`))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s.writes(t, func(t *testing.T, r *route, path, token string) {
		for _, coding := range []string{"gzip", "x-gzip", "deflate", "br", "identity, gzip", "nonsense", "GZIP"} {
			a := s.do(r.method, path, token, packed.String(), "Content-Encoding", coding)
			wantProblem(t, a, http.StatusUnsupportedMediaType, actors.Invalid, "Content-Encoding")
			if got := a.Header.Get("Accept-Encoding"); got != "identity" {
				t.Errorf("%s: got Accept-Encoding %q", coding, got)
			}
		}
		a := s.do(r.method, path, token, packed.String(), "Content-Encoding", "identity", "Content-Encoding", "gzip")
		wantProblem(t, a, http.StatusUnsupportedMediaType, actors.Invalid, "Content-Encoding")
	})
	for _, coding := range []string{"identity", "", ","} {
		if a := s.do("POST", "/v1/users/alice/messages", s.admin, `{"body":"x"}`, "Content-Encoding", coding); a.StatusCode != 201 {
			t.Errorf("%q: got %d %s", coding, a.StatusCode, a.body)
		}
	}
}

// TestNoEmptyKey: an idempotency key that is empty, as from a variable that was not
// set, would make nothing one; so would one of two.
func TestNoEmptyKey(t *testing.T) {
	s := serve(t, nil)
	s.writes(t, func(t *testing.T, r *route, path, token string) {
		for _, headers := range [][]string{{onceHeader, ""}, {onceHeader, " "}, {onceHeader, "", onceHeader, "x"}, {onceHeader, "a b"}, {onceHeader, strings.Repeat("x", maxOnce+1)}} {
			wantProblem(t, s.do(r.method, path, token, "", headers...), 400, actors.Invalid, onceHeader)
		}
	})
	a := s.do("POST", "/v1/messages/batch", s.admin, `{"to":{"user":"alice"},"body":"x","idempotency_key":""}`+"\n"+
		`{"to":{"user":"alice"},"body":"x","idempotency_key":null}`)
	if n := bytes.Count(a.body, []byte(`"idempotency_key"`)); n != 2 || bytes.Contains(a.body, []byte(`"id"`)) {
		t.Errorf("got %s", a.body)
	}
}

// TestNoUnknownBody: where a route takes no body, one that somebody wrote means
// something that is not done: nothing is, then.
func TestNoUnknownBody(t *testing.T) {
	drained := 0
	s := serve(t, func(_ *Config, d *Deps, _ *transports.Limits) { d.Drain = func() { drained++ } })
	plain := 0
	s.writes(t, func(t *testing.T, r *route, path, token string) {
		if !r.plain {
			return
		}
		plain++
		before := len(s.router.commands())
		for body, field := range map[string]string{
			`{"connection":"c1"}`: "connection", `{"tokens":false}`: "tokens", `{"dry_run":true}`: "dry_run",
			`[]`: "", `null`: "", `""`: "", `0`: "", `x`: "", `{}{}`: "", `{`: "", ` `: "", `{"":1}`: "",
		} {
			a := s.do(r.method, path, token, body)
			if a.StatusCode != 400 || field != "" && !strings.Contains(string(a.body), `"field":"`+field+`"`) {
				t.Errorf("%s: got %d %s", body, a.StatusCode, a.body)
			}
		}
		if n := len(s.router.commands()) - before; n != 0 || drained != 0 {
			t.Errorf("%d commands came through, and %d drains", n, drained)
		}
		for _, body := range []string{"", "{}"} {
			if a := s.do(r.method, path, token, body); a.StatusCode >= 400 && a.StatusCode != 404 {
				t.Errorf("%q: got %d %s", body, a.StatusCode, a.body)
			}
		}
		drained = 0
	})
	if plain < 5 {
		t.Errorf("only %d routes take no body", plain)
	}
}

// TestTimes: every field that holds a time takes what RFC 3339 says, and nothing
// else.
func TestTimes(t *testing.T) {
	s := serve(t, nil)
	id := s.do("POST", "/v1/users/alice/messages", s.admin, `{"body":"x"}`).json(t)["id"].(string)
	for where, c := range map[string]struct{ method, path, before, after, kind string }{
		"send_at":         {"POST", "/v1/users/alice/messages", `{"body":"x","send_at":"`, `"}`, ""},
		"expires_at":      {"POST", "/v1/users/alice/messages", `{"body":"x","expires_at":"`, `"}`, ""},
		"edit":            {"PATCH", "/v1/messages/" + id, `{"expires_at":"`, `"}`, ""},
		"snooze":          {"POST", "/v1/users/alice/messages/" + id + "/snooze", `{"until":"`, `"}`, ""},
		"key":             {"POST", "/v1/keys", `{"scopes":["read"],"expires_at":"`, `"}`, ""},
		"event":           {"POST", "/v1/events", `{"specversion":"1.0","id":"1","source":"/s","type":"order","subject":"alice","data":1,"time":"`, `"}`, typeEvent},
		"send to several": {"POST", "/v1/messages", `{"to":{"users":["a","b"]},"body":"x","send_at":"`, `"}`, ""},
	} {
		for text, good := range map[string]bool{
			"2999-01-31T09:30:00Z": true, "2999-01-31t09:30:00z": true, "2999-01-31T09:30:00.25+01:00": true, "2999-12-31T23:59:60Z": true,
			"2999-01-31T09:30:00,5Z": false, "2999-01-31T9:30:00Z": false, "2999-01-31T24:00:00Z": false, "2999-01-31T09:30:00": false,
			"2999-01-31 09:30:00Z": false, "2999-01-31": false, "32503680000": false, "2999-02-29T09:30:00Z": false, "2999-01-31T09:30:00+24:00": false, "": where == "event",
		} {
			a := s.do(c.method, c.path, s.admin, c.before+text+c.after, "Content-Type", c.kind)
			if (a.StatusCode < 300) != good || !good && a.StatusCode != 400 {
				t.Errorf("%s: %q: got %d %s", where, text, a.StatusCode, a.body)
			}
		}
	}
}

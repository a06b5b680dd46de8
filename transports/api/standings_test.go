package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/auth"
)

// TestStandings denies and allows a user, for all or for a category.
func TestStandings(t *testing.T) {
	support := ""
	s := serve(t, func(_ *Config, d *Deps, _ *transports.Limits) {
		_, secret, err := d.Keys.Create(t.Context(), auth.KeyOrder{App: "default", Scopes: transports.ScopeSupport})
		if err != nil {
			t.Fatal(err)
		}
		support = secret.Reveal()
	})
	for range 2 {
		a := s.do("PUT", "/v1/deny/bob", support, `{"category":"promo","reason":"asked for it","until":"2100-01-01T00:00:00Z"}`, "Idempotency-Key", "k")
		if a.StatusCode != http.StatusNoContent || len(a.body) > 0 {
			t.Errorf("got %d %s", a.StatusCode, a.body)
		}
	}
	if a := s.do("PUT", "/v1/allow/bob", support, `{}`); a.StatusCode != http.StatusNoContent {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	show := func() string {
		return string(s.do("GET", "/v1/deny/bob", support, "").body) + string(s.do("GET", "/v1/allow/bob", support, "").body)
	}
	by := s.do("GET", "/v1/allow/bob", support, "").json(t)["allow"].([]any)[0].(map[string]any)["by"]
	want := fmt.Sprintf(`{"deny":[{"reason":"asked for it","category":"promo","by":%q,"until":"2100-01-01T00:00:00.000Z"}]}{"allow":[{"reason":"","by":%q}]}`, by, by)
	if got := show(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, query := range []string{"", "?category=other", "?category=promo&channel=inapp", "?category=promo"} {
		if got := show(); !strings.Contains(got, "promo") {
			t.Errorf("before %q: got %s", query, got)
		}
		if a := s.do("DELETE", "/v1/deny/bob"+query, support, ""); a.StatusCode != http.StatusNoContent {
			t.Errorf("got %d %s", a.StatusCode, a.body)
		}
	}
	if got := show(); strings.Contains(got, "promo") {
		t.Errorf("got %s", got)
	}
	for body, field := range map[string]string{`{"category":""}`: "category", `{"category":"a b"}`: "category", `{"channel":"pigeon"}`: "channel", `{"reason":1}`: "reason",
		`{"until":"soon"}`: "until", `{"until":"2020-01-01T00:00:00Z"}`: "until", `{"users":[]}`: "users", `[]`: "body"} {
		wantProblem(t, s.do("PUT", "/v1/deny/bob", support, body), 400, actors.Invalid, field)
	}
	wantProblem(t, s.do("PUT", "/v1/deny/bob", support, `{"reason":"`+strings.Repeat("x", 257)+`"}`), 413, actors.TooLarge, "reason")
	wantProblem(t, s.do("DELETE", "/v1/deny/bob?category=a+b", support, ""), 400, actors.Invalid, "category")
	for _, token := range []string{s.reader, s.publisher, s.alice} {
		wantProblem(t, s.do("PUT", "/v1/deny/bob", token, `{}`), 403, actors.Forbidden, "")
		wantProblem(t, s.do("GET", "/v1/deny/bob", token, ""), 403, actors.Forbidden, "")
	}
	audited := string(s.do("GET", "/v1/audit?action=deny.put", s.admin, "").body)
	if !strings.Contains(audited, `"target":"user:bob"`) || !strings.Contains(audited, "asked for it") {
		t.Errorf("got %s", audited)
	}
	// Under one key another entry is another request.
	s.do("DELETE", "/v1/allow/bob?category=a", support, "", "Idempotency-Key", "d")
	wantProblem(t, s.do("DELETE", "/v1/allow/bob?category=b", support, "", "Idempotency-Key", "d"), 422, actors.IdempotencyConflict, "")
}

// TestSimulate says what is wrong with what is to be simulated.
func TestSimulate(t *testing.T) {
	s := serve(t, nil)
	if a := s.do("PUT", "/v1/policies/promo", s.admin, `{"on_held":"drop"}`); a.StatusCode != 201 {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	do := func(body string) answer { return s.do("POST", "/v1/policies/promo/simulate", s.reader, body) }
	if a := do(`{"users":["alice","bob"],"message":{"title":"x"}}`); a.StatusCode != 200 ||
		!strings.HasPrefix(string(a.body), `{"policy":"promo","version":1,"users":[{"user":"alice","outcome":"delivered"`) || !strings.Contains(string(a.body), `{"user":"bob"`) {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	for body, field := range map[string]string{
		`{}`: "message", `{"message":{"title":"x"}}`: "users", `{"users":[],"message":{"title":"x"}}`: "users", `{"users":["a b"],"message":{"title":"x"}}`: "user",
		`{"users":["a"],"message":{}}`: "message.body", `{"users":["a"],"message":{"title":1}}`: "message.title", `{"users":["a"],"message":{"title":"x","to":{"all":true}}}`: "message.to",
		`{"users":["a"],"message":{"title":"x","policy":{"name":"other"}}}`: "message.policy",
		`{"users":["a"],"message":"x"}`:                                     "message", `{"user":"a","days":0}`: "days", `{"user":"a","days":32}`: "days", `{"days":7}`: "user", `{"users":["a"],"days":7}`: "user",
		`{"user":"a","days":7,"message":{"title":"x"}}`: "days", `{"users":["a"],"message":{"title":"x"},"rules":{"caps":[{}]}}`: "rules.caps[0].max",
		`{"users":["a"],"message":{"title":"x"},"rules":{}}`: "rules", `{"users":["a"],"message":{"title":"x"},"rules":{"on_held":"drop"},"version":1}`: "version", `{"user":"a","days":7,"version":0}`: "version",
		`{"group":"a"}`: "group", `[]`: "body",
	} {
		wantProblem(t, do(body), 400, actors.Invalid, field)
	}
	wantProblem(t, do(`{"user":"a","days":7,"version":2}`), 404, actors.NotFound, "")
	wantProblem(t, s.do("POST", "/v1/policies/promo/simulate", s.publisher, `{}`), 403, actors.Forbidden, "")
	if a := do(`{"user":"alice","days":7}`); a.StatusCode != 200 || !strings.HasSuffix(string(a.body), `"was":{},"would":{},"messages":[]}`) {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
}

package api

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

func TestPublish(t *testing.T) {
	s := serve(t, nil)
	a := s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"hi","category":"order","tenant":"acme"}`)
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	got := a.json(t)
	if got["outcome"] != "delivered" || got["rev"] != 1.0 || got["counts"].(map[string]any)["unread"] != 1.0 {
		t.Errorf("got %s", a.body)
	}
	if a.Header.Get("Location") != "/v1/messages/"+got["id"].(string) {
		t.Errorf("got Location %q", a.Header.Get("Location"))
	}
	if m := s.router.last().(*actors.Publish).Message; string(m.Content) != `"body":"hi"` || m.Category != "order" || m.Tenant != "acme" {
		t.Errorf("got %s of category %s and tenant %s", m.Content, m.Category, m.Tenant)
	}
	a = s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"x","category":"banned"}`)
	if a.json(t)["reason"] != `list "deny"` {
		t.Errorf("got %s", a.body)
	}
}

func TestIdempotency(t *testing.T) {
	s := serve(t, nil)
	const path, body = "/v1/users/alice/messages", `{"body":"hi"}`
	first := s.do("POST", path, s.publisher, body, "Idempotency-Key", "k1")
	second := s.do("POST", "/v1/users/%61lice/messages", s.publisher, body, "Idempotency-Key", "k1")
	if second.json(t)["id"] != first.json(t)["id"] || second.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("got %s, want the id of %s", second.body, first.body)
	}
	wantProblem(t, s.do("POST", path, s.publisher, `{"body":"ho"}`, "Idempotency-Key", "k1"), 422, actors.IdempotencyConflict, "")
	other := s.do("POST", path, s.admin, body, "Idempotency-Key", "k1")
	if other.json(t)["id"] == first.json(t)["id"] {
		t.Error("the key of one caller holds for another")
	}
	for _, key := range []string{"a b", "é", strings.Repeat("k", 129)} {
		wantProblem(t, s.do("POST", path, s.publisher, body, "Idempotency-Key", key), 400, actors.Invalid, "Idempotency-Key")
	}
	wantProblem(t, s.do("POST", path, s.publisher, body, "Idempotency-Key", "a", "Idempotency-Key", "b"), 400, actors.Invalid, "Idempotency-Key")
}

func TestSend(t *testing.T) {
	s := serve(t, nil)
	a := s.do("POST", "/v1/messages", s.publisher, `{"to":{"user":"bob"},"body":"hi"}`)
	if a.StatusCode != http.StatusAccepted || a.json(t)["recipients"] != 1.0 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	const many = `{"to":{"users":["a","b","c"]},"body":"hi"}`
	a = s.do("POST", "/v1/messages", s.publisher, many, "Idempotency-Key", "k")
	if a.StatusCode != http.StatusAccepted || a.json(t)["recipients"] != 3.0 {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	order := s.router.last().(*actors.StartSend)
	if strings.Join(order.Users, "") != "abc" || !order.Message.Shared {
		t.Errorf("got %v", order)
	}
	again := s.do("POST", "/v1/messages", s.publisher, many, "Idempotency-Key", "k")
	if again.json(t)["id"] != a.json(t)["id"] || again.Header.Get("Idempotent-Replayed") != "true" || len(s.router.sends) != 1 {
		t.Errorf("got %s and %d sends, want the id of %s", again.body, len(s.router.sends), a.body)
	}
	wantProblem(t, s.do("POST", "/v1/messages", s.publisher, `{"body":"hi"}`), 400, actors.Invalid, "to")
	const all = `{"to":{"all":true},"body":"hi"}`
	a = s.do("POST", "/v1/messages", s.publisher, all)
	if a.StatusCode != http.StatusAccepted || a.json(t)["recipients"] != nil || a.json(t)["id"] == nil {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	if b, ok := s.router.last().(*actors.Broadcast); !ok || !b.Audience.All || !b.Message.Shared {
		t.Errorf("got %v", s.router.last())
	}
	a = s.do("POST", "/v1/messages/batch", s.publisher, all)
	if line := strings.TrimSpace(string(a.body)); !strings.HasPrefix(line, `{"status":202,"id":"`) || strings.Contains(line, "recipients") {
		t.Errorf("got %s", line)
	}
}

// TestSendToSegment: a message is for the version that there is, with its expression.
func TestSendToSegment(t *testing.T) {
	s := serve(t, nil)
	const to = `{"to":{"segment":"vips"},"body":"hi"}`
	problem := s.do("POST", "/v1/messages", s.publisher, to)
	wantProblem(t, problem, 404, actors.NotFound, "to.segment")
	s.put("vips", "'vip' in tags")
	s.put("vips", "'gold' in tags")
	sent := func(path, body, want string) {
		t.Helper()
		if a := s.do("POST", path, s.publisher, body); !strings.Contains(string(a.body), `"id":"`) {
			t.Fatalf("got %s", a.body)
		}
		b, ok := s.router.last().(*actors.Broadcast)
		if !ok || b.Audience.Check() != nil || fmt.Sprint(b.Audience.Segment, b.Audience.List) != want {
			t.Errorf("got %v, want %s", s.router.last(), want)
		}
	}
	want := fmt.Sprint(&actors.Segment{Name: "vips", Version: 2, Where: "'gold' in tags"}, "")
	sent("/v1/messages", to, want)
	sent("/v1/messages/batch", to, want)
	sent("/v1/messages", `{"to":{"segment":"vips","since":"publish"},"body":"hi"}`, want)
	if !s.router.last().(*actors.Broadcast).Audience.Newcomers {
		t.Error("what is pinned is not for newcomers")
	}
	sent("/v1/messages", `{"to":{"list":"friends"},"body":"hi"}`, fmt.Sprint((*actors.Segment)(nil), "friends"))
	const line = `{"to":{"segment":"vips"},"body":"hi","idempotency_key":"line"}`
	first := s.do("POST", "/v1/messages", s.publisher, to, "Idempotency-Key", "k")
	firstLine := s.do("POST", "/v1/messages/batch", s.publisher, line).body
	s.do("DELETE", "/v1/segments/vips", s.admin, "")
	again := s.do("POST", "/v1/messages", s.publisher, to, "Idempotency-Key", "k")
	if again.StatusCode != 202 || again.json(t)["id"] != first.json(t)["id"] || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the repeat of %s is answered %d %s once the segment is gone", first.body, again.StatusCode, again.body)
	}
	id := regexp.MustCompile(`"id":"[^"]+"`)
	if a := s.do("POST", "/v1/messages/batch", s.publisher, line); string(id.Find(a.body)) != string(id.Find(firstLine)) || len(id.Find(a.body)) == 0 {
		t.Errorf("the repeat of %s is answered %s", firstLine, a.body)
	}
	wantProblem(t, s.do("POST", "/v1/messages", s.publisher, `{"to":{"segment":"vips"},"body":"other"}`, "Idempotency-Key", "k"), 422, actors.IdempotencyConflict, "")
	wantProblem(t, s.do("POST", "/v1/messages", s.publisher, to, "Idempotency-Key", "new"), 404, actors.NotFound, "to.segment")
	if a := s.do("POST", "/v1/messages/batch", s.publisher, to+"\n"+`{"to":{"all":true},"body":"x"}`); !strings.Contains(string(a.body), `"status":404`) || !strings.Contains(string(a.body), `"status":202`) {
		t.Errorf("got %s", a.body)
	}
}

func TestEditRetractFind(t *testing.T) {
	s := serve(t, nil)
	id := s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"hi"}`).json(t)["id"].(string)
	path := "/v1/messages/" + id
	a := s.do("PATCH", path, s.publisher, `{"title":"t","data":null}`)
	if a.StatusCode != 200 || a.json(t)["id"] != id {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	if e := s.router.last().(*actors.Edit); string(e.Patch) != `{"title":"t","data":null}` {
		t.Errorf("got %s", e.Patch)
	}
	for _, token := range []string{s.reader, s.alice} {
		if a := s.do("GET", path, token, ""); a.StatusCode != 200 || a.json(t)["id"] != id {
			t.Errorf("got %d %s", a.StatusCode, a.body)
		}
	}
	bobs := s.do("POST", "/v1/users/bob/messages", s.publisher, `{"body":"hi"}`).json(t)["id"].(string)
	wantProblem(t, s.do("GET", "/v1/messages/"+bobs, s.alice, ""), 404, actors.NotFound, "")
	if a := s.do("DELETE", path, s.publisher, ""); a.StatusCode != 200 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("DELETE", "/v1/messages/"+actors.NewID().String(), s.publisher, ""), 404, actors.NotFound, "")
	wantProblem(t, s.do("DELETE", "/v1/messages/nonsense", s.publisher, ""), 400, actors.Invalid, "id")
	wantProblem(t, s.do("PATCH", path, s.publisher, `{"to":{"user":"x"}}`), 400, actors.Invalid, "to")
}

func TestMark(t *testing.T) {
	s := serve(t, nil)
	id := s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"hi"}`).json(t)["id"].(string)
	a := s.do("POST", "/v1/users/me/messages/"+id+"/read", s.alice, "")
	if a.StatusCode != 200 || a.json(t)["counts"].(map[string]any)["unread"] != 0.0 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	stranger := actors.NewID().String()
	a = s.do("POST", "/v1/users/alice/read", s.publisher, `{"ids":["`+id+`","`+stranger+`"],"category":"order","tenant":"acme"}`)
	if got := a.json(t)["unknown"]; len(got.([]any)) != 1 || got.([]any)[0] != stranger {
		t.Errorf("got %s", a.body)
	}
	if m := s.router.last().(*actors.Mark); m.To != actors.MarkRead || len(m.IDs) != 2 || m.Category != "order" || m.Tenant != "acme" {
		t.Errorf("got %v", m)
	}
	cursor := actors.Cursor{Lineage: 7, Seq: 3}
	s.do("POST", "/v1/users/alice/archive", s.alice, `{"up_to":"`+cursor.String()+`"}`)
	if m := s.router.last().(*actors.Mark); m.To != actors.MarkArchived || *m.UpTo != cursor {
		t.Errorf("got %v", m)
	}
	s.do("POST", "/v1/users/alice/messages/"+id+"/snooze", s.alice, `{"until":"2999-01-01T00:00:00Z"}`)
	if m := s.router.last().(*actors.Mark); m.To != actors.MarkSnoozed || m.Until == 0 {
		t.Errorf("got %v", m)
	}
	for body, field := range map[string]string{`{}`: "ids", ``: "ids", `{"all":false}`: "all", `{"all":true,"ids":["` + id + `"]}`: "ids",
		`{"ids":[]}`: "ids", `{"ids":["x"]}`: "ids", `{"up_to":"%"}`: "up_to", `{"all":true,"until":"x"}`: "until", `{"all":true,"category":" "}`: "category", `{"all":true,"tenant":""}`: "tenant",
		`{"all":true,"all":true}`: "all", `[]`: ""} {
		wantProblem(t, s.do("POST", "/v1/users/alice/seen", s.alice, body), 400, actors.Invalid, field)
	}
	wantProblem(t, s.do("POST", "/v1/users/alice/messages/"+id+"/read", s.alice, `{"ids":[]}`), 400, actors.Invalid, "ids")
	wantProblem(t, s.do("POST", "/v1/users/alice/messages/"+id+"/snooze", s.alice, ``), 400, actors.Invalid, "until")
	wantProblem(t, s.do("POST", "/v1/users/alice/messages/"+id+"/snooze", s.alice, `{"until":"tomorrow"}`), 400, actors.Invalid, "until")
}

func TestAccess(t *testing.T) {
	s := serve(t, nil)
	const messages = "/v1/users/alice/messages"
	for name, tt := range map[string]struct {
		method, path, token string
		status              int
		code                actors.Code
	}{
		"nobody":             {"POST", messages, "", 401, actors.Unauthorized},
		"no such key":        {"POST", messages, "rk_x", 401, actors.Unauthorized},
		"key cannot publish": {"POST", messages, s.reader, 403, actors.Forbidden},
		"token cannot":       {"POST", messages, s.alice, 403, actors.Forbidden},
		"key cannot read":    {"GET", messages, s.publisher, 403, actors.Forbidden},
		"other user":         {"GET", "/v1/users/bob/messages", s.alice, 403, actors.Forbidden},
		"me without a token": {"GET", "/v1/users/me/messages", s.reader, 400, actors.Invalid},
		"journal":            {"GET", "/v1/users/alice/journal", s.alice, 403, actors.Forbidden},
		"disconnect":         {"POST", "/v1/users/alice/disconnect", s.publisher, 403, actors.Forbidden},
		"keys":               {"GET", "/v1/keys", s.publisher, 403, actors.Forbidden},
		"counts of another":  {"GET", "/v1/users/bob/counts", s.alice, 403, actors.Forbidden},
		"bad user":           {"GET", "/v1/users/a%2fb/messages", s.reader, 400, actors.Invalid},
		"not built":          {"GET", "/v1/users/alice/bell", s.admin, 404, actors.NotFound},
		"explain, no id":     {"GET", "/v1/users/alice/explain?message=x", s.alice, 400, actors.Invalid},
		"explain, reader":    {"GET", "/v1/users/alice/explain", s.reader, 403, actors.Forbidden},
		"explain to another": {"GET", "/v1/users/bob/explain", s.alice, 403, actors.Forbidden},
		"trace, reader":      {"GET", "/v1/trace?user=alice", s.reader, 403, actors.Forbidden},
		"trace, user":        {"GET", "/v1/trace?user=alice", s.alice, 403, actors.Forbidden},
		"recipients, user":   {"GET", "/v1/messages/" + actors.NewID().String() + "/recipients", s.alice, 403, actors.Forbidden},
		"recipients, reader": {"GET", "/v1/messages/" + actors.NewID().String() + "/recipients", s.reader, 403, actors.Forbidden},
		"campaign's, author": {"GET", "/v1/campaigns/spring/recipients", s.publisher, 403, actors.Forbidden},
		"reader marks":       {"POST", "/v1/users/alice/read", s.reader, 403, actors.Forbidden},
		"reader reads one":   {"POST", messages + "/" + actors.NewID().String() + "/read", s.reader, 403, actors.Forbidden},
		"admin, cluster":     {"GET", "/v1/cluster", s.admin, 403, actors.Forbidden},
		"admin drains":       {"POST", "/v1/cluster/drain", s.admin, 403, actors.Forbidden},
		"operator, inbox":    {"GET", messages, s.operator, 403, actors.Forbidden},
		"operator publishes": {"POST", messages, s.operator, 403, actors.Forbidden},
		"admin, other app":   {"GET", "/v1/keys?app=other", s.admin, 403, actors.Forbidden},
		"topic, reader":      {"POST", "/v1/topics/news", s.reader, 403, actors.Forbidden},
		"topic, user":        {"POST", "/v1/topics/news", s.alice, 403, actors.Forbidden},
		"inbox topic":        {"POST", "/v1/topics/users/alice/counts", s.alice, 403, actors.Forbidden},
		"topic of nobody":    {"POST", "/v1/topics/", s.admin, 404, actors.NotFound},
		"platform":           {"GET", "/v1/channels", s.admin, 404, actors.NotFound},
		"trailing slash":     {"GET", "/v1/keys/", s.admin, 404, actors.NotFound},
		"doubled slash":      {"GET", "/v1//keys", s.admin, 404, actors.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do(tt.method, tt.path, tt.token, `{"body":"x"}`)
			p := a.json(t)
			if a.StatusCode != tt.status || p["code"] != string(tt.code) {
				t.Errorf("got %d %s, want %d %s", a.StatusCode, a.body, tt.status, tt.code)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	s := serve(t, nil)
	a := s.do("PUT", "/v1/users/alice/messages", s.admin, "")
	wantProblem(t, a, 405, actors.Invalid, "")
	if got := a.Header.Get("Allow"); got != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("got Allow %q", got)
	}
	if a := s.do("HEAD", "/v1/users/alice/messages", s.reader, ""); a.StatusCode != 200 || len(a.body) != 0 || a.ContentLength <= 0 {
		t.Errorf("got %d with %q", a.StatusCode, a.body)
	}
	if a := s.do("HEAD", "/v1/users/alice/stream", s.reader, ""); a.StatusCode != 200 {
		t.Errorf("HEAD of a stream: got %d", a.StatusCode)
	}
	if a := s.do("HEAD", "/v1/users/alice/wait", s.reader, ""); a.StatusCode != 405 || a.Header.Get("Allow") != "GET, OPTIONS" {
		t.Errorf("got %d, Allow %q", a.StatusCode, a.Header.Get("Allow"))
	}
	if a := s.do("OPTIONS", "/v1/keys", "", ""); a.StatusCode != 204 || a.Header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("got %d, Allow %q", a.StatusCode, a.Header.Get("Allow"))
	}
	wantProblem(t, s.do("OPTIONS", "/nowhere", "", ""), 404, actors.NotFound, "")
}

func TestCORS(t *testing.T) {
	s := serve(t, nil)
	const good, bad = "https://shop.example", "https://evil.example"
	if a := s.do("OPTIONS", "/v1/users/alice/stream", "", "", "Origin", good, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers",
		"last-event-id"); !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Last-Event-ID") || a.Header.Get("Access-Control-Allow-Methods") != "GET, HEAD, OPTIONS" {
		t.Errorf("a stream's preflight: got %v", a.Header)
	}
	a := s.do("OPTIONS", "/v1/users/alice/read", "", "", "Origin", good, "Access-Control-Request-Method", "POST")
	for h, want := range map[string]string{"Access-Control-Allow-Origin": good, "Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods": "OPTIONS, POST", "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID", "Access-Control-Max-Age": "600"} {
		if a.Header.Get(h) != want {
			t.Errorf("got %s %q, want %q", h, a.Header.Get(h), want)
		}
	}
	a = s.do("OPTIONS", "/v1/users/alice/read", "", "", "Origin", bad, "Access-Control-Request-Method", "POST")
	if a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("got %v", a.Header)
	}
	for _, path := range []string{"/v1/users/alice/messages", "/v1/users/alice/messages?x=1", "/v1/users/alice/counts?after=bad", "/v1/users/alice/counts"} {
		a = s.do("GET", path, s.alice, "", "Origin", good)
		if a.Header.Get("Access-Control-Allow-Origin") != good || a.Header.Get("Vary") != "Origin" || a.Header.Get("Access-Control-Expose-Headers") == "" {
			t.Errorf("%s: got %v", path, a.Header)
		}
	}
	cookie := []string{"Cookie", "reddot_token=" + s.alice}
	wantProblem(t, s.do("POST", "/v1/users/me/read", "", `{"all":true}`, cookie...), 403, actors.Forbidden, "")
	wantProblem(t, s.do("POST", "/v1/users/me/read", "", `{"all":true}`, append(cookie, "Origin", bad)...), 403, actors.Forbidden, "")
	if a := s.do("POST", "/v1/users/me/read", "", `{"all":true}`, append(cookie, "Origin", good)...); a.StatusCode != 200 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
}

func TestQuery(t *testing.T) {
	s := serve(t, nil)
	for query, field := range map[string]string{"?limit=0": "limit", "?limit=201": "limit", "?limit=x": "limit", "?state=gone": "state",
		"?category=%20": "category", "?tenant=a/b": "tenant", "?tenant=" + strings.Repeat("x", 65): "tenant", "?stat=x": "stat", "?limit=1&limit=2": "limit", "?next=" + strings.Repeat("x", 257): "next"} {
		wantProblem(t, s.do("GET", "/v1/users/alice/messages"+query, s.alice, ""), 400, actors.Invalid, field)
	}
	a := s.do("GET", "/v1/users/alice/messages?state=unread&category=order&tenant=acme&limit=7&next=abc&token="+s.alice, "", "")
	if a.StatusCode != 200 {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	if l := s.router.last().(*actors.List); *l != (actors.List{State: "unread", Category: "order", Tenant: "acme", Limit: 7, Next: "abc"}) {
		t.Errorf("got %+v", l)
	}
	wantProblem(t, s.do("GET", "/v1/users/alice/state", s.alice, ""), 400, actors.Invalid, "rev")
	wantProblem(t, s.do("GET", "/v1/users/alice/state?rev=9", s.alice, ""), 404, actors.NotFound, "")
	wantProblem(t, s.do("POST", "/v1/users/alice/messages?x=1", s.publisher, `{"body":"x"}`), 400, actors.Invalid, "x")
}

func TestLimits(t *testing.T) {
	s := serve(t, func(_ *Config, _ *Deps, l *transports.Limits) {
		l.MaxBody, l.PublishesPerKey, l.PublishBurst = 100, 0.001, 2
	})
	wantProblem(t, s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"`+strings.Repeat("x", 100)+`"}`), 413, actors.TooLarge, "body of the request")
	chunked, err := http.NewRequest("POST", s.url+"/v1/users/alice/messages", struct{ *strings.Reader }{strings.NewReader(`{"body":"` + strings.Repeat("x", 100) + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	chunked.ContentLength = -1
	chunked.Header.Set("Authorization", "Bearer "+s.publisher)
	wantProblem(t, s.send(chunked), 413, actors.TooLarge, "body of the request")
	for range 2 {
		s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"x"}`)
	}
	a := s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"x"}`)
	wantProblem(t, a, 429, actors.TooMany, "")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestRouterErrors(t *testing.T) {
	s := serve(t, func(c *Config, _ *Deps, _ *transports.Limits) { c.Deadline = 20 * time.Millisecond })
	for _, code := range []actors.Code{actors.Conflict, actors.Busy, actors.Unavailable, actors.Internal} {
		s.router.fail = func(*actors.Request) *actors.Error {
			return &actors.Error{Code: code, Detail: "no", Cause: errSecret{}}
		}
		a := s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"x"}`)
		wantProblem(t, a, transports.Status(code), code, "")
		if strings.Contains(string(a.body), "secret") {
			t.Errorf("the cause leaks: %s", a.body)
		}
	}
	s.router.hold = func(*actors.Request) bool { return true }
	wantProblem(t, s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"x"}`), 503, actors.Unavailable, "")
}

type errSecret struct{}

func (errSecret) Error() string { return "secret" }

func TestPanic(t *testing.T) {
	s := serve(t, nil)
	s.router.fail = func(*actors.Request) *actors.Error {
		s.router.mu.Unlock()
		defer s.router.mu.Lock()
		panic("secret")
	}
	a := s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"x"}`)
	wantProblem(t, a, 500, actors.Internal, "")
	if strings.Contains(string(a.body), "secret") {
		t.Errorf("the panic leaks: %s", a.body)
	}
}

func TestKeys(t *testing.T) {
	s := serve(t, nil)
	a := s.do("POST", "/v1/keys", s.admin, `{"name":"x","scopes":["read"]}`)
	if a.StatusCode != 201 {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	key := a.json(t)
	if got := s.do("GET", "/v1/users/alice/messages", key["key"].(string), ""); got.StatusCode != 200 {
		t.Errorf("the new key gets %d", got.StatusCode)
	}
	a = s.do("GET", "/v1/keys?limit=3", s.admin, "")
	page := a.json(t)
	if len(page["keys"].([]any)) != 3 || page["next"] == nil || strings.Contains(string(a.body), "rk_") {
		t.Errorf("got %s", a.body)
	}
	rest := s.do("GET", "/v1/keys?next="+page["next"].(string), s.admin, "").json(t)
	if len(rest["keys"].([]any)) != 1 || rest["next"] != nil {
		t.Errorf("got %v", rest)
	}
	if a := s.do("DELETE", "/v1/keys/"+key["id"].(string), s.admin, ""); a.StatusCode != 200 || a.json(t)["revoked_at"] == nil {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("GET", "/v1/users/alice/messages", key["key"].(string), ""), 401, actors.Unauthorized, "")
	wantProblem(t, s.do("DELETE", "/v1/keys/nope", s.admin, ""), 404, actors.NotFound, "id")
	for body, field := range map[string]string{`{}`: "scopes", `{"scopes":["root"]}`: "scopes", `{"scopes":"read"}`: "scopes", `{"nam":"x"}`: "nam", `{"name":1}`: "name", `{"name":"a","name":"b"}`: "name"} {
		wantProblem(t, s.do("POST", "/v1/keys", s.admin, body), 400, actors.Invalid, field)
	}
}

// What has ended does not count into the keys that an app may have, and the
// oldest of it is forgotten.
func TestKeysHaveRoom(t *testing.T) {
	s := serve(t, func(c *Config, _ *Deps, _ *transports.Limits) { c.Keys = 4 })
	var last string
	for range 10 {
		a := s.do("POST", "/v1/keys", s.admin, `{"scopes":["read"]}`)
		if a.StatusCode != 201 {
			t.Fatalf("got %d %s", a.StatusCode, a.body)
		}
		last = a.json(t)["id"].(string)
		s.do("DELETE", "/v1/keys/"+last, s.admin, "")
	}
	if n := len(s.do("GET", "/v1/keys", s.admin, "").json(t)["keys"].([]any)); n != 3+4 {
		t.Errorf("got %d keys, want 3 that are good and the last 4 of those revoked", n)
	}
	if a := s.do("DELETE", "/v1/keys/"+last+"?remove=true", s.admin, ""); a.StatusCode != 200 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("DELETE", "/v1/keys/"+last, s.admin, ""), 404, actors.NotFound, "id")
	if a := s.do("POST", "/v1/keys", s.admin, `{"scopes":["read"]}`); a.StatusCode != 201 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("POST", "/v1/keys", s.admin, `{"scopes":["read"]}`), 429, actors.TooMany, "")
}

func TestKeyOrders(t *testing.T) {
	s := serve(t, nil)
	for body, field := range map[string]string{
		`{"scopes":["read","operator"]}`:                              "scopes",
		`{"scopes":["read"],"addresses":["10.0.0.0/33"]}`:             "addresses",
		`{"scopes":["read"],"addresses":"10.0.0.1"}`:                  "addresses",
		`{"scopes":["read"],"expires_at":"2001-01-01T00:00:00Z"}`:     "expires_at",
		`{"scopes":["read"],"expires_at":"tomorrow"}`:                 "expires_at",
		`{"scopes":["read"],"app":7}`:                                 "app",
		`{"scopes":["read"],"addresses":["10.0.0.1"],"addresses":[]}`: "addresses",
	} {
		wantProblem(t, s.do("POST", "/v1/keys", s.admin, body), 400, actors.Invalid, field)
	}
	a := s.do("POST", "/v1/keys", s.operator, `{"scopes":["read"],"app":"shop","addresses":["203.0.113.7"]}`)
	key := a.json(t)
	if a.StatusCode != 201 || key["app"] != "shop" {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("GET", "/v1/users/alice/messages", key["key"].(string), ""), 403, actors.Forbidden, "")
	if n := len(s.do("GET", "/v1/keys?app=shop", s.operator, "").json(t)["keys"].([]any)); n != 1 {
		t.Errorf("the operator sees %d keys of the app, want 1", n)
	}
	wantProblem(t, s.do("POST", "/v1/keys", s.admin, `{"scopes":["read"],"app":"shop"}`), 403, actors.Forbidden, "app")
	wantProblem(t, s.do("POST", "/v1/keys", s.admin, `{"scopes":["operator"]}`), 403, actors.Forbidden, "")
}

func TestDisconnect(t *testing.T) {
	s := serve(t, nil)
	if a := s.do("GET", "/v1/users/me/messages", s.alice, ""); a.StatusCode != 200 {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	if a := s.do("POST", "/v1/users/alice/disconnect", s.admin, ""); a.StatusCode != 204 {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	if d := s.router.last().(*actors.Disconnect); d.Why != actors.EndDisconnected {
		t.Errorf("got %v", d)
	}
	wantProblem(t, s.do("GET", "/v1/users/me/messages", s.alice, ""), 401, actors.Unauthorized, "")
}

func TestLegacy(t *testing.T) {
	s := serve(t, nil)
	for _, tt := range []struct{ method, path, token, body, contentType string }{
		{"GET", "/polling/publish/alice?message=a%20b&_=123", s.alice, "", ""},
		{"POST", "/polling/publish/alice", s.publisher, "message=a+b", "application/x-www-form-urlencoded"},
		{"GET", "/socket/publish?userId=alice&message=a%20b", s.alice, "", ""},
		{"POST", "/socket/publish?userId=alice&message=a%20b", s.publisher, "", ""},
		{"GET", "/socket/publish?message=a%20b", s.publisher, "", ""},
	} {
		a := s.do(tt.method, tt.path, tt.token, tt.body, "Content-Type", tt.contentType)
		if a.StatusCode != 200 || string(a.body) != "success" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %d %s", tt.path, a.StatusCode, a.body)
		}
		if m := s.router.last().(*actors.Publish).Message; string(m.Content) != `"body":"a b"` {
			t.Errorf("%s: got %s", tt.path, m.Content)
		}
	}
	if n := len(s.router.users["udefault/bob"].messages); n != 1 {
		t.Errorf("bob got %d messages, want 1", n)
	}
	wantProblem(t, s.do("GET", "/socket/publish?message=x", s.alice, ""), 403, actors.Forbidden, "")
	wantProblem(t, s.do("GET", "/polling/publish/bob?message=x", s.alice, ""), 403, actors.Forbidden, "")
	wantProblem(t, s.do("GET", "/polling/publish/alice?message=x", s.reader, ""), 403, actors.Forbidden, "")
	for _, path := range []string{"/polling/publish/alice", "/polling/publish/alice?message="} { // as the article calls it
		a := s.do("GET", path, s.alice, "")
		if m := s.router.last().(*actors.Publish).Message; a.StatusCode != 200 || string(a.body) != "success" || !strings.HasPrefix(string(m.Content), `"body":"updated at 2`) {
			t.Errorf("%s: got %d %s, and published %s", path, a.StatusCode, a.body, m.Content)
		}
	}
	wantProblem(t, s.do("GET", "/socket/publish?userId=alice", s.alice, ""), 400, actors.Invalid, "message")
	wantProblem(t, s.do("GET", "/polling/publish/alice?message=%ff", s.alice, ""), 400, actors.Invalid, "message")
	wantProblem(t, s.do("GET", "/polling/publish/alice?message=x", "", "", "Cookie", "reddot_token="+s.alice), 403, actors.Forbidden, "")
	if a := s.do("GET", "/iframe/message", s.reader, ""); string(a.body) != "udefault/demo" {
		t.Errorf("got %s", a.body)
	}
	off := serve(t, func(c *Config, _ *Deps, _ *transports.Limits) { c.LegacyURLs = false })
	wantProblem(t, off.do("GET", "/polling/publish/alice?message=x", off.admin, ""), 404, actors.NotFound, "")
}

func TestOperations(t *testing.T) {
	down := false
	s := serve(t, func(_ *Config, d *Deps, _ *transports.Limits) {
		d.Ready = func() error {
			if down {
				return errSecret{}
			}
			return nil
		}
	})
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/openapi.yaml": "openapi: 3.1", "/console": "page", "/console/a/b.css": "page",
		"/metrics": `reddot_http_requests_total{method="",route="none",status="4xx"} 1`} {
		if path == "/metrics" {
			s.do("GET", "/nowhere", "", "")
		}
		if a := s.do("GET", path, "", ""); a.StatusCode != 200 || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: got %d %.100s", path, a.StatusCode, a.body)
		}
	}
	down = true
	wantProblem(t, s.do("GET", "/readyz", "", ""), 503, actors.Unavailable, "")
}

// /metrics can be for operators alone, or be elsewhere.
func TestMetricsAreForSome(t *testing.T) {
	s := serve(t, func(c *Config, _ *Deps, _ *transports.Limits) { c.MetricsKey = true })
	wantProblem(t, s.do("GET", "/metrics", "", ""), 401, actors.Unauthorized, "")
	wantProblem(t, s.do("GET", "/metrics", s.admin, ""), 403, actors.Forbidden, "")
	if a := s.do("GET", "/metrics", s.operator, ""); a.StatusCode != 200 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	s = serve(t, func(c *Config, _ *Deps, _ *transports.Limits) { c.MetricsApart = true })
	wantProblem(t, s.do("GET", "/metrics", s.operator, ""), 404, actors.NotFound, "")
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/readyz": 200, "/v1/keys": 404, "/openapi.yaml": 404} {
		ctx := &fasthttp.RequestCtx{}
		ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
		ctx.Request.SetRequestURI(path)
		ctx.Request.Header.Set("Authorization", "Bearer "+s.admin)
		s.api.Operations(ctx)
		if got := ctx.Response.StatusCode(); got != want {
			t.Errorf("%s apart: got %d, want %d", path, got, want)
		}
	}
}

// BenchmarkPublish is what a publish costs here, without the socket and with
// an actor that answers at once.
func BenchmarkPublish(b *testing.B) {
	s := serve(b, func(_ *Config, d *Deps, l *transports.Limits) { d.Router, l.PublishesPerKey = answering{}, -1 })
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI("/v1/users/alice/messages")
	ctx.Request.Header.Set("Authorization", "Bearer "+s.publisher)
	ctx.Request.SetBodyString(`{"body":"` + strings.Repeat("x", 128) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		s.api.Handler(ctx)
		if ctx.Response.StatusCode() != http.StatusCreated {
			b.Fatal(string(ctx.Response.Body()))
		}
	}
}

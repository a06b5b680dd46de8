package api

import (
	"fmt"
	"strings"
	"testing"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/auth"
)

const parcel = `{"locale":"en","category":"order","variables":{"who":{"type":"string","required":true}},"content":{"en":{"inapp":{"title":"Hi {{ who }}"},"push":{"title":"{{ who }}"}},"zh":{"inapp":{"title":"{{ who }}，你好"}}}}`

// team returns a server with the keys of an author and of a reviewer.
func team(t *testing.T) (s *server, author, reviewer string) {
	s = serve(t, func(_ *Config, d *Deps, _ *transports.Limits) {
		for scopes, text := range map[transports.Scopes]*string{transports.ScopeAuthor: &author, transports.ScopeApprove: &reviewer} {
			_, secret, err := d.Keys.Create(t.Context(), auth.KeyOrder{App: "default", Scopes: scopes})
			if err != nil {
				t.Fatal(err)
			}
			*text = secret.Reveal()
		}
	})
	return s, author, reviewer
}

// live brings a template from a draft to where it is sent.
func (s *server) live(id, body, author, reviewer string) {
	s.t.Helper()
	const t = "/v1/templates/"
	a := s.do("PUT", t+id, author, body)
	if a.StatusCode/100 != 2 {
		s.t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	v := a.json(s.t)
	for _, c := range []struct{ move, token, body string }{
		{"submit", author, ""}, {"approve", reviewer, fmt.Sprintf(`{"version":%v,"hash":%q}`, v["version"], v["hash"])}, {"publish", reviewer, fmt.Sprintf(`{"version":%v}`, v["version"])},
	} {
		if a := s.do("POST", t+id+"/"+c.move, c.token, c.body); a.StatusCode != 200 {
			s.t.Fatalf("%s: got %d %s", c.move, a.StatusCode, a.body)
		}
	}
}

// TestTemplates goes the way from a draft to a live version and back.
func TestTemplates(t *testing.T) {
	s, author, reviewer := team(t)
	const u = "/v1/templates/parcel"
	a := s.do("PUT", u, author, parcel)
	if a.StatusCode != 201 || a.json(t)["state"] != "draft" || a.Header.Get("ETag") != `"1"` {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	hash := a.json(t)["hash"].(string)
	if a := s.do("PUT", u, author, parcel); a.StatusCode != 200 || a.json(t)["version"] != 1.0 {
		t.Errorf("the same again: got %d %s", a.StatusCode, a.body)
	}
	approve := fmt.Sprintf(`{"version":1,"hash":%q}`, hash)
	wantProblem(t, s.do("POST", u+"/approve", reviewer, approve), 409, actors.Conflict, "")
	submitted := s.do("POST", u+"/submit", author, `{"version":1}`, "Idempotency-Key", "s1")
	if submitted.json(t)["state"] != "in_review" {
		t.Errorf("got %s", submitted.body)
	}
	wantProblem(t, s.do("POST", u+"/submit", author, ""), 409, actors.Conflict, "")
	wantProblem(t, s.do("POST", u+"/approve", author, approve), 403, actors.Forbidden, "")
	wantProblem(t, s.do("POST", u+"/approve", reviewer, `{"version":1,"hash":"x"}`), 409, actors.Conflict, "hash")
	wantProblem(t, s.do("POST", u+"/approve", reviewer, `{"version":1}`), 400, actors.Invalid, "hash")
	wantProblem(t, s.do("POST", u+"/reject", reviewer, `{"version":1}`), 400, actors.Invalid, "reason")
	wantProblem(t, s.do("POST", u+"/publish", reviewer, ``), 400, actors.Invalid, "version")
	wantProblem(t, s.do("POST", u+"/publish", reviewer, `{"version":"1"}`), 400, actors.Invalid, "version")
	wantProblem(t, s.do("POST", u+"/publish", reviewer, `{"version":0}`), 400, actors.Invalid, "version")
	if a := s.do("POST", u+"/approve", reviewer, approve); a.json(t)["state"] != "approved" {
		t.Errorf("got %s", a.body)
	}
	if a := s.do("POST", u+"/publish", reviewer, `{"version":1}`); a.json(t)["state"] != "live" || a.json(t)["live"] != 1.0 {
		t.Errorf("got %s", a.body)
	}
	again := s.do("POST", u+"/submit", author, `{"version":1}`, "Idempotency-Key", "s1")
	if again.json(t)["state"] != "in_review" || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %s", again.body)
	}

	wantProblem(t, s.do("PUT", u, author, parcel, "If-Match", `"1"`), 412, actors.Conflict, "")
	s.live("parcel", strings.Replace(parcel, "Hi", "Hello", 1), author, reviewer)
	if a := s.do("GET", u+"/diff?from=1&to=2", reviewer, ""); !strings.Contains(string(a.body), `{"from":1,"to":2,"changes":[{"field":"content.en.inapp.title","from":"Hi {{ who }}","to":"Hello {{ who }}"}]}`) {
		t.Errorf("got %s", a.body)
	}
	if a := s.do("POST", u+"/rollback", reviewer, ""); a.json(t)["version"] != 1.0 || a.json(t)["live"] != 1.0 {
		t.Errorf("got %s", a.body)
	}
	got := s.do("GET", u+"?version=1", s.reader, "").json(t)
	if got["state"] != "live" || len(got["versions"].([]any)) != 2 || got["content"] == nil || got["locale"] != "en" {
		t.Errorf("got %v", got)
	}
	if list := s.do("GET", "/v1/templates", s.reader, "").json(t)["templates"].([]any); len(list) != 1 {
		t.Errorf("got %v", list)
	}
	if a := s.do("DELETE", u, author, ""); a.StatusCode != 204 || len(a.body) > 0 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("POST", u+"/publish", reviewer, `{"version":1}`), 409, actors.Conflict, "")
	wantProblem(t, s.do("GET", "/v1/templates/none", s.reader, ""), 404, actors.NotFound, "")

	var audited []string
	for _, e := range s.do("GET", "/v1/audit?limit=200", s.admin, "").json(t)["entries"].([]any) {
		if e := e.(map[string]any); e["target"] == "template:parcel" && e["failed"] == nil {
			audited = append(audited, strings.TrimPrefix(e["action"].(string), "template."))
		}
	}
	if got := strings.Join(audited, " "); got != "write submit approve publish write submit approve publish rollback archive" {
		t.Errorf("got %s", got)
	}
}

// TestTemplateFaults names the field at fault, and the place in its text.
func TestTemplateFaults(t *testing.T) {
	s, author, _ := team(t)
	for body, field := range map[string]string{
		`{}`: "locale", `{"locale":"en","contents":{}}`: "contents", `{"locale":"en","content":{"en":{"inapp":{"title":"x","tint":"red"}}}}`: "content.en.inapp.tint",
		`{"locale":"en","content":{"en":{"inapp":{"title":1}}}}`:                                  "content.en.inapp.title",
		`{"locale":"en","content":{"en":{"push":{"title":"x","badge":"yes"}}}}`:                   "content.en.push.badge",
		`{"locale":"en","content":{"en":{"inapp":{"title":"x","actions":{}}}}}`:                   "content.en.inapp.actions",
		`{"locale":"en","variables":{"a":{"kind":"x"}},"content":{"en":{"inapp":{"title":"x"}}}}`: "variables.a.kind",
		`{"locale":"en","locale":"en"}`:                                                           "locale",
		`[]`:                                                                                      "body",
		`{"locale":"en","content":{"en":{"inapp":{"title":"x"}},"en":{"inapp":{"title":"x"}}}}`:   "content.en",
		`{"locale":"en","content":{"en":{"wechat":{"template":"T","fields":{"a":1}}}}}`:           "content.en.wechat.fields.a",
	} {
		wantProblem(t, s.do("PUT", "/v1/templates/bad", author, body), 400, actors.Invalid, field)
	}
	a := s.do("PUT", "/v1/templates/bad", author, `{"locale":"en","content":{"en":{"inapp":{"body":"Dear\n{{ naem }}"}}}}`)
	wantProblem(t, a, 400, actors.Invalid, "content.en.inapp.body")
	if place := a.json(t)["place"].(map[string]any); place["line"] != 2.0 || place["column"] != 1.0 {
		t.Errorf("got %s", a.body)
	}
	wantProblem(t, s.do("PUT", "/v1/templates/a%2Fb", author, parcel), 400, actors.Invalid, "id")
	wantProblem(t, s.do("GET", "/v1/templates/bad", author, ""), 404, actors.NotFound, "")
	for _, id := range []string{"a", "b", "c", "d"} {
		s.do("PUT", "/v1/templates/"+id, author, parcel)
	}
	wantProblem(t, s.do("PUT", "/v1/templates/e", author, parcel), 429, actors.TooMany, "")
}

// TestTemplateRights: who may read, write and approve.
func TestTemplateRights(t *testing.T) {
	s, author, reviewer := team(t)
	s.do("PUT", "/v1/templates/x", author, parcel)
	for name, c := range map[string]struct {
		token                string
		see, write, approves int
	}{
		"read": {s.reader, 200, 403, 403}, "publish": {s.publisher, 403, 403, 403}, "author": {author, 200, 200, 403}, "approve": {reviewer, 200, 403, 404},
		"operator": {s.operator, 403, 403, 403}, "a user": {s.alice, 403, 403, 403}, "nobody": {"", 401, 401, 401},
	} {
		if a := s.do("GET", "/v1/templates/x", c.token, ""); a.StatusCode != c.see {
			t.Errorf("%s reads: got %d, want %d", name, a.StatusCode, c.see)
		}
		if a := s.do("PUT", "/v1/templates/x", c.token, parcel); a.StatusCode != c.write {
			t.Errorf("%s writes: got %d, want %d", name, a.StatusCode, c.write)
		}
		if a := s.do("POST", "/v1/templates/none/publish", c.token, `{"version":1}`); a.StatusCode != c.approves {
			t.Errorf("%s publishes: got %d, want %d", name, a.StatusCode, c.approves)
		}
		if a := s.do("POST", "/v1/templates/x/preview", c.token, `{"data":{"who":"Ann"}}`); a.StatusCode != c.see {
			t.Errorf("%s previews: got %d, want %d", name, a.StatusCode, c.see)
		}
	}
}

// TestTemplatePreview shows what a user would get, and a test goes to testers alone.
func TestTemplatePreview(t *testing.T) {
	s, author, _ := team(t)
	const u = "/v1/templates/parcel"
	s.do("PUT", u, author, parcel)
	s.do("PUT", "/v1/users/mei", s.admin, `{"locale":"zh-Hant-HK","tags":["tester"]}`)
	s.do("PUT", "/v1/users/ann", s.admin, `{"locale":"en-GB"}`)
	for body, want := range map[string]string{
		`{"user":"mei","data":{"who":"Mei"}}`:                               `"locales":{"inapp":"zh","push":"en"},"content":{"inapp":{"title":"Mei，你好"},"push":{"title":"Mei"}}}`,
		`{"user":"ann","data":{"who":"Ann"},"channel":"inapp","version":1}`: `"locales":{"inapp":"en"},"content":{"inapp":{"title":"Hi Ann"}}}`,
		`{"locale":"zh","data":{"who":"Mei"},"channel":"inapp"}`:            `"state":"draft"`,
		`{"data":{"who":"Mei"}}`:                                            `Hi Mei`,
	} {
		if a := s.do("POST", u+"/preview", s.reader, body); a.StatusCode != 200 || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: got %d %s", body, a.StatusCode, a.body)
		}
	}
	for body, field := range map[string]string{`{}`: "data.who", `{"data":{"who":1}}`: "data.who", `{"user":"ann","locale":"en"}`: "locale", `{"channel":"fax"}`: "channel", `{"user":"a b"}`: "user", `{"users":[]}`: "users"} {
		wantProblem(t, s.do("POST", u+"/preview", s.reader, body), 400, actors.Invalid, field)
	}
	wantProblem(t, s.do("POST", u+"/preview", s.reader, `{"data":{"who":"x"},"channel":"email"}`), 404, actors.NotFound, "channel")

	wantProblem(t, s.do("POST", u+"/test-send", author, `{"user":"ann","data":{"who":"Ann"}}`), 403, actors.Forbidden, "user")
	wantProblem(t, s.do("POST", u+"/test-send", s.reader, `{"user":"mei","data":{"who":"Mei"}}`), 403, actors.Forbidden, "")
	a := s.do("POST", u+"/test-send", author, `{"user":"mei","data":{"who":"Mei"}}`, "Idempotency-Key", "t1")
	if a.StatusCode != 201 || a.json(t)["locale"] != "zh" {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	again := s.do("POST", u+"/test-send", author, `{"user":"mei","data":{"who":"Mei"}}`, "Idempotency-Key", "t1")
	if again.json(t)["id"] != a.json(t)["id"] || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %s, then %s", a.body, again.body)
	}
}

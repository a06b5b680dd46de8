package api

import (
	"strings"
	"testing"

	"reddot/actors"
)

// last returns the message of the last publish that came to an actor.
func (s *server) last() *actors.Message {
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	for i := len(s.router.seen) - 1; i >= 0; i-- {
		switch c := s.router.seen[i].(type) {
		case *actors.Publish:
			return c.Message
		case *actors.StartSend:
			return c.Message
		case *actors.Broadcast:
			return c.Message
		}
	}
	s.t.Fatal("nothing was published")
	return nil
}

// TestComposed: a publish that names a template is what the template says, pinned to its
// version, with a variant for each locale.
func TestComposed(t *testing.T) {
	s, author, reviewer := team(t)
	const u, order = "/v1/users/alice/messages", `{"template":{"id":"parcel","data":{"who":"A\"nn"}}}`
	s.do("PUT", "/v1/templates/parcel", author, parcel)
	wantProblem(t, s.do("POST", u, s.publisher, order), 409, actors.Conflict, "template")
	wantProblem(t, s.do("POST", u, s.publisher, `{"template":{"id":"parcel","version":1,"data":{"who":"Ann"}}}`), 409, actors.Conflict, "template")
	s.live("parcel", parcel, author, reviewer)

	first := s.do("POST", u, s.publisher, order, "Idempotency-Key", "k1")
	if first.StatusCode != 201 {
		t.Fatalf("got %d %s", first.StatusCode, first.body)
	}
	m := s.last()
	if string(m.Content) != `"title":"Hi A\"nn"` || m.Category != "order" || m.Template != "parcel" || m.TemplateVersion != 1 || len(m.TemplateHash) != 32 {
		t.Errorf("got %v", m)
	}
	if len(m.Variants) != 1 || m.Variants[0].Locale != "zh" || string(m.Variants[0].Content) != `"title":"A\"nn，你好"` {
		t.Errorf("got %v", m.Variants)
	}

	many := func(to, rest string) answer {
		return s.do("POST", "/v1/messages", s.publisher, `{"to":`+to+`,"template":{"id":"parcel","version":1,"data":{"who":"Ann"}}`+rest+`}`)
	}
	if a := many(`{"users":["alice","bob"]}`, `,"category":"mine"`); a.StatusCode != 202 || len(s.last().Variants) != 1 || s.last().Category != "mine" {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	if a := many(`{"all":true}`, ``); a.StatusCode != 202 || len(s.last().Variants) != 0 || string(s.last().Content) != `"title":"Hi Ann"` {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	a := s.do("POST", "/v1/messages/batch", s.publisher, `{"to":{"user":"alice"},"template":{"id":"parcel","data":{"who":"Ann"}}}`+"\n"+`{"to":{"user":"alice"},"template":{"id":"parcel"}}`)
	if !strings.Contains(string(a.body), `"status":201`) || !strings.Contains(string(a.body), `"template.data.who"`) || len(s.last().Variants) != 1 {
		t.Errorf("got %s", a.body)
	}

	for body, field := range map[string]string{
		`{"template":{}}`: "template.id", `{"template":"parcel"}`: "template", `{"template":{"id":"a/b"}}`: "template.id", `{"template":{"id":"parcel","version":0}}`: "template.version",
		`{"template":{"id":"parcel","version":"1"}}`: "template.version", `{"template":{"id":"parcel","vars":{}}}`: "template.vars", `{"template":{"id":"parcel"}}`: "template.data.who",
		`{"template":{"id":"parcel","data":[]}}`: "template.data", `{"template":{"id":"parcel","data":{"who":"x","x":1}}}`: "template.data.x",
		`{"title":"x","template":{"id":"parcel","data":{"who":"x"}}}`:                      "template",
		`{"template":{"id":"parcel","data":{"who":"` + strings.Repeat("x", 1<<10) + `"}}}`: "",
	} {
		a := s.do("POST", u, s.publisher, body)
		if field == "" {
			wantProblem(t, a, 413, actors.TooLarge, "template.content.en.inapp.title")
			continue
		}
		wantProblem(t, a, 400, actors.Invalid, field)
	}
	wantProblem(t, s.do("POST", u, s.publisher, `{"template":{"id":"none"}}`), 404, actors.NotFound, "template")
	wantProblem(t, s.do("POST", u, s.publisher, `{"template":{"id":"parcel","version":7}}`), 404, actors.NotFound, "template")
	wantProblem(t, s.do("PATCH", "/v1/messages/"+first.json(t)["id"].(string), s.publisher, `{"template":{"id":"parcel"}}`), 400, actors.Invalid, "template")

	s.do("DELETE", "/v1/templates/parcel", author, "")
	wantProblem(t, s.do("POST", u, s.publisher, order), 409, actors.Conflict, "template")
	again := s.do("POST", u, s.publisher, order, "Idempotency-Key", "k1")
	if again.StatusCode != 201 || again.json(t)["id"] != first.json(t)["id"] || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a repeat after the template was archived: got %d %s", again.StatusCode, again.body)
	}
	wantProblem(t, s.do("POST", u, s.publisher, order, "Idempotency-Key", "k2"), 409, actors.Conflict, "template")
}

// TestComposedIsScreened: what a template says is screened as what is written by hand, but
// for what is to be reviewed: the template was.
func TestComposedIsScreened(t *testing.T) {
	s, author, reviewer := team(t)
	s.keywords("ads", `[{"word":"gamble","action":"block"},{"word":"darn","action":"mask"},{"word":"crypto","action":"review"}]`)
	s.live("parcel", parcel, author, reviewer)
	send := func(to, who string) answer {
		return s.do("POST", "/v1/messages", s.publisher, `{"to":`+to+`,"template":{"id":"parcel","data":{"who":"`+who+`"}}}`)
	}
	const one, all = `{"user":"alice"}`, `{"all":true}`
	if a := send(one, "darn"); a.StatusCode != 202 || string(s.last().Content) != `"title":"Hi ****"` || string(s.last().Variants[0].Content) != `"title":"****，你好"` || s.last().Screened != nil {
		t.Errorf("got %d %s, %v", a.StatusCode, a.body, s.last())
	}
	if a := send(one, "crypto"); a.StatusCode != 202 || s.last().Screened != nil {
		t.Errorf("got %d %s, %v", a.StatusCode, a.body, s.last())
	}
	if a := send(one, "gamble"); a.StatusCode != 202 || s.last().Screened.GetRule() != actors.Rule_KEYWORDS {
		t.Errorf("got %d %s, %v", a.StatusCode, a.body, s.last())
	}
	wantProblem(t, send(all, "gamble"), 400, actors.Invalid, "title")
}

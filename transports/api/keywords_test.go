package api

import (
	"fmt"
	"strings"
	"testing"

	"reddot/actors"
)

func (s *server) keywords(list, lines string) {
	s.t.Helper()
	if a := s.do("POST", "/v1/keywords/"+list, s.admin, lines); a.StatusCode != 200 {
		s.t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
}

const someKeywords = `{"word":"damn","action":"mask"}
{"word":"Free Money","action":"block"}
{"word":"赌博","action":"review"}
{"word":"amsterdamn","action":"allow"}`

// content returns what the newest publish says.
func (s *server) content() string {
	switch c := s.router.last().(type) {
	case *actors.Publish:
		return string(c.Message.Content)
	case *actors.StartSend:
		return string(c.Message.Content)
	case *actors.Broadcast:
		return string(c.Message.Content)
	case *actors.Edit:
		return string(c.Patch)
	}
	return fmt.Sprintf("%T", s.router.last())
}

// taken returns how many commands were to be done.
func (s *server) taken() (n int) {
	for _, c := range s.router.commands() {
		if _, dry := c.(*actors.DryRun); !dry {
			n++
		}
	}
	return n
}

// screened returns what the newest publish tells the user's rules.
func (s *server) screened() *actors.Verdict {
	switch c := s.router.last().(type) {
	case *actors.Publish:
		return c.Message.Screened
	case *actors.StartSend:
		return c.Message.Screened
	}
	return nil
}

func TestKeywordLists(t *testing.T) {
	s := serve(t, nil)
	s.keywords("ads", someKeywords)
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/v1/keywords", "", `"name":"ads","words":4`},
		{"POST", "/v1/keywords/ads/test", `{"text":"Ｄ.a.m.n free   money 賭 博 amsterdamn"}`,
			`{"hits":[{"list":"ads","word":"damn","action":"mask","at":0,"length":7},{"list":"ads","word":"Free Money","action":"block","at":8,"length":12},{"list":"ads","word":"赌博","action":"review","at":21,"length":3}],"count":3,"text":"******* free   money 賭 博 amsterdamn"}`},
		{"POST", "/v1/keywords/ads/remove", `{"word":"DAMN"}`, `{"added":0,"changed":0,"removed":1}`},
		{"POST", "/v1/keywords/ads", `[{"word":"赌博","action":"mask"},{"word":"damn","action":"block"}]`, `{"added":1,"changed":1,"removed":0}`},
		{"POST", "/v1/keywords/ads", "\n" + `{"word":"a","action":"mask"}` + "\n" + `{"word":"","action":"mask"}`, `"detail":"line 3: word: it is empty"`},
		{"POST", "/v1/keywords/ads", `[{"word":"a","action":"mask"},{"word":"b"}]`, `"detail":"element 2: action: it is missing`},
		{"POST", "/v1/keywords/ads", `{"word":"a","action":"mask","x":1}`, `"field":"x"`},
		{"POST", "/v1/keywords/ads", `{"word":"a","action":"kill"}`, `"field":"action"`},
		{"POST", "/v1/keywords/ads", `{"action":"mask"}`, `"field":"word"`},
		{"POST", "/v1/keywords/ads", `[]`, `"detail":"body: it has no words"`},
		{"POST", "/v1/keywords/ads", ` `, `"detail":"body: it has no words"`},
		{"POST", "/v1/keywords/a:b", `{"word":"a","action":"mask"}`, `"field":"name"`},
		{"GET", "/v1/keywords/ads?next=%E2%98%85", "", `"field":"next"`},
		{"POST", "/v1/keywords/ads/test", `{"txt":"x"}`, `"field":"txt"`},
	} {
		if a := s.do(c.method, c.path, s.admin, c.body); !strings.Contains(string(a.body), c.want) {
			t.Errorf("%s %s %s: got %d %s, want %s", c.method, c.path, c.body, a.StatusCode, a.body, c.want)
		}
	}
	wantProblem(t, s.do("POST", "/v1/keywords/ads", s.reader, `{"word":"a","action":"mask"}`), 403, actors.Forbidden, "")
	wantProblem(t, s.do("DELETE", "/v1/keywords/ads", s.reader, ""), 403, actors.Forbidden, "")
	wantProblem(t, s.do("GET", "/v1/keywords", s.publisher, ""), 403, actors.Forbidden, "")
	a := s.do("GET", "/v1/audit?action=keywords.change", s.admin, "")
	if n := strings.Count(string(a.body), `"target":"keywords:ads"`); n != 3 || !strings.Contains(string(a.body), `{"word":"DAMN","action":"remove"}`) {
		t.Errorf("%d changes are in the audit log: %s", n, a.body)
	}

	// What is exported comes in again, and page by page it is the same.
	var lines strings.Builder
	for i := range 450 {
		fmt.Fprintf(&lines, "{\"word\":\"w%d\",\"action\":\"mask\"}\n", i)
	}
	s.keywords("many", lines.String())
	out := s.do("GET", "/v1/keywords/many/export", s.reader, "")
	if out.Header.Get("Content-Type") != "application/x-ndjson" || strings.Count(string(out.body), "\n") != 450 {
		t.Errorf("got %s with %d lines", out.Header.Get("Content-Type"), strings.Count(string(out.body), "\n"))
	}
	if a := s.do("POST", "/v1/keywords/many", s.admin, string(out.body)); string(a.body) != `{"added":0,"changed":0,"removed":0}` {
		t.Errorf("got %s", a.body)
	}
	n, next := 0, ""
	for pages := 0; pages == 0 || next != ""; pages++ {
		page := s.do("GET", "/v1/keywords/many?limit=200&next="+next, s.reader, "").json(t)
		n += len(page["words"].([]any))
		next, _ = page["next"].(string)
	}
	if n != 450 {
		t.Errorf("the pages have %d words", n)
	}
}

// TestScreened publishes in all ways what keyword lists mask and stop.
func TestScreened(t *testing.T) {
	s := serve(t, nil)
	s.keywords("ads", someKeywords)
	s.keywords("more", `{"word":"赌博天堂","action":"allow"}`)
	id := s.do("POST", "/v1/users/alice/messages", s.publisher, `{"title":"Damn \"it\"","body":"d\u0061mn\nAmsterdamn 赌博天堂","data":{"damn":["damn",{"x":"no"},"D A M N \\"],"n":1},"url":"/damn"}`).json(t)["id"].(string)
	if got, want := s.content(), `{"title":"**** \"it\"","body":"****\nAmsterdamn 赌博天堂","data":{"damn":["****",{"x":"no"},"******* \\"],"n":1},"url":"/damn"}`; got[:len(got)-1] != want[1:len(want)-1] && got != want[1:len(want)-1] {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	event := `{"specversion":"1.0","id":"%s","source":"/s","type":"order","subject":"alice","data":"%s","datacontenttype":"text/plain"}`
	eventHeaders := []string{"Content-Type", "application/cloudevents+json"}
	events, blocked := 0, "the keyword list ads blocks what it says at character 4"
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		refused                  bool // it is for nobody's rules to stop
	}{
		{"one", "POST", "/v1/users/alice/messages", `{"body":"%s"}`, nil, false},
		{"named", "POST", "/v1/messages", `{"to":{"user":"alice"},"body":"%s"}`, nil, false},
		{"many", "POST", "/v1/messages", `{"to":{"users":["alice","bob"]},"body":"%s"}`, nil, false},
		{"all", "POST", "/v1/messages", `{"to":{"all":true},"body":"%s"}`, nil, true},
		{"edit", "PATCH", "/v1/messages/" + id, `{"body":"%s"}`, nil, true},
		{"event", "POST", "/v1/events", strings.Replace(event, "%s", "e%n", 1), eventHeaders, false},
		{"seed", "GET", "/polling/publish/alice?message=%s", "", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			do := func(text string, headers ...string) answer {
				events++
				fill := strings.NewReplacer("%s", text, "%n", fmt.Sprint(events)).Replace
				return s.do(c.method, fill(c.path), s.publisher, fill(c.body), append(headers, c.headers...)...)
			}
			if a := do("well,damn"); a.StatusCode >= 300 || !strings.Contains(s.content(), `"body":"well,****"`) {
				t.Errorf("got %d %s: %s", a.StatusCode, a.body, s.content())
			}
			space := " "
			if c.method == "GET" {
				space = "%20"
			}
			n, a := s.taken(), do("so,free"+space+"money,赌博")
			if c.refused {
				wantProblem(t, a, 400, actors.Invalid, "body")
				if !strings.Contains(string(a.body), blocked) || s.taken() != n {
					t.Errorf("got %s, and %d commands came through", a.body, s.taken()-n)
				}
				wantProblem(t, do("赌.博"), 400, actors.Invalid, "body")
				return
			}
			if got := s.screened(); a.StatusCode >= 300 || got.GetRule() != actors.Rule_KEYWORDS || got.Value != "body: "+blocked {
				t.Errorf("got %d %s: %v", a.StatusCode, a.body, got)
			}
			if do("赌.博"); s.screened().GetRule() != actors.Rule_REVIEW {
				t.Errorf("got %v", s.screened())
			}
			if do("well"); s.screened() != nil {
				t.Errorf("got %v", s.screened())
			}
		})
	}
	a := s.do("POST", "/v1/messages/batch", s.publisher, `{"to":{"user":"alice"},"body":"damn"}`+"\n"+`{"to":{"topic":"t"},"title":"free money","body":"x"}`+"\n"+`{"to":{"user":"alice"},"data":{"x":["free money"]}}`)
	lines := strings.Split(string(a.body), "\n")
	if !strings.Contains(lines[0], `"status":201`) || !strings.Contains(lines[1], `"field":"title"`) || s.screened().GetValue() != "data: the keyword list ads blocks what it says at character 1" {
		t.Errorf("got %s, and %v", a.body, s.screened())
	}
	a = s.do("POST", "/v1/events", s.publisher, "["+fmt.Sprintf(event, "b1", "damn")+","+fmt.Sprintf(event, "b2", "free money")+"]", "Content-Type", "application/cloudevents-batch+json")
	if strings.Count(string(a.body), `"status":201`) != 2 || s.screened().GetRule() != actors.Rule_KEYWORDS {
		t.Errorf("got %s, and %v", a.body, s.screened())
	}
	metrics := string(s.do("GET", "/metrics", s.operator, "").body)
	for _, want := range []string{`reddot_keywords_hits_total{action="mask"}`, `reddot_keywords_hits_total{action="block"}`, `reddot_keywords_hits_total{action="review"}`} {
		if !strings.Contains(metrics, want) || strings.Contains(metrics, want+" 0\n") {
			t.Errorf("the metrics do not count %s", want)
		}
	}
	s.do("DELETE", "/v1/keywords/ads", s.admin, "")
	s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"damn, free money"}`)
	if !strings.Contains(s.content(), "damn, free money") {
		t.Errorf("got %s", s.content())
	}
}

// TestRepeatOfStopped: what was taken before a word was listed is answered as it was.
func TestRepeatOfStopped(t *testing.T) {
	s := serve(t, nil)
	event := `{"specversion":"1.0","id":"1","source":"/s","type":"order","subject":"alice","data":"damn free money","datacontenttype":"text/plain"}`
	line := `{"to":{"user":"alice"},"body":"damn free money","idempotency_key":"l1"}`
	for _, list := range []string{"", `{"word":"damn","action":"mask"}`, `{"word":"free money","action":"block"}`} {
		if list != "" {
			s.keywords("ads", list)
		}
		for _, a := range []answer{
			s.do("POST", "/v1/users/alice/messages", s.publisher, `{"body":"damn free money"}`, onceHeader, "k1"),
			s.do("POST", "/v1/events", s.publisher, event, "Content-Type", "application/cloudevents+json"),
			s.do("POST", "/v1/messages/batch", s.publisher, line),
		} {
			if text := string(a.body); a.StatusCode >= 300 || !strings.Contains(text, `"id"`) || list != "" && !strings.Contains(text, `"replayed":true`) && a.Header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("with %q got %d %s", list, a.StatusCode, text)
			}
		}
	}
}

package api

import (
	"net/http"
	"strings"
	"testing"

	"reddot/actors"
)

// TestPolicies keeps policies in versions, and says what is wrong with one.
func TestPolicies(t *testing.T) {
	s := serve(t, nil)
	put := func(name, body string, headers ...string) answer {
		return s.do("PUT", "/v1/policies/"+name, s.admin, body, headers...)
	}
	const body = `{"caps": [{"max": 3, "per": "24h", "category": "promo"}], "on_held": "drop"}`
	if a := put("promo", body); a.StatusCode != 201 || a.Header.Get("ETag") != `"1"` ||
		!strings.HasSuffix(string(a.body), `,"caps":[{"max":3,"per":"24h","category":"promo"}],"on_held":"drop"}`) {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	if a := put("promo", body); a.StatusCode != 200 || a.json(t)["version"] != 1.0 || a.json(t)["name"] != "promo" {
		t.Errorf("the same again: got %d %s", a.StatusCode, a.body)
	}
	for range 2 {
		if a := put("promo", `{"on_held":"hold"}`, "Idempotency-Key", "k"); a.StatusCode != 200 || a.json(t)["version"] != 2.0 {
			t.Errorf("got %d %s", a.StatusCode, a.body)
		}
	}
	if a := s.do("GET", "/v1/policies/promo?version=1", s.reader, ""); a.StatusCode != 200 || !strings.Contains(string(a.body), `"max":3`) {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	if a := s.do("GET", "/v1/policies", s.reader, ""); len(a.json(t)["policies"].([]any)) != 1 {
		t.Errorf("got %s", a.body)
	}
	for body, field := range map[string]string{
		`{}`: "body", `[]`: "body", `{"caps":`: "body", `{"cap":[]}`: "cap", `{"caps":[{"max":3}]}`: "caps[0].per", `{"quiet_hours":{"from":"22:00","to":"08:00","zone":"Mars"}}`: "quiet_hours.zone",
		`{"on_held":"digest"}`: "digest", `{"caps":[],"caps":[]}`: "caps",
	} {
		wantProblem(t, put("bad", body), 400, actors.Invalid, field)
	}
	wantProblem(t, put("bad", `{"on_held":"`+strings.Repeat("x", 16<<10)+`"}`), 413, actors.TooLarge, "")
	wantProblem(t, put("a%2Fb", body), 400, actors.Invalid, "name")
	wantProblem(t, s.do("PUT", "/v1/policies/x", s.reader, body), 403, actors.Forbidden, "")
	if a := s.do("DELETE", "/v1/policies/promo", s.admin, ""); a.StatusCode != http.StatusNoContent {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("GET", "/v1/policies/promo", s.admin, ""), 404, actors.NotFound, "")
	audited := string(s.do("GET", "/v1/audit?action=policy.put", s.admin, "").body)
	if strings.Count(audited, `"policy:promo"`) != 2 || strings.Contains(audited, "bad") {
		t.Errorf("got %s", audited)
	}
}

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

// put saves a segment.
func (s *server) put(name, where string, headers ...string) answer {
	s.t.Helper()
	return s.do("PUT", "/v1/segments/"+name, s.admin, fmt.Sprintf(`{"where":%q}`, where), headers...)
}

// wantSegment checks an answer that shows one.
func wantSegment(t *testing.T, a answer, status int, version int, where string) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("got %d %s, want %d", a.StatusCode, a.body, status)
	}
	got := a.json(t)
	if got["where"] != where || got["version"] != float64(version) || a.Header.Get("ETag") != fmt.Sprintf("%q", fmt.Sprint(version)) {
		t.Errorf("got %s, ETag %s, want version %d of %s", a.body, a.Header.Get("ETag"), version, where)
	}
}

func TestSegments(t *testing.T) {
	s := serve(t, nil)
	const where, other = `'vip' in tags && attributes.city == 'Shanghai'`, `'gold' in tags`
	wantProblem(t, s.do("GET", "/v1/segments/vips", s.admin, ""), 404, actors.NotFound, "")
	wantSegment(t, s.put("vips", where), 201, 1, where)
	wantSegment(t, s.put("vips", where), 200, 1, where)
	wantSegment(t, s.put("vips", other), 200, 2, other)
	wantSegment(t, s.do("GET", "/v1/segments/vips", s.reader, ""), 200, 2, other)
	wantSegment(t, s.do("GET", "/v1/segments/vips?version=1", s.reader, ""), 200, 1, where)
	if by, _ := s.put("vips", other).json(t)["updated_by"].(string); !strings.HasPrefix(by, "key:") {
		t.Errorf("got %q, want the key's id", by)
	}

	for _, name := range []string{"a", "b", "c"} {
		s.put(name, where)
	}
	wantProblem(t, s.put("d", where), 429, actors.TooMany, "") // the fixture allows 4
	var names []string
	for next := ""; ; {
		page := s.do("GET", "/v1/segments?limit=2&next="+next, s.reader, "").json(t)
		for _, seg := range page["segments"].([]any) {
			names = append(names, seg.(map[string]any)["name"].(string))
		}
		if next, _ = page["next"].(string); next == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "a b c vips" {
		t.Errorf("got %s", got)
	}

	if a := s.do("DELETE", "/v1/segments/vips", s.admin, ""); a.StatusCode != http.StatusNoContent || len(a.body) > 0 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("GET", "/v1/segments/vips", s.admin, ""), 404, actors.NotFound, "")
	wantSegment(t, s.do("GET", "/v1/segments/vips?version=2", s.admin, ""), 200, 2, other)
	wantSegment(t, s.put("vips", where), 201, 4, where)
}

// TestSegmentFaults says where in the expression a fault is.
func TestSegmentFaults(t *testing.T) {
	s := serve(t, nil)
	a := s.put("vips", "'vip' in tags &&\n  city == 'Shanghai'")
	wantProblem(t, a, 400, actors.Invalid, "where")
	p := a.json(t)
	if place, _ := p["place"].(map[string]any); place["line"] != 2.0 || place["column"] != 3.0 || !strings.Contains(p["detail"].(string), `there is no "city"`) {
		t.Errorf("got %s", a.body)
	}
	wantProblem(t, s.do("GET", "/v1/segments/vips", s.admin, ""), 404, actors.NotFound, "")
	for body, field := range map[string]string{`{}`: "where", `{"where":1}`: "where", `{"were":"true"}`: "were", `{"where":"true","where":"true"}`: "where", `[]`: "body", `{"where":"true"} x`: ""} {
		wantProblem(t, s.do("PUT", "/v1/segments/vips", s.admin, body), 400, actors.Invalid, field)
	}
	wantProblem(t, s.put("vips", strings.Repeat("x", 2049)), 413, actors.TooLarge, "where")
	for _, name := range []string{"a%2Fb", "%20", "..", strings.Repeat("x", 65), "gr%C3%BCn"} {
		wantProblem(t, s.put(name, "true"), 400, actors.Invalid, "name")
		wantProblem(t, s.do("DELETE", "/v1/segments/"+name, s.admin, ""), 400, actors.Invalid, "name")
	}
}

// TestSegmentsMatch: a change may be bound to what was read.
func TestSegmentsMatch(t *testing.T) {
	s := serve(t, nil)
	wantProblem(t, s.put("vips", "true", "If-Match", `"1"`), 412, actors.Conflict, "")
	wantProblem(t, s.put("vips", "true", "If-Match", `*`), 412, actors.Conflict, "")
	wantSegment(t, s.put("vips", "true", "If-None-Match", "*"), 201, 1, "true")
	wantProblem(t, s.put("vips", "false", "If-None-Match", "*"), 412, actors.Conflict, "")
	wantProblem(t, s.put("vips", "false", "If-Match", `W/"1"`), 412, actors.Conflict, "")
	wantSegment(t, s.put("vips", "false", "If-Match", `"7", "1"`), 200, 2, "false")
	wantProblem(t, s.put("vips", "true", "If-Match", `"1"`), 412, actors.Conflict, "")
	wantProblem(t, s.do("DELETE", "/v1/segments/vips", s.admin, "", "If-Match", `"1"`), 412, actors.Conflict, "")
	wantSegment(t, s.do("GET", "/v1/segments/vips", s.admin, ""), 200, 2, "false")

	first := s.put("vips", "true", "Idempotency-Key", "k1", "If-Match", `"2"`)
	wantSegment(t, first, 200, 3, "true")
	wantSegment(t, s.put("vips", "'a' in tags"), 200, 4, "'a' in tags")
	again := s.put("vips", "true", "Idempotency-Key", "k1", "If-Match", `"2"`)
	wantSegment(t, again, 200, 3, "true")
	if again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("got %v, then %v", first.Header, again.Header)
	}
	wantProblem(t, s.put("vips", "false", "Idempotency-Key", "k1"), 422, actors.IdempotencyConflict, "")
	for range 2 {
		if a := s.do("DELETE", "/v1/segments/vips", s.admin, "", "Idempotency-Key", "k2"); a.StatusCode != http.StatusNoContent {
			t.Errorf("got %d %s", a.StatusCode, a.body)
		}
	}
}

// TestSegmentsRights: who may see and write them, each in its own app alone.
func TestSegmentsRights(t *testing.T) {
	var s *server
	keys := map[string]string{}
	s = serve(t, func(_ *Config, d *Deps, _ *transports.Limits) {
		for name, o := range map[string]auth.KeyOrder{"author": {App: "default", Scopes: transports.ScopeAuthor}, "support": {App: "default", Scopes: transports.ScopeSupport},
			"admin alone": {App: "default", Scopes: transports.ScopeAdmin}, "other": {App: "other", Scopes: transports.ScopeApp}} {
			_, secret, err := d.Keys.Create(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			keys[name] = secret.Reveal()
		}
	})
	s.put("vips", "true")
	for name, c := range map[string]struct {
		token     string
		see, make int
	}{
		"read": {s.reader, 200, 403}, "publish": {s.publisher, 403, 403}, "author": {keys["author"], 200, 200}, "admin alone": {keys["admin alone"], 200, 200},
		"support": {keys["support"], 403, 403}, "operator": {s.operator, 403, 403}, "a user": {s.alice, 403, 403}, "nobody": {"", 401, 401}, "another app": {keys["other"], 404, 201},
	} {
		if a := s.do("GET", "/v1/segments/vips", c.token, ""); a.StatusCode != c.see {
			t.Errorf("%s reads: got %d %s, want %d", name, a.StatusCode, a.body, c.see)
		}
		if a := s.do("PUT", "/v1/segments/vips", c.token, `{"where":"true"}`); a.StatusCode != c.make {
			t.Errorf("%s writes: got %d %s, want %d", name, a.StatusCode, a.body, c.make)
		}
	}
	if got := len(s.do("GET", "/v1/segments", keys["other"], "").json(t)["segments"].([]any)); got != 1 {
		t.Errorf("another app has %d segments, want its own", got)
	}
}

// TestSegmentsAreAudited: what was changed stands in the log, and what was not does
// not.
func TestSegmentsAreAudited(t *testing.T) {
	s := serve(t, nil)
	s.put("vips", "true")
	s.put("vips", "true")
	s.put("vips", "false")
	s.put("vips", "true", "If-Match", `"1"`)
	s.do("DELETE", "/v1/segments/vips", s.admin, "")
	var got []string
	for _, e := range s.do("GET", "/v1/audit", s.admin, "").json(t)["entries"].([]any) {
		if e := e.(map[string]any); e["target"] == "segment:vips" {
			got = append(got, fmt.Sprint(e["action"], " ", e["before"], " ", e["after"], " ", e["failed"]))
		}
	}
	want := []string{"segment.put <nil> map[where:true] <nil>", "segment.put map[where:true] map[where:false] <nil>", "segment.delete map[where:false] <nil> <nil>"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

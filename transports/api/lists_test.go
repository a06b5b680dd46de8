package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
)

func TestLists(t *testing.T) {
	s := serve(t, nil)
	a := s.do("POST", "/v1/lists/beta", s.admin, "{\"user\":\"ann\"}\n{\"user\":\"no user\"}\n\n{\"name\":\"x\"}\n{\"user\":\"bob\"}")
	lines := strings.Split(strings.TrimSpace(string(a.body)), "\n")
	if a.StatusCode != 200 || len(lines) != 4 || lines[0] != `{"status":200,"user":"ann"}` || !strings.Contains(lines[1], `"line":2`) || !strings.Contains(lines[2], `"field":"name"`) || lines[3] != `{"status":200,"user":"bob"}` {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	if a = s.do("POST", "/v1/lists/beta/remove", s.admin, `{"user":"ann"}`); strings.TrimSpace(string(a.body)) != `{"status":200,"user":"ann"}` {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	s.router.mu.Lock()
	var joins []string
	for _, c := range s.router.seen {
		if j, ok := c.(*actors.JoinList); ok {
			joins = append(joins, fmt.Sprint(j.List, j.Leave))
		}
	}
	s.router.mu.Unlock()
	if !slices.Equal(joins, []string{"betafalse", "betafalse", "betatrue"}) {
		t.Errorf("the users were asked %v", joins)
	}

	var want []string
	for i := range 2500 {
		user := fmt.Sprint("user", i)
		s.know("default", user, &actors.ProfileChange{Joined: []string{"beta"}})
		s.know("other", user, &actors.ProfileChange{Joined: []string{"beta"}})
		want = append(want, fmt.Sprintf(`{"user":%q}`, user))
	}
	s.know("default", "in another", &actors.ProfileChange{Joined: []string{"bet"}})
	got := strings.Split(strings.TrimSpace(string(s.do("GET", "/v1/lists/beta", s.reader, "").body)), "\n")
	rest := strings.Split(strings.TrimSpace(string(s.do("GET", "/v1/lists/beta?after="+strings.Split(got[1999], `"`)[3], s.reader, "").body)), "\n")
	if !slices.Equal(rest, got[2000:]) {
		t.Errorf("behind the 2,000th there are %d, want 500", len(rest))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %d users, or others", len(got))
	}
	if a := s.do("GET", "/v1/lists/beta/count", s.reader, ""); a.json(t)["count"] != float64(2500) {
		t.Errorf("got %s", a.body)
	}
	if a := s.do("GET", "/v1/lists/none", s.reader, ""); a.StatusCode != 200 || len(a.body) > 0 {
		t.Errorf("an empty list: got %d %s", a.StatusCode, a.body)
	}
	if a := s.do("DELETE", "/v1/lists/beta", s.admin, ""); a.json(t)["removed"] != float64(2500) || a.json(t)["more"] != false {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("POST", "/v1/lists/beta", s.reader, `{"user":"ann"}`), 403, actors.Forbidden, "")
	wantProblem(t, s.do("DELETE", "/v1/lists/a:b", s.admin, ""), 400, actors.Invalid, "name")
	wantProblem(t, s.do("GET", "/v1/lists/beta?after=a%20b", s.reader, ""), 400, actors.Invalid, "user")
}

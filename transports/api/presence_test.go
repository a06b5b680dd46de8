package api

import (
	"fmt"
	"strings"
	"testing"

	"reddot/actors"
)

// TestPresenceOfMany asks for as many users as may be asked for, and for what
// can't be asked for.
func TestPresenceOfMany(t *testing.T) {
	s := serve(t, nil)
	names := make([]string, 1000+1)
	for i := range names {
		names[i] = fmt.Sprintf(`"user%d"`, i)
	}
	body := func(users []string) string { return `{"users":[` + strings.Join(users, ",") + `]}` }
	list := s.do("POST", "/v1/presence", s.admin, body(names[:1000])).json(t)["users"].([]any)
	if len(list) != 1000 {
		t.Fatalf("got %d users, want %d", len(list), 1000)
	}
	for i, one := range list {
		if m := one.(map[string]any); m["user"] != fmt.Sprint("user", i) || m["online"] != true {
			t.Errorf("at %d: got %v", i, one)
		}
	}
	for bad, field := range map[string]string{
		body(names): "users", `{"users":[]}`: "users", `{}`: "users", `{"users":null}`: "users", `{"users":[1]}`: "users",
		`{"users":["a b"]}`: "users", `{"users":["me"]}`: "users", `{"users":["a"],"users":["b"]}`: "users", `{"users":["a"],"more":1}`: "more",
		`["a"]`: "body", `{"users":["a"]`: "", ``: "", `{"users":["a"]}x`: "",
	} {
		wantProblem(t, s.do("POST", "/v1/presence", s.admin, bad), 400, actors.Invalid, field)
	}
}

// TestPresenceRights: a key with read sees all users, a token its own alone.
func TestPresenceRights(t *testing.T) {
	s := serve(t, nil)
	for _, c := range []struct {
		token, method, path, body string
		status                    int
	}{
		{s.reader, "GET", "/v1/users/alice/presence", "", 200},
		{s.reader, "POST", "/v1/presence", `{"users":["alice","bob"]}`, 200},
		{s.publisher, "GET", "/v1/users/alice/presence", "", 403},
		{s.publisher, "POST", "/v1/presence", `{"users":["alice"]}`, 403},
		{s.alice, "GET", "/v1/users/alice/presence", "", 200},
		{s.alice, "GET", "/v1/users/me/presence", "", 200},
		{s.alice, "GET", "/v1/users/bob/presence", "", 403},
		{s.alice, "POST", "/v1/presence", `{"users":["me","alice"]}`, 200},
		{s.alice, "POST", "/v1/presence", `{"users":["alice","bob"]}`, 403},
		{"", "POST", "/v1/presence", `{"users":["alice"]}`, 401},
	} {
		if a := s.do(c.method, c.path, c.token, c.body); a.StatusCode != c.status {
			t.Errorf("%s %s %s: got %d %s, want %d", c.method, c.path, c.body, a.StatusCode, a.body, c.status)
		}
	}
}

// TestPresenceFails: where one user can't be asked, the answer says so and names
// nobody offline.
func TestPresenceFails(t *testing.T) {
	s := serve(t, nil)
	s.router.fail = func(r *actors.Request) *actors.Error {
		if r.Key.Name() == "bob" {
			return actors.Errorf(actors.Unavailable, "no node")
		}
		return nil
	}
	wantProblem(t, s.do("POST", "/v1/presence", s.admin, `{"users":["alice","bob","carol"]}`), 503, actors.Unavailable, "")
}

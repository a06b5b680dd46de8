package paths

import (
	"strings"
	"testing"
)

// tree makes a tree of operations such as "GET /users/{user}", whose routes are their paths.
func tree(t *testing.T, list ...string) *Node[string] {
	t.Helper()
	var table []Operation[string]
	for _, s := range list {
		method, path, _ := strings.Cut(s, " ")
		table = append(table, Operation[string]{Method: method, Path: path, Route: path})
	}
	root, err := New(table)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// What is called as a route beside it is reached by all methods and paths that are not
// that route's own.
func TestNamesOfRoutes(t *testing.T) {
	root := tree(t, "POST /users/import", "GET /users/{user}", "PUT /users/{user}", "GET /users/{user}/counts",
		"POST /users/import/now", "GET /users/{user}/now")
	for asked, want := range map[string]string{
		"POST /users/import":         "/users/import",
		"PUT /users/import":          "/users/{user} import",
		"HEAD /users/%69mport":       "/users/{user} import",
		"GET /users/import/counts":   "/users/{user}/counts import",
		"POST /users/import/now":     "/users/import/now",
		"GET /users/import/now":      "/users/{user}/now import",
		"DELETE /users/import":       "none of GET, HEAD, OPTIONS, POST, PUT",
		"DELETE /users/alice":        "none of GET, HEAD, OPTIONS, PUT",
		"DELETE /users/import/now":   "none of GET, HEAD, OPTIONS, POST",
		"GET /users/import/now/then": "nothing",
		"GET /users/import/":         "nothing",
		"GET users":                  "nothing",
		"GET ":                       "nothing",
	} {
		method, path, _ := strings.Cut(asked, " ")
		var p Params
		n, err := root.Find([]byte(path), []byte(method), &p)
		if err != nil {
			t.Fatal(err)
		}
		got := "nothing"
		if n != nil {
			got = "none of " + n.Allow
			if r, ok := n.Route([]byte(method)); ok {
				got = r
				for _, p := range p.List {
					got += " " + string(p)
				}
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", asked, got, want)
		}
	}
}

func TestTwice(t *testing.T) {
	if _, err := New([]Operation[int]{{Method: "GET", Path: "/a"}, {Method: "GET", Path: "/a"}}); err == nil {
		t.Error("an operation stands twice in the table, and is taken")
	}
}

func TestBehind(t *testing.T) {
	for path, want := range map[string]string{"/v1/topics/a%2Fb/c": "a/b/c", "/v1/topics/": "", "/v1": "", "/v1/topics/%": "error"} {
		var p Params
		b, err := p.Behind([]byte(path), 2)
		if err != nil {
			b = []byte("error")
		}
		if string(b) != want {
			t.Errorf("%s: got %q, want %q", path, b, want)
		}
	}
}

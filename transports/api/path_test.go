package api

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// testTree is the tree of the whole table.
func testTree(t testing.TB) (*API, *node) {
	t.Helper()
	h := func(*fasthttp.RequestCtx) {}
	a := &API{cfg: Config{LegacyURLs: true}, deps: Deps{Pages: Pages{"/": h, "/console": h, "/console/*": h}}}
	a.cfg.fill()
	root, err := compile(a.routes(a.operations()))
	if err != nil {
		t.Fatal(err)
	}
	return a, root
}

func TestPath(t *testing.T) {
	a, root := testTree(t)
	for path, want := range map[string]string{
		"/":                                "/",
		"/console":                         "/console",
		"/console/":                        "/console/*",
		"/console/a/b":                     "/console/*",
		"/v1/messages":                     "/v1/messages",
		"POST /v1/messages/batch":          "/v1/messages/batch",
		"/v1/messages/batch":               "/v1/messages/{id} batch",
		"/v1/messages/x":                   "/v1/messages/{id} x",
		"POST /v1/messages/%62atch":        "/v1/messages/batch",
		"/%76%31/users/%61b/read":          "/v1/users/{user}/read ab",
		"/v1/users/a%2Fb/messages":         "/v1/users/{user}/messages a/b",
		"/v1/users/a%00/messages/%31/read": "/v1/users/{user}/messages/{id}/read a\x00 1",
		"/v1/users//messages":              "",
		"/v1/users/a/messages/":            "",
		"/v1/users/a":                      "/v1/users/{user} a",
		"/v1/users/a/follows/b%2Fc":        "/v1/users/{user}/follows/{topic} a b/c",
		"/v1/users/a/follows/b/c":          "/v1/users/{user}/follows/{topic}/* a b",
		"/v1/users/":                       "",
		"/v1":                              "",
		"/v1/":                             "",
		"/v1/../v1/messages":               "",
		"/v1/users/%2e%2e/messages":        "/v1/users/{user}/messages ..",
		"/v1%2Fmessages":                   "",
		"/V1/messages":                     "",
		"/v1/users/%/messages":             "error",
		"/v1/users/%4/messages":            "error",
		"/v1/users/%zz/messages":           "error",
	} {
		c := newCall(a)
		c.RequestCtx = &fasthttp.RequestCtx{}
		if method, rest, ok := strings.Cut(path, " "); ok {
			c.Request.Header.SetMethod(method)
			path = rest
		}
		c.Request.SetRequestURI(path)
		n, err := root.find(c)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case n != nil:
			got = n.routes[0].path
			for _, p := range c.params {
				got += " " + string(p)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// What is called as a route beside it is reached by all methods and paths that are not
// that route's own.
func TestNamesOfRoutes(t *testing.T) {
	handle := func(*call) error { return nil }
	var table []*route
	for _, r := range []string{"POST /users/import", "GET /users/{user}", "PUT /users/{user}", "GET /users/{user}/counts",
		"POST /users/import/now", "GET /users/{user}/now"} {
		method, path, _ := strings.Cut(r, " ")
		table = append(table, &route{method: method, path: path, handle: handle})
	}
	root, err := compile(table)
	if err != nil {
		t.Fatal(err)
	}
	a := &API{}
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
	} {
		c := newCall(a)
		c.RequestCtx = &fasthttp.RequestCtx{}
		method, path, _ := strings.Cut(asked, " ")
		c.Request.Header.SetMethod(method)
		c.Request.SetRequestURI(path)
		n, err := root.find(c)
		if err != nil {
			t.Fatal(err)
		}
		got := "nothing"
		if n != nil {
			got = "none of " + n.allow
			if r := n.route([]byte(method)); r != nil {
				got = r.path
				for _, p := range c.params {
					got += " " + string(p)
				}
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", asked, got, want)
		}
	}
}

// FuzzPath looks up any path: it must not panic, and what it finds must have
// as many parameters as its template.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/v1/users/alice/messages", "/v1/users/%61/messages/x/read", "/console/..%2f", "/v1/messages/%", "a"} {
		f.Add([]byte(s))
	}
	a, root := testTree(f)
	c := newCall(a)
	f.Fuzz(func(t *testing.T, path []byte) {
		c.RequestCtx = &fasthttp.RequestCtx{}
		c.URI().SetPathBytes(path)
		n, err := root.find(c)
		if err != nil || n == nil {
			return
		}
		if want := bytes.Count([]byte(n.routes[0].path), []byte("{")); len(c.params) != want {
			t.Errorf("%q: got %d parameters, want %d", path, len(c.params), want)
		}
		if n.allow == "" || n.route([]byte(http.MethodGet)) == nil && n.route([]byte(http.MethodPost)) == nil && n.route([]byte(http.MethodDelete)) == nil {
			t.Errorf("%q: a path without methods", path)
		}
	})
}

func BenchmarkPath(b *testing.B) {
	a, root := testTree(b)
	c := newCall(a)
	c.RequestCtx = &fasthttp.RequestCtx{}
	c.Request.SetRequestURI("/v1/users/alice/messages")
	b.ReportAllocs()
	for b.Loop() {
		if n, err := root.find(c); n == nil || err != nil {
			b.Fatal(err)
		}
	}
}

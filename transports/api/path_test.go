package api

import (
	"bytes"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"reddot/transports/api/paths"
)

// testTree is the tree of the whole table.
func testTree(t testing.TB) (*API, *paths.Node[*route]) {
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

// templateOf returns the path of a node's first method.
func templateOf(n *paths.Node[*route]) string {
	for method := range strings.SplitSeq(n.Allow, ", ") {
		if r, ok := n.Route([]byte(method)); ok {
			return r.path
		}
	}
	return "no methods"
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
		n, err := root.Find(c.URI().PathOriginal(), c.Method(), &c.params)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case n != nil:
			got = templateOf(n)
			for _, p := range c.params.List {
				got += " " + string(p)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
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
		n, err := root.Find(c.URI().PathOriginal(), c.Method(), &c.params)
		if err != nil || n == nil {
			return
		}
		if want := bytes.Count([]byte(templateOf(n)), []byte("{")); len(c.params.List) != want {
			t.Errorf("%q: got %d parameters, want %d", path, len(c.params.List), want)
		}
		if n.Allow == "" {
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
		if n, err := root.Find(c.URI().PathOriginal(), c.Method(), &c.params); n == nil || err != nil {
			b.Fatal(err)
		}
	}
}

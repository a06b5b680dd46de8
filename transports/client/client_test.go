package client

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPageSaysThatItWasNotBuilt(t *testing.T) {
	table := load(fstest.MapFS{"dist/.keep": {}})
	page, ok := table["/"]
	if !ok || !strings.Contains(string(page.body), "the page was not built: run make") {
		t.Fatalf("got %q, %v", page.body, ok)
	}
	if len(table) != 1 {
		t.Fatalf("got %d files, want the page alone", len(table))
	}
}

func TestLoad(t *testing.T) {
	script := []byte(strings.Repeat("export const dot = 1\n", 50))
	table := load(fstest.MapFS{
		"dist/.keep":        {},
		"dist/index.html":   {Data: []byte("<!doctype html>")},
		"dist/reddot.js":    {Data: script},
		"dist/reddot.js.br": {Data: []byte("packed")},
		"dist/favicon.svg":  {Data: []byte("<svg/>")},
	})
	for path, want := range map[string]string{
		"/":            "text/html; charset=utf-8",
		"/reddot.js":   "text/javascript; charset=utf-8",
		"/favicon.svg": "image/svg+xml",
	} {
		if got := table[path].contentType; got != want {
			t.Errorf("%s: got type %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"/index.html", "/.keep", "", "reddot.js", "/reddot.js.br"} {
		if _, ok := table[path]; ok {
			t.Errorf("%q is served", path)
		}
	}
	a := table["/reddot.js"]
	r, err := gzip.NewReader(bytes.NewReader(a.packed["gzip"]))
	if err != nil {
		t.Fatal(err)
	}
	back, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(back, script) {
		t.Fatalf("compressed form differs: %v", err)
	}
	if got := string(a.packed["br"]); got != "packed" {
		t.Errorf("the form that the build has made: got %q", got)
	}
	if len(table["/favicon.svg"].packed) != 0 {
		t.Error("a file too small to gain is compressed")
	}
}

func TestETags(t *testing.T) {
	_, _, plain, ok := Asset("/")
	if !ok || !strings.HasPrefix(plain, `"`) || !strings.HasSuffix(plain, `"`) {
		t.Fatalf("got ETag %s, %v", plain, ok)
	}
	if _, packed, ok := Packed("/", "gzip"); ok && packed == plain {
		t.Error("two forms share a strong ETag")
	}
	if _, _, ok := Packed("/nothing", "gzip"); ok {
		t.Error("a missing file has a compressed form")
	}
}

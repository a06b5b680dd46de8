package iframe

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"reddot/actors"
)

func chunk(page string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(page), page) }

func TestFormat(t *testing.T) {
	script := func(value string) string {
		return "<script>parent.postMessage(" + value + ",o)</script>\n"
	}
	for value, want := range map[string]string{
		`{"a":1}`:                          `{"a":1}`,
		`{"b":"</script><!--"}`:            `{"b":"\u003c/script>\u003c!--"}`,
		"{\"b\":\"\u2028 \u2029 \u202a\"}": `{"b":"\u2028 \u2029 ` + "\u202a" + `"}`,
		`{"__proto__":"<"}`:                `JSON.parse("{\"__proto__\":\"\u003c\"}")`,
		`{"\u005f_proto__":1}`:             `JSON.parse("{\"\\u005f_proto__\":1}")`,
		`{"\u005F_\u0070roto_\u005f":1}`:   `JSON.parse("{\"\\u005F_\\u0070roto_\\u005f\":1}")`,
		`{"_proto_":"\u003c"}`:             `{"_proto_":"\u003c"}`,
		`{"b":"a\\\"b"}`:                   `{"b":"a\\\"b"}`,
	} {
		p := &actors.Push{Events: []actors.PushEvent{{JSON: []byte(value)}, {JSON: []byte(`{}`)}}}
		if got, want := string((Format{}).AppendPush(nil, p)), chunk(script(want)+script("{}")); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	if got := (Format{}).AppendPush(nil, &actors.Push{}); len(got) > 0 {
		t.Errorf("no events: got %q; an empty chunk would end the page", got)
	}
	long := `{"b":"` + strings.Repeat("ü", 32<<10) + `"}`
	p := &actors.Push{Events: []actors.PushEvent{{JSON: []byte(long)}}}
	if got := string((Format{}).AppendPush(nil, p)); got != chunk(script(long)) {
		t.Errorf("long: got %.100q", got)
	}
}

func TestTextFormat(t *testing.T) {
	p := &actors.Push{Events: []actors.PushEvent{{Counts: []byte(`{"unread":1}`)}, {Counts: []byte(`{"unread":2}`)}, {Type: "drain"}}}
	want := chunk("<script>parent.document.getElementById(\"count\").innerHTML=\"2\";r()</script>\n")
	if got := string((TextFormat{}).AppendPush(nil, p)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnchunked(t *testing.T) {
	for chunks, want := range map[string]string{
		"":                               "",
		chunk("abc"):                     "abc",
		chunk("a\r\nb") + chunk("\n"):    "a\r\nb\n",
		chunk(strings.Repeat("x", 5000)): strings.Repeat("x", 5000),
	} {
		if got := string(appendUnchunked(nil, []byte(chunks))); got != want {
			t.Errorf("%.50q: got %.50q, want %.50q", chunks, got, want)
		}
	}
}

func TestIsOrigin(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://a.example": true, "http://127.0.0.1:7777": true, "http://[::1]:80": true,
		"": false, "*": false, "null": false, "https://": false, "javascript://x": false, "https://a/b": false,
		"https://a;script-src": false, "https://a b": false, "https://a\r\nX: y": false, "https://ü": false,
	} {
		if got := isOrigin([]byte(origin)); got != want {
			t.Errorf("%q: got %v, want %v", origin, got, want)
		}
	}
}

// FuzzScript checks that nothing gets out of a script, and that the value stays
// the same.
func FuzzScript(f *testing.F) {
	for _, s := range []string{"</script>", "\u2028", "<!--", "__proto__", "a\\u003c", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		value, err := json.Marshal(map[string]string{s: s})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range [][]byte{appendScript(nil, value), appendString(nil, string(value))} {
			if strings.ContainsAny(string(v), "<\u2028\u2029\n\r") {
				t.Errorf("%q may leave the script", v)
			}
			if !json.Valid(v) {
				t.Errorf("%q is no value", v)
			}
		}
		var got any
		var text string
		if err := json.Unmarshal(appendString(nil, string(value)), &text); err != nil || text != string(value) {
			t.Errorf("got %q, %v; want %q", text, err, value)
		}
		if err := json.Unmarshal(appendScript(nil, value), &got); err != nil {
			t.Error(err)
		}
	})
}

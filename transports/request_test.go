package transports

import (
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

func TestAfter(t *testing.T) {
	good := actors.Cursor{Lineage: 3, Seq: 4, Pos: 5}
	for _, test := range []struct {
		name, query, header string
		after, resumed      *actors.Cursor // of After and of LastEventID
		bad, badResumed     bool
	}{
		{name: "none"},
		{name: "empty", query: "after="},
		{name: "address", query: "after=" + good.String(), after: &good, resumed: &good},
		{name: "header", header: good.String(), resumed: &good},
		{name: "header first", query: "after=%20", header: good.String(), bad: true, resumed: &good},
		{name: "foreign", query: "after=a_Version-9", after: &foreignCursor, resumed: &foreignCursor},
		{name: "no cursor", query: "after=a.b", bad: true, badResumed: true},
		{name: "long", query: "after=" + strings.Repeat("a", 65), bad: true, badResumed: true},
		{name: "polyfill", query: "lastEventId=" + good.String(), resumed: &good},
		{name: "polyfill before address", query: "after=a_Version-9&lastEventId=" + good.String(), after: &foreignCursor, resumed: &good},
		{name: "header before polyfill", query: "lastEventId=a_Version-9", header: good.String(), resumed: &good},
		{name: "polyfill without an id", query: "lastEventId=&after=" + good.String(), after: &good, resumed: &good},
		{name: "polyfill is no cursor", query: "lastEventId=17%20%25", resumed: &foreignCursor},
		{name: "header is no cursor", header: "17 %", resumed: &foreignCursor},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ctx fasthttp.RequestCtx
			ctx.Request.SetRequestURI("/?" + test.query)
			if test.header != "" {
				ctx.Request.Header.Set("Last-Event-ID", test.header)
			}
			check := func(got *actors.Cursor, err error, want *actors.Cursor, bad bool) {
				t.Helper()
				if bad != (err != nil) || err != nil && actors.AsError(err).Code != actors.Invalid {
					t.Fatalf("got error %v, want one: %v", err, bad)
				}
				if !bad && (got == nil) != (want == nil) || got != nil && want != nil && *got != *want {
					t.Errorf("got %v, want %v", got, want)
				}
			}
			got, err := After(&ctx)
			check(got, err, test.after, test.bad)
			got, err = LastEventID(&ctx)
			check(got, err, test.resumed, test.badResumed)
		})
	}
}

func TestTimeout(t *testing.T) {
	for query, want := range map[string]time.Duration{
		"":              25 * time.Second,
		"timeout=":      25 * time.Second,
		"timeout=0":     0,
		"timeout=1.5":   1500 * time.Millisecond,
		"timeout=60":    time.Minute,
		"timeout=1e300": time.Minute,
		"timeout=Inf":   time.Minute,
		"timeout=-1":    -1,
		"timeout=NaN":   -1,
		"timeout=5s":    -1,
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI("/?" + query)
		got, err := Timeout(&ctx, 25*time.Second, time.Minute)
		if want < 0 {
			if err == nil || actors.AsError(err).Field != "timeout" {
				t.Errorf("%q: got %v, %v; want an error", query, got, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", query, got, err, want)
		}
	}
}

func TestMessageText(t *testing.T) {
	for json, want := range map[string]string{
		`{"message":{"title":"t","body":"a\nb \"ü\" \ud83d\ude00"}}`: "a\nb \"ü\" 😀",
		`{"message":{"title":"t"}}`:                                  "t",
		`{"message":{"data":{"a":[1,"\u0001"]}}}`:                    `{"a":[1,"\u0001"]}`,
		`{"message":{"body":""}}`:                                    "",
		`{"message":{"title":"t","body":""}}`:                        "t",
	} {
		got, ok := MessageText(&actors.PushEvent{Type: "message", JSON: []byte(json)})
		if !ok || string(got) != want {
			t.Errorf("%s: got %q, %v; want %q", json, got, ok, want)
		}
	}
	for _, e := range []actors.PushEvent{{Type: "state", JSON: []byte(`{"message":{"body":"x"}}`)}, {Type: "message", JSON: []byte(`{}`)}} {
		if got, ok := MessageText(&e); ok {
			t.Errorf("%s %s: got %q, want none", e.Type, e.JSON, got)
		}
	}
	if got := Unread([]byte(`{"unread":12}`)); got != 12 {
		t.Errorf("got %d unread, want 12", got)
	}
}

// FuzzAfter checks that a text is either refused as invalid or a cursor that
// can be written and read again.
func FuzzAfter(f *testing.F) {
	f.Add([]byte(actors.Cursor{Lineage: 3, Seq: 4, Pos: 5}.String()))
	f.Add([]byte("a_Version-9"))
	f.Add([]byte("17 %"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseAfter(text)
		if err != nil {
			if actors.AsError(err).Code != actors.Invalid {
				t.Errorf("%q: got %v, want invalid", text, err)
			}
			return
		}
		if c == nil {
			if len(text) > 0 {
				t.Errorf("%q: got no cursor and no error", text)
			}
			return
		}
		again, err := ParseAfter(c.Append(nil))
		if err != nil || *again != *c {
			t.Errorf("%q: got %v, and again %v, %v", text, c, again, err)
		}
	})
}

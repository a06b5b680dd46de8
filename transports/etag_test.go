package transports

import (
	"testing"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

func TestETagListed(t *testing.T) {
	for _, test := range []struct {
		list string
		want bool
	}{
		{`"c"`, true},
		{`W/"c"`, true},
		{`*`, true},
		{` * `, true},
		{`"a","b" , W/"c"`, true},
		{`"a,","c"`, true},
		{`, ,"c",`, true},
		{``, false},
		{`c`, false},
		{`"a"`, false},
		{`"c`, false},
		{`"a" "c"`, false},
		{`"a", *`, false},
		{`w/"c"`, false},
		{`x, "c"`, false},
	} {
		if got := etagListed([]byte(test.list), []byte(`"c"`), false); got != test.want {
			t.Errorf("%q: got %v, want %v", test.list, got, test.want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		field, etag string
		want        bool
	}{
		{"", `"1"`, true},
		{"", "", true},
		{`"1"`, `"1"`, true},
		{`"2", "1"`, `"1"`, true},
		{`"2"`, `"1"`, false},
		{`W/"1"`, `"1"`, false},
		{`W/"1", "1"`, `"1"`, true},
		{`*`, `"1"`, true},
		{`*`, "", false},
		{`"1"`, "", false},
		{`1`, `"1"`, false},
	} {
		var ctx fasthttp.RequestCtx
		if test.field != "" {
			ctx.Request.Header.Set(fasthttp.HeaderIfMatch, test.field)
		}
		if got := match(&ctx, []byte(test.etag)); got != test.want {
			t.Errorf("%q and %q: got %v, want %v", test.field, test.etag, got, test.want)
		}
	}
}

func FuzzIfNoneMatch(f *testing.F) {
	for _, s := range []string{`"c"`, `W/"a", "c"`, `*`, `"`, `,,"`, "\t\"c\""} {
		f.Add(s, uint64(1))
	}
	f.Fuzz(func(t *testing.T, list string, seq uint64) {
		etag := AppendETag(nil, actors.Cursor{Lineage: 1, Seq: seq})
		etagListed([]byte(list), etag, false)
		if !etagListed(append([]byte(`"",W/"`+etagText(list)+`" ,`), etag...), etag, false) {
			t.Errorf("the tag behind %q is not found", list)
		}
	})
}

// etagText leaves out what cannot stand within a tag.
func etagText(s string) string {
	var b []byte
	for i := range len(s) {
		if s[i] != '"' {
			b = append(b, s[i])
		}
	}
	return string(b)
}

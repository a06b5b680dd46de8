package audience

import (
	"strings"
	"testing"
)

// TestReason tells what of a profile decides an expression, and leaves out what does not.
func TestReason(t *testing.T) {
	for _, c := range []struct{ where, want string }{
		{`attributes.city == 'Beijing'`, `attributes.city was "Shanghai"`},
		{`'vip' in tags && attributes.city == 'Beijing'`, `attributes.city was "Shanghai"`},
		{`'gold' in tags && attributes.city == 'Beijing'`, `"gold" was not in tags, attributes.city was "Shanghai"`},
		{`'gold' in tags || attributes.level > 5`, `"gold" was not in tags, attributes.level was 3`},
		{`'vip' in tags || attributes.level > 5`, `"vip" was in tags`},
		{`!('vip' in tags || attributes.active)`, `"vip" was in tags, attributes.active was true`},
		{`attributes.nothing > 1 && attributes.nothing < 9`, `there was no attributes.nothing`},
		{`'nothing' in attributes`, `there was no attributes.nothing`},
		{`'de' in attributes.langs`, `attributes.langs was a list of 3`},
		{`locale startsWith 'de' && zone == 'Asia/Shanghai'`, `locale was "zh-CN"`},
		{`attributes.signed_up > now - duration('1d')`, `attributes.signed_up was 2026-02-19T12:00:00Z`},
		{`attributes.city in tags`, `attributes.city was "Shanghai", "Shanghai" was not in tags`},
		{`lower(attributes.city) in ['x']`, `attributes.city was "Shanghai"`},
		{`false`, `the expression is the same for all`},
	} {
		s, err := Check(c.where)
		if err != nil {
			t.Fatalf("%s: %v", c.where, err)
		}
		if got := s.Reason(vip, noon.UnixMilli()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.where, got, c.want)
		}
	}
}

// TestReasonIsBounded: neither a long value nor many parts make a reason long.
func TestReasonIsBounded(t *testing.T) {
	who := &profile{attributes: map[string]Value{"a": text(strings.Repeat("ä", 1000))}}
	where := `attributes.a == 'x'`
	for i := range 30 {
		where += " || attributes.b" + strings.Repeat("c", i) + " == 'x'"
	}
	s, err := Check(where)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Reason(who, noon.UnixMilli())
	if len(got) > maxFacts*(2*maxFact+40) || !strings.HasSuffix(got, ", and more") || strings.Count(got, ", there was no ") != maxFacts-1 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

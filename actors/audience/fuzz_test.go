package audience

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"reddot/actors"
)

// FuzzCheck: whatever the text is, it is refused with a place that is in it, or
// matches the same each time, and its opposite the opposite; and it takes no time.
func FuzzCheck(f *testing.F) {
	for _, where := range []string{example, `not (1 < attributes.level <= 3) or locale in ['de', "at"] | len`, `attributes["a"]?.b ?? nil`, "`raw` in follows; let x = 1; x",
		`now - duration('30d') + duration("1h") < date('2026-01-01')`, `lower(attributes.x) not startsWith 'a' && len('x') == 0x1F`, `{a: [1, b'x']}[0:1] ** -2e9`, "any(tags, {# == .x}) // #", "if a { b } else { c }"} {
		f.Add(where, "vip", 3.5, int64(1))
	}
	f.Fuzz(func(t *testing.T, where, name string, n float64, now int64) {
		start := time.Now()
		s, err := Check(where)
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("%q took %v", where, d)
		}
		if err != nil {
			var e *actors.Error
			if !errors.As(err, &e) || e.Detail == "" || e.Field != "where" {
				t.Fatalf("%q: got %v", where, err)
			}
			if lines := strings.Split(where, "\n"); e.Place != (actors.Place{}) &&
				(e.Place.Line < 1 || e.Place.Line > len(lines) || e.Place.Column < 1 || e.Place.Column > utf8.RuneCountInString(lines[e.Place.Line-1])+1) {
				t.Fatalf("%q: got the place %v", where, e.Place)
			}
			return
		}
		who := &profile{sets: [numSets][]string{Tags: {name}, Follows: {name}}, locale: name, attributes: map[string]Value{
			"level": number(n), "x": text(name), "a": {Kind: List, Texts: []string{name}, Numbers: []float64{n}}, "t": {Kind: Time, Time: now}, "on": yes(now&1 == 0)}}
		got := s.Matches(who, now)
		again, err := Check(s.Where())
		if err != nil || again.Matches(who, now) != got {
			t.Fatalf("%q: got %v, %v the second time", where, got, err)
		}
		if opposite, err := Check("!(" + where + "\n)"); err == nil && opposite.Matches(who, now) == got {
			t.Fatalf("%q and its opposite: got %v", where, got)
		}
	})
}

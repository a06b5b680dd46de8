package audience

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
)

// keysOf returns the keys of a profile's postings.
func keysOf(app, user string, p *profile) [][]byte {
	m := NewRowMaker(actors.UserKey(app, user))
	for set, names := range p.sets {
		m.Set(Set(set), names)
	}
	for name, v := range p.attributes {
		m.Attribute(name, v)
	}
	m.Locale(p.locale)
	m.Zone(p.zone)
	return m.Keys()
}

// TestRows looks up values among each other's rows.
func TestRows(t *testing.T) {
	values := []Value{
		text(""), text("a"), text("a\x00"), text("a\x00\x01b"), text("a\x00\xff"), text("ab"), text("b"), text("中"), text(strings.Repeat("x", 1024)),
		number(math.Copysign(0, -1)), number(0), number(-1), number(-2.5), number(1), number(1e300), number(-1e300), number(5e-324),
		yes(true), yes(false), {Kind: Time, Time: -1}, {Kind: Time, Time: 0}, {Kind: Time, Time: 1 << 50}, {Kind: Time, Time: -1 << 50},
		list("a", "b"), {Kind: List, Numbers: []float64{-1, 2}},
	}
	users := map[string]*profile{}
	var all [][]byte
	for i, v := range values {
		name := fmt.Sprint("user", i)
		users[name] = &profile{attributes: map[string]Value{"a": v}}
		all = append(all, keysOf("app", name, users[name])...)
		all = append(all, keysOf("app2", name, users[name])...)
		all = append(all, keysOf("app", name, &profile{attributes: map[string]Value{"a\x00": v, "ab": v}})...)
	}
	slices.SortFunc(all, bytes.Compare)
	ends := append(values[:23:23], Value{})
	for _, low := range ends {
		for _, high := range ends {
			for flags := range 8 {
				l := Lookup{Field: attributeField("a"), Kind: cmp.Or(low.Kind, high.Kind), Low: low, High: high, AboveLow: flags&1 != 0, BelowHigh: flags&2 != 0, Listed: flags&4 != 0}
				if l.Kind == Absent || low.Kind != Absent && high.Kind != Absent && low.Kind != high.Kind {
					continue
				}
				var want, got []string
				for name, p := range users {
					if p.finds(l) {
						want = append(want, name)
					}
				}
				if s, ok := l.Span("app"); ok {
					for _, k := range all {
						if bytes.Compare(k, s.From) >= 0 && bytes.Compare(k, s.Below) < 0 {
							got = append(got, UserOf(s.Name(k)))
						}
					}
				}
				slices.Sort(want)
				slices.Sort(got)
				if got = slices.Compact(got); !slices.Equal(got, want) { // a list may have two such items
					t.Errorf("%+v: got %v, want %v", l, got, want)
				}
			}
		}
	}
}

// A posting's key fits into every store, whatever is in a profile.
func TestRowsAreBounded(t *testing.T) {
	app, user := strings.Repeat("a", 64), strings.Repeat("u", 128)
	p := &profile{
		sets:       [numSets][]string{Follows: {strings.Repeat("\x01", 65000) + "1", strings.Repeat("\x01", 65000) + "2"}},
		attributes: map[string]Value{strings.Repeat("n", 64): text(strings.Repeat("\x00", 1024))},
	}
	keys := keysOf(app, user, p)
	for i, k := range keys {
		if len(k) > actors.MaxIndexKey {
			t.Errorf("a key of %d bytes", len(k))
		}
		if slices.ContainsFunc(keys[:i], func(o []byte) bool { return bytes.Equal(o, k) }) {
			t.Errorf("two long values have one key %q", k)
		}
	}
	l := one("follows", text(strings.Repeat("\x01", 65000)+"2"))
	if s, ok := l.Span(app); !ok || UserOf(s.Name(keys[1])) != user || bytes.Compare(keys[1], s.From) < 0 || bytes.Compare(keys[1], s.Below) >= 0 {
		t.Errorf("a long topic is not found")
	}
}

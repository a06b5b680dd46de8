package profile

import (
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/audience"
)

// someone is a user of whom each kind of thing is known.
func someone(t testing.TB) *State {
	t.Helper()
	s := &State{}
	p := &actors.Profile{
		Tags: []string{"vip", "beta"}, Tenants: []string{"acme"}, Locale: "zh-CN", Zone: "Asia/Shanghai",
		Attributes: []*actors.Attribute{text("city", "Shanghai"), {Name: "level", Value: &actors.Attribute_Number{Number: 3}},
			{Name: "active", Value: &actors.Attribute_Flag{Flag: true}}, {Name: "signed_up", Value: &actors.Attribute_Time{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()}},
			{Name: "langs", Value: &actors.Attribute_Texts{Texts: &actors.TextList{List: []string{"de", "zh"}}}},
			{Name: "sizes", Value: &actors.Attribute_Numbers{Numbers: &actors.NumberList{List: []float64{1, 2.5}}}}, {Name: "none"}},
	}
	if err := Check(&actors.Profile{Tags: p.Tags, Tenants: p.Tenants, Attributes: p.Attributes[:6]}); err != nil { // it puts them into their order
		t.Fatal(err)
	}
	s.Apply(&actors.Event{Seq: 1, Profile: &actors.ProfileChange{Profile: p, Followed: []string{"news/sport", "a"}, Joined: []string{"friends", "a-list"}}})
	return s
}

// TestSubject matches expressions with what a user's events have made.
func TestSubject(t *testing.T) {
	now := time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC).UnixMilli()
	s := someone(t)
	for where, want := range map[string]bool{
		"'vip' in tags && 'beta' in tags && !('x' in tags)":         true,
		"'acme' in tenants && 'vip' not in tenants":                 true,
		"'news/sport' in follows && 'friends' not in follows":       true,
		"'friends' in lists && 'a-list' in lists && 'a' in follows": true,
		"'news/sport' in lists":                                     false,
		"locale == 'zh-CN' && zone startsWith 'Asia/'":              true,
		"attributes.city == 'Shanghai' && attributes.level >= 3":    true,
		"attributes.active && 'city' in attributes":                 true,
		"'town' in attributes || attributes.town == 'x'":            false,
		"attributes.signed_up > now - duration('30d')":              true,
		"attributes.signed_up > now - duration('3d')":               false,
		"'de' in attributes.langs && 2.5 in attributes.sizes":       true,
		"'fr' in attributes.langs || len(attributes.sizes) != 2":    false,
		"attributes.none == 'x'":                                    false,
		"attributes.none != 'x'":                                    true,
	} {
		segment, err := audience.Check(where)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if got := segment.Matches(s, now); got != want {
			t.Errorf("%s: got %v, want %v", where, got, want)
		}
	}
	nobody, err := audience.Check("'vip' in tags || 'a' in lists || 'a' in follows || 'a' in tenants || locale == 'de' || zone == 'UTC' || 'a' in attributes")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*State{nil, {}} {
		if nobody.Matches(s, now) {
			t.Errorf("one of whom nothing is known matches")
		}
	}
	if s.Has(99, "vip") {
		t.Error("there is something in a set that is none")
	}
}

// TestSubjectAllocatesNothing: a broadcast is judged for each user who is awake.
func TestSubjectAllocatesNothing(t *testing.T) {
	segment, err := audience.Check("'vip' in tags && 'acme' in tenants && 'a' in follows && 'friends' in lists && attributes.city == 'Shanghai' && " +
		"attributes.level >= 3 && 'de' in attributes.langs && 2.5 in attributes.sizes && locale == 'zh-CN' && zone startsWith 'Asia/'")
	if err != nil {
		t.Fatal(err)
	}
	s := someone(t)
	if n := testing.AllocsPerRun(100, func() {
		if !segment.Matches(s, 0) {
			t.Fatal("no match")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

package audience

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// people are an index, made by a look at every profile, and the profiles.
type people struct {
	profiles map[string]*profile
	names    []string // sorted
	looks    map[string]int
	loads    int
	fail     error
}

func newPeople(profiles map[string]*profile) *people {
	return &people{profiles: profiles, names: slices.Sorted(maps.Keys(profiles)), looks: map[string]int{}}
}

// finds tells what the contract of Postings says.
func (p *profile) finds(l Lookup) bool {
	has := func(v Value) bool { return l.Has(&v) }
	if set, ok := setNamed(l.Field); ok {
		return slices.ContainsFunc(p.sets[set], func(name string) bool { return has(text(name)) })
	}
	switch l.Field {
	case "":
		return true
	case "locale":
		return p.locale != "" && has(text(p.locale))
	case "zone":
		return p.zone != "" && has(text(p.zone))
	case "attributes":
		return slices.ContainsFunc(slices.Collect(maps.Keys(p.attributes)), func(name string) bool { return has(text(name)) })
	}
	v := p.attributes[strings.TrimPrefix(l.Field, "attributes.")]
	if !l.Listed {
		return v.Kind != List && v.Kind != Absent && has(v)
	}
	return slices.ContainsFunc(v.Texts, func(s string) bool { return has(text(s)) }) ||
		slices.ContainsFunc(v.Numbers, func(f float64) bool { return has(number(f)) })
}

func (p *people) Estimate(l Lookup) (n int, err error) {
	for _, who := range p.profiles {
		if who.finds(l) {
			n++
		}
	}
	return n, p.fail
}

func (p *people) Users(l Lookup, from string, page []string) (n int, err error) {
	p.looks[l.Field]++
	for _, name := range p.names {
		if n < len(page) && name >= from && p.profiles[name].finds(l) {
			page[n] = name
			n++
		}
	}
	return n, p.fail
}

func (p *people) Load(users []string, to []Subject) error {
	p.loads += len(users)
	for i, name := range users {
		to[i] = p.profiles[name]
	}
	return p.fail
}

// filtered is whom the plan has to find.
func (p *people) filtered(s *Segment) (users []string) {
	for _, name := range p.names {
		if s.Matches(p.profiles[name], noon.UnixMilli()) {
			users = append(users, name)
		}
	}
	return users
}

// found reads all pages of the plan.
func (p *people) found(t testing.TB, s *Segment, limit func() int) (users []string) {
	t.Helper()
	plan, err := s.Plan(p, noon.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	for after := ""; ; {
		n := limit()
		page, next, err := plan.Find(after, n, p)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > n || next != "" && next <= after {
			t.Fatalf("a page of %d users, behind %q to %q; the limit is %d", len(page), after, next, n)
		}
		users = append(users, page...)
		if next == "" {
			return users
		}
		after = next
	}
}

// words are few, so that profiles and expressions often meet.
var words = []string{"a", "ab", "b", "Ä", "vip", "中"}

func word(r *rand.Rand) string { return words[r.IntN(len(words))] }

func someWords(r *rand.Rand) (some []string) {
	for _, w := range words {
		if r.IntN(3) == 0 {
			some = append(some, w)
		}
	}
	return some
}

func randomValue(r *rand.Rand) Value {
	switch r.IntN(6) {
	case 0, 1:
		return text(word(r))
	case 2:
		return number(float64(r.IntN(4)))
	case 3:
		return yes(r.IntN(2) == 0)
	case 4:
		return at(noon.Add(time.Duration(r.IntN(5)-2) * 24 * time.Hour))
	default:
		return mixed(list(someWords(r)...), float64(r.IntN(4)))
	}
}

func randomProfile(r *rand.Rand) *profile {
	p := &profile{attributes: map[string]Value{}}
	for i := range p.sets {
		p.sets[i] = someWords(r)
	}
	for _, name := range []string{"x", "y"} {
		if r.IntN(4) > 0 {
			p.attributes[name] = randomValue(r)
		}
	}
	if r.IntN(2) == 0 {
		p.locale, p.zone = word(r), word(r)
	}
	return p
}

// randomExpression writes one that is right.
func randomExpression(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(4) > 0 {
		a, b := randomExpression(r, depth-1), randomExpression(r, depth-1)
		return []string{"(" + a + " && " + b + ")", "(" + a + " || " + b + ")", "!(" + a + ")", "(" + a + " and " + b + ")"}[r.IntN(4)]
	}
	attr := []string{"attributes.x", "attributes['y']"}[r.IntN(2)]
	quoted := "'" + word(r) + "'"
	compare := []string{"==", "!=", "<", "<=", ">", ">="}[r.IntN(6)]
	constant := []string{quoted, fmt.Sprint(r.IntN(4)), "date('2026-03-02')", "now - duration('1d')", "now"}[r.IntN(5)]
	switch r.IntN(12) {
	case 0, 1:
		return quoted + " in " + setNames[r.IntN(int(numSets))]
	case 2:
		return quoted + []string{" in ", " not in "}[r.IntN(2)] + attr
	case 3:
		return attr + compare + constant
	case 4:
		return constant + compare + attr
	case 5:
		return fmt.Sprintf("%s in [%s, %d, true]", attr, quoted, r.IntN(4))
	case 6:
		return attr + []string{" startsWith ", " endsWith ", " contains ", " not startsWith "}[r.IntN(4)] + []string{quoted, "''"}[r.IntN(2)]
	case 7:
		return []string{attr, attr + " == true", "attributes.x == attributes.y", "'x' in attributes", "'y' not in attributes", "true", "false"}[r.IntN(7)]
	case 8:
		return []string{"locale", "zone"}[r.IntN(2)] + compare + quoted
	case 9:
		return fmt.Sprintf("%d %s %s %s %d", r.IntN(3), []string{"<", "<=", ">="}[r.IntN(3)], attr, []string{"<", "<=", ">"}[r.IntN(3)], r.IntN(4))
	case 10:
		return fmt.Sprintf("lower(%s) == %s || len(%s) > 1", attr, quoted, attr)
	default:
		return []string{"locale", attr}[r.IntN(2)] + " in " + setNames[r.IntN(int(numSets))]
	}
}

// TestPlanFindsWhomTheSegmentMatches compares plans with a look at everybody.
func TestPlanFindsWhomTheSegmentMatches(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 30 {
		profiles := map[string]*profile{}
		for range r.IntN(700) {
			profiles[fmt.Sprintf("%x", r.Uint32N(1<<16))] = randomProfile(r)
		}
		p := newPeople(profiles)
		for range 15 {
			where := randomExpression(r, 3)
			s, err := Check(where)
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			most := 1 + r.IntN(300)
			got, want := p.found(t, s, func() int { return 1 + r.IntN(most) }), p.filtered(s)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: the plan finds %d of %d users, want %d\ngot  %v\nwant %v", where, len(got), len(p.names), len(want), got, want)
			}
		}
	}
}

// TestPlanTakesTheSmallest posting, and reads what is not much larger beside it.
func TestPlanTakesTheSmallest(t *testing.T) {
	profiles := map[string]*profile{}
	for i := range 3000 {
		p := &profile{locale: "de", attributes: map[string]Value{"n": number(float64(i)), "city": text("Berlin")}}
		if i%100 == 0 {
			p.sets[Tags] = []string{"vip"}
		}
		if i%50 == 0 {
			p.attributes["city"] = text("Shanghai")
		}
		profiles[fmt.Sprintf("%04d", i)] = p
	}
	for _, c := range []struct {
		where    string
		estimate int
		loads    int // for pages of 100; one that is not full loads minLoads more
		fields   []string
	}{
		{`locale == 'de' && 'vip' in tags`, 30, 30, []string{"tags"}},
		{`'vip' in tags && attributes.city == 'Shanghai'`, 30, 0, []string{"attributes.city", "tags"}},
		{`'vip' in tags && attributes.city == 'Shanghai' && attributes.n != 7`, 30, 30, []string{"attributes.city", "tags"}},
		{`'vip' in tags || attributes.city == 'Shanghai'`, 90, 0, []string{"attributes.city", "tags"}},
		{`attributes.n >= 10 && attributes.n < 20`, 10, 0, []string{"attributes.n"}},
		{`10 < attributes.n <= 20 && attributes.n > 5 && attributes.n < 99`, 10, 0, []string{"attributes.n"}},
		{`('vip' in tags || attributes.n == 7) && locale == 'de'`, 31, 31, []string{"attributes.n", "tags"}},
		{`attributes.n != 7`, 3000, 3015, []string{""}},
		{`'vip' in tags || attributes.n != 7`, 3000, 3015, []string{""}},
		{`true`, 3000, 0, []string{""}},
		{`'vip' in tags || true`, 3000, 0, []string{""}},
		{`'nobody' in tags && locale != 'de'`, 0, 0, []string{"tags"}},
		{`false && locale == 'de'`, 0, 0, nil},
	} {
		p := newPeople(profiles)
		s, err := Check(c.where)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := s.Plan(p, noon.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		got := p.found(t, s, func() int { return 100 })
		if !slices.Equal(got, p.filtered(s)) {
			t.Errorf("%s: finds %d", c.where, len(got))
		}
		if fields := slices.Sorted(maps.Keys(p.looks)); plan.Estimate() != c.estimate || p.loads != c.loads || !slices.Equal(fields, c.fields) {
			t.Errorf("%s: got %d, %d loads, fields %q; want %d, %d, %q", c.where, plan.Estimate(), p.loads, fields, c.estimate, c.loads, c.fields)
		}
	}
}

// TestFindLooksAtFew: a call ends soon, also when nobody matches.
func TestFindLooksAtFew(t *testing.T) {
	profiles := map[string]*profile{}
	for i := range 3 * maxLooks {
		profiles[fmt.Sprintf("%05d", i)] = &profile{}
	}
	p := newPeople(profiles)
	s, err := Check(`'city' not in attributes && locale == locale`)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Plan(p, noon.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	users, next, err := plan.Find("", 20, p)
	if err != nil || len(users) > 0 || next != p.names[maxLooks-1] || p.loads != maxLooks {
		t.Errorf("got %d users, next %q, %d loads, %v", len(users), next, p.loads, err)
	}
	for _, user := range p.names {
		profiles[user].locale = "de"
	}
	p.loads = 0
	if users, next, err = plan.Find("", 20, p); err != nil || len(users) != 20 || next != users[19] || p.loads != 20 {
		t.Errorf("got %d users, next %q, %d loads, %v", len(users), next, p.loads, err)
	}
	gone := errors.New("gone")
	p.fail = gone
	if _, _, err := plan.Find(p.names[maxLooks], 20, p); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Plan(p, 0); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	p.fail = nil
	if users, _, err := plan.Find(p.names[maxLooks], 20, p); err != nil || !slices.Equal(users, p.names[maxLooks+1:maxLooks+21]) {
		t.Errorf("after an error: got %v, %v", users, err)
	}
}

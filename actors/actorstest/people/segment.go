package people

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"reddot/actors"
)

// hour is an hour, in milliseconds.
const hour = 60 * 60 * 1000

// An Audience is whom a message is for. Has tells by what is known of a person at now
// (unix milliseconds) whether the person is one of them.
type Audience struct {
	*actors.Audience
	Has func(p *Person, now int64) bool
}

// Where returns an expression for the same people.
func (a *Audience) Where() string {
	switch {
	case a.Topic != "":
		return quoted(a.Topic) + " in follows"
	case a.List != "":
		return quoted(a.List) + " in lists"
	case a.Segment != nil:
		return a.Segment.Where
	}
	return "true"
}

// RandomAudience returns one of those that a message may have.
func RandomAudience(rng *rand.Rand) Audience {
	switch rng.IntN(8) {
	case 0, 1:
		return Audience{&actors.Audience{All: true}, func(*Person, int64) bool { return true }}
	case 2:
		t := one(rng, Topics)
		return Audience{&actors.Audience{Topic: t}, func(p *Person, _ int64) bool { return p.Follows[t] }}
	case 3:
		l := one(rng, Lists)
		return Audience{&actors.Audience{List: l}, func(p *Person, _ int64) bool { return p.Lists[l] }}
	}
	s := expression(rng, 1+rng.IntN(3))
	return Audience{&actors.Audience{Segment: &actors.Segment{Name: "s", Version: 1 + rng.Uint64N(5), Where: s.where}}, s.has}
}

// A segment is an expression, and what it means.
type segment struct {
	where string
	has   func(p *Person, now int64) bool
}

// expression returns one of up to 2^depth questions.
func expression(rng *rand.Rand, depth int) segment {
	if depth == 0 || rng.IntN(4) == 0 {
		return question(rng)
	}
	a := expression(rng, depth-1)
	switch rng.IntN(5) {
	case 0:
		return segment{one(rng, []string{"!", "not "}) + "(" + a.where + ")", func(p *Person, now int64) bool { return !a.has(p, now) }}
	case 1, 2:
		b := expression(rng, depth-1)
		return segment{"(" + a.where + one(rng, []string{" && ", " and "}) + b.where + ")", func(p *Person, now int64) bool { return a.has(p, now) && b.has(p, now) }}
	default:
		b := expression(rng, depth-1)
		return segment{"(" + a.where + one(rng, []string{" || ", " or "}) + b.where + ")", func(p *Person, now int64) bool { return a.has(p, now) || b.has(p, now) }}
	}
}

// question returns an expression without another one in it.
func question(rng *rand.Rand) segment {
	switch rng.IntN(12) {
	case 0:
		return in(rng, tags, "tags", func(p *Person, s string) bool { return slices.Contains(p.tags, s) })
	case 1:
		return in(rng, tenants, "tenants", func(p *Person, s string) bool { return slices.Contains(p.tenants, s) })
	case 2:
		return in(rng, Topics, "follows", func(p *Person, s string) bool { return p.Follows[s] })
	case 3:
		return in(rng, Lists, "lists", func(p *Person, s string) bool { return p.Lists[s] })
	case 4:
		return in(rng, []string{"city", "likes", "on"}, "attributes", func(p *Person, s string) bool { return p.attributes[s] != nil })
	case 5:
		return in(rng, likes, "attributes.likes", func(p *Person, s string) bool {
			list, _ := p.attributes["likes"].([]string)
			return slices.Contains(list, s)
		})
	case 6:
		return ofText(rng, "attributes.city", cities, func(p *Person) (string, bool) { s, ok := p.attributes["city"].(string); return s, ok })
	case 7:
		return ofText(rng, "locale", locales, func(p *Person) (string, bool) { return p.locale, p.locale != "" })
	case 8:
		return ofText(rng, "zone", zones, func(p *Person) (string, bool) { return p.zone, p.zone != "" })
	case 9:
		return ofNumber(rng)
	case 10:
		return ofTime(rng)
	}
	if rng.IntN(2) == 0 {
		return segment{"2 in attributes.ranks", func(p *Person, _ int64) bool {
			list, _ := p.attributes["ranks"].([]float64)
			return slices.Contains(list, 2)
		}}
	}
	return segment{"attributes.on", func(p *Person, _ int64) bool { return p.attributes["on"] == true }}
}

func quoted(s string) string { return "'" + s + "'" }

// in asks for one of the names in a set.
func in(rng *rand.Rand, names []string, set string, has func(*Person, string) bool) segment {
	n := one(rng, names)
	if rng.IntN(4) == 0 {
		return segment{quoted(n) + " not in " + set, func(p *Person, _ int64) bool { return !has(p, n) }}
	}
	return segment{quoted(n) + " in " + set, func(p *Person, _ int64) bool { return has(p, n) }}
}

// ofText asks for a text; who has none has no text that is like another one.
func ofText(rng *rand.Rand, of string, texts []string, get func(*Person) (string, bool)) segment {
	want := one(rng, texts)
	if want == "" {
		want = texts[1]
	}
	ask := func(where string, is func(string) bool) segment {
		return segment{where, func(p *Person, _ int64) bool { s, ok := get(p); return ok && is(s) }}
	}
	switch rng.IntN(6) {
	case 0:
		return ask(of+" == "+quoted(want), func(s string) bool { return s == want })
	case 1:
		s := ask("", func(s string) bool { return s == want })
		return segment{of + " != " + quoted(want), func(p *Person, now int64) bool { return !s.has(p, now) }}
	case 2:
		list := texts[len(texts)-2:]
		return ask(of+" in ["+quoted(list[0])+", "+quoted(list[1])+"]", func(s string) bool { return s == list[0] || s == list[1] })
	case 3:
		return ask(of+" startsWith "+quoted(want[:2]), func(s string) bool { return strings.HasPrefix(s, want[:2]) })
	case 4:
		return ask("lower("+of+") >= "+quoted(strings.ToLower(want)), func(s string) bool { return strings.ToLower(s) >= strings.ToLower(want) })
	default:
		return ask(fmt.Sprintf("len(%s) < %d", of, len(want)), func(s string) bool { return len(s) < len(want) })
	}
}

// relations are comparisons of a value with 0, by what a comparison comes to.
var relations = map[string][3]bool{ // less, equal, greater
	"<": {true, false, false}, "<=": {true, true, false}, "==": {false, true, false}, ">=": {false, true, true}, ">": {false, false, true},
}

func relation(rng *rand.Rand) (name string, holds func(order int) bool) {
	name = one(rng, []string{"<", "<=", "==", ">=", ">"})
	return name, func(order int) bool { return relations[name][order+1] }
}

func ofNumber(rng *rand.Rand) segment {
	name, holds := relation(rng)
	want := rng.IntN(8) - 3
	return segment{fmt.Sprintf("attributes.level %s %d", name, want), func(p *Person, _ int64) bool {
		n, ok := p.attributes["level"].(float64)
		return ok && holds(order(n, float64(want)))
	}}
}

func ofTime(rng *rand.Rand) segment {
	name, holds := relation(rng)
	hours := 1 + rng.IntN(24)
	return segment{fmt.Sprintf("attributes.met %s now - duration('%dh')", name, hours), func(p *Person, now int64) bool {
		t, ok := p.attributes["met"].(int64)
		return ok && holds(order(t, now-int64(hours)*hour))
	}}
}

func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

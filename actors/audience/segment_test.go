package audience

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
)

// A profile is a Subject in memory.
type profile struct {
	sets         [numSets][]string
	attributes   map[string]Value
	locale, zone string
}

func (p *profile) Has(set Set, name string) bool { return slices.Contains(p.sets[set], name) }
func (p *profile) Attribute(name string) Value   { return p.attributes[name] }
func (p *profile) Locale() string                { return p.locale }
func (p *profile) Zone() string                  { return p.zone }

func text(s string) Value     { return Value{Kind: Text, Text: s} }
func number(f float64) Value  { return Value{Kind: Number, Number: f} }
func yes(b bool) Value        { return Value{Kind: Bool, True: b} }
func at(t time.Time) Value    { return Value{Kind: Time, Time: t.UnixMilli()} }
func list(of ...string) Value { return Value{Kind: List, Texts: of} }
func mixed(v Value, f ...float64) Value {
	v.Numbers = f
	return v
}

// noon is when all tests are.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// vip has something of everything.
var vip = &profile{
	sets: [numSets][]string{Tags: {"vip", "beta"}, Tenants: {"acme"}, Follows: {"news/sport"}},
	attributes: map[string]Value{
		"city": text("Shanghai"), "level": number(3), "active": yes(true), "opted": yes(false), "born": at(time.Date(1990, 5, 6, 0, 0, 0, 0, time.UTC)),
		"signed_up": at(noon.Add(-10 * 24 * time.Hour)), "langs": mixed(list("zh", "en"), 7), "a.b": text("dotted"), "straße": text("ÄÖ"),
	},
	locale: "zh-CN", zone: "Asia/Shanghai",
}

// TestExpressions tells what each means: of vip, and of nobody, of whom nothing is known.
func TestExpressions(t *testing.T) {
	for _, c := range []struct {
		where       string
		vip, nobody bool
	}{
		{`true`, true, true},
		{`false`, false, false},
		{`'vip' in tags && attributes.city == 'Shanghai'`, true, false},
		{`'vip' in tags and "acme" in tenants and 'news/sport' in follows`, true, false},
		{`'gold' in tags or 'beta' in tags`, true, false},
		{`'gold' in tags || !('vip' in tags)`, false, true},
		{`'gold' not in tags`, true, true},
		{`'vip' not in tags`, false, true},
		{`not ('vip' in tags)`, false, true},
		{`attributes.city in tags`, false, false},

		// Absent, or of another kind: false; the opposite: true.
		{`attributes.city != 'Berlin'`, true, true},
		{`attributes.city != 'Shanghai'`, false, true},
		{`'city' in attributes && attributes.city != 'Berlin'`, true, false},
		{`'city' not in attributes`, false, true},
		{`attributes.level == '3'`, false, false},
		{`attributes.level != '3'`, true, true},
		{`attributes.level < 3`, false, false},
		{`!(attributes.level < 3)`, true, true},
		{`attributes.level >= 3`, true, false},
		{`attributes.nothing == attributes.nothing`, false, false},
		{`attributes.city == attributes.city`, true, false},
		{`attributes.langs == attributes.langs`, false, false},
		{`attributes.city not in ['Berlin']`, true, true},
		{`attributes.city in []`, false, false},

		{`attributes.level == 3`, true, false},
		{`attributes.level == 3.0 && attributes.level > -1 && attributes.level > +2`, true, false},
		{`3 <= attributes.level`, true, false},
		{`1 < attributes.level < 5`, true, false},
		{`1 < attributes.level < 3`, false, false},
		{`attributes.level in [1, 2, 3]`, true, false},
		{`attributes.level > 1_0`, false, false},

		{`attributes.active`, true, false},
		{`attributes.active == true`, true, false},
		{`!attributes.active`, false, true},
		{`attributes.opted`, false, false},
		{`attributes.opted == false`, true, false},
		{`attributes.city`, false, false},
		{`attributes.active < attributes.active`, false, false},

		{`attributes['city'] startsWith 'Shang'`, true, false},
		{`attributes["a.b"] endsWith 'ted'`, true, false},
		{`attributes.city contains 'ngh'`, true, false},
		{`attributes.city not contains 'ngh'`, false, true},
		{`attributes.langs contains 'zh'`, false, false},
		{`'zh' in attributes.langs`, true, false},
		{`7 in attributes.langs`, true, false},
		{`'7' in attributes.langs`, false, false},
		{`'de' not in attributes.langs`, true, true},
		{`'S' in attributes.city`, false, false},

		{`lower(attributes.city) == 'shanghai'`, true, false},
		{`attributes.city | lower() == 'shanghai'`, true, false},
		{`lower(lower(attributes.city)) in ['x', lower('SHANGHAI')]`, true, false},
		{`len(attributes.city) == 8`, true, false},
		{`len(attributes.langs) == 3`, true, false},
		{`len(attributes.level) == 0`, false, false},
		{`lower(attributes.level) == ''`, false, false},
		{`len(lower(attributes.straße)) == 2 && len('äö') == 2`, true, false},
		{`len(lower(attributes.langs)) > 0`, false, false},

		{`locale == 'zh-CN' && zone == 'Asia/Shanghai'`, true, false},
		{`locale startsWith 'zh'`, true, false},
		{`locale in ['de', 'zh-CN']`, true, false},
		{`locale != 'de'`, true, true},

		{`attributes.signed_up > now - duration('30d')`, true, false},
		{`attributes.signed_up > now - duration('24h')`, false, false},
		{`attributes.born < date('2000-01-01')`, true, false},
		{`attributes.born == date('1990-05-06T08:00:00+08:00')`, true, false},
		{`now < date('2026-03-01') + duration('13h') - duration('30m')`, true, true},
		{`now in [date('2026-03-01T12:00:00Z')]`, true, true},
	} {
		s, err := Check(c.where)
		if err != nil {
			t.Errorf("%s: %v", c.where, err)
			continue
		}
		if s.Where() != c.where {
			t.Errorf("got %s, want %s", s.Where(), c.where)
		}
		for who, want := range map[*profile]bool{vip: c.vip, {}: c.nobody} {
			if got := s.Matches(who, noon.UnixMilli()); got != want {
				t.Errorf("%s: got %v for %v, want %v", c.where, got, who, want)
			}
			opposite, err := Check("!(" + c.where + ")")
			if err != nil || opposite.Matches(who, noon.UnixMilli()) == want {
				t.Errorf("!(%s): got %v, %v", c.where, want, err)
			}
		}
	}
}

// TestFaults tells where each fault is, and what is said of it.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		where        string
		line, column int
		text         string
	}{
		{``, 1, 1, "the expression is empty"},
		{"\n ", 2, 1, "the expression is empty"},
		{`'vip' in tags &&`, 1, 17, "ends where something has to follow"},
		{`('vip' in tags`, 1, 15, "ends where something has to follow"},
		{`attributes.city = 'x'`, 1, 17, "write == to compare"},
		{`'a' in tags & 'b' in tags`, 1, 13, "write && for and"},
		{`'vip in tags`, 1, 13, "literal not terminated"},
		{"'vip' in tags &&\n\tcity == 'x'", 2, 2, `there is no "city"; there are attributes.NAME, tags`},
		{`'中国' in tags && 城市 == 'x'`, 1, 17, `there is no "城市"`},
		{`tags == 'vip'`, 1, 1, "write 'name' in tags"},
		{`attributes == 'vip'`, 1, 1, "write attributes.city"},
		{`attributes.a.b == 1`, 1, 14, "attributes['a.b']"},
		{`attributes[locale] == 1`, 1, 12, "the name of an attribute is a constant"},
		{`attributes[''] == 1`, 1, 12, "the name of an attribute is a constant"},
		{`attributes?.city == 'x'`, 1, 13, "without a question mark"},
		{`tags.vip`, 1, 1, "only attributes has names behind a dot"},
		{`attributes.city` + `.Upper() == 'x'`, 1, 17, "a value has no methods"},
		{`locale`, 1, 1, "this is a string, and not yes or no"},
		{`3`, 1, 1, "this is a number, and not yes or no"},
		{`-3`, 1, 1, "this is a number"},
		{`now`, 1, 1, "this is a time, and not yes or no"},
		{`locale == 3`, 1, 11, "== wants a string here, this is a number"},
		{`now > '2026-01-01'`, 1, 7, "a time is written date('2026-01-31')"},
		{`attributes.on < true`, 1, 15, "true and false have no order"},
		{`3 in tags`, 1, 1, "in tags wants a string here, this is a number"},
		{`true in attributes.x`, 1, 1, "a list has strings and numbers"},
		{`locale in ['de', 3]`, 1, 18, "in wants a string here, this is a number"},
		{`locale in ['de', attributes.x]`, 1, 29, "a list has constants"},
		{`'a' in 'abc'`, 1, 8, "in asks for tags"},
		{`locale in attributes`, 1, 1, "as in 'city' in attributes"},
		{`attributes.x == ['a']`, 1, 17, "on the right of in alone"},
		{`attributes.x == nil`, 1, 17, "nil is no value"},
		{`attributes.city matches '^S'`, 1, 17, "matches is not allowed"},
		{`attributes.level in 1..5`, 1, 22, "in asks for tags"},
		{`attributes.level == 1..5`, 1, 22, "there are no ranges"},
		{`attributes.level + 1 == 3`, 1, 18, "there is no arithmetic but a time and a duration"},
		{`attributes.signed_up + duration('5d') < now`, 1, 22, "there is no arithmetic but a time and a duration"},
		{`attributes.level * 2 == 3`, 1, 18, "the operator * is not allowed here; there are =="},
		{`attributes.level ?? 2`, 1, 18, "the operator ?? is not allowed here"},
		{`attributes.level == -'x'`, 1, 22, "a sign stands before a number alone"},
		{`attributes.level == 9007199254740993`, 1, 21, "too large to be exact"},
		{`attributes.level == !true`, 1, 21, "an operator ! has no value"},
		{`attributes.a == (1 == 1)`, 1, 20, "the operator == is not allowed here"},
		{`now - duration('x') < now`, 1, 16, "a duration is written"},
		{`now - duration('36526d') < now`, 1, 16, "up to 100 years"},
		{`now - 3 < now`, 1, 7, "a duration is written"},
		{`duration('1h') < now`, 1, 1, "added to a time or taken from it"},
		{`date('31.1.2026') < now`, 1, 6, "date takes a constant as '2026-01-31'"},
		{`date(locale) < now`, 1, 6, "date takes a constant"},
		{`len(3) == 1`, 1, 5, "len takes a string, this is a number"},
		{`lower(len(attributes.x)) == 'x'`, 1, 7, "lower takes a string, this is a number"},
		{`lower() == 'x'`, 1, 1, "lower takes one value"},
		{`upper(locale) == 'X'`, 1, 1, "there is no function upper; there are date, duration, len and lower"},
		{`f(locale)`, 1, 1, "there is no function f"},
		{`any(tags, # == 'vip')`, 1, 1, "there is no function any"},
		{`env('HOME') == ''`, 1, 1, "there is no function env"},
		{`let x = 1; x == 1`, 1, 5, "no variables of its own"},
		{`true; false`, 1, 1, "no statements"},
		{`'vip' in tags ? true : false`, 1, 28, "there is no choice"},
		{`{a: 1} == 1`, 1, 1, "this is not allowed"},
		{strings.Repeat("!", maxParts) + "true", 1, maxParts + 4, "too long: at most 200 names"},
	} {
		_, err := Check(c.where)
		var e *actors.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an error", c.where, err)
			continue
		}
		if e.Code != actors.Invalid || e.Field != "where" || e.Place != (actors.Place{Line: c.line, Column: c.column}) || !strings.Contains(e.Detail, c.text) {
			t.Errorf("%q: got %s at %v: %s\nwant %q at %d:%d", c.where, e.Code, e.Place, e.Detail, c.text, c.line, c.column)
		}
	}
}

// TestFaultShown has the place under the fault, also in a long line.
func TestFaultShown(t *testing.T) {
	_, err := Check("true &&\n'城' in tags\t&& city == 'x'")
	want := "line 2, column 16: there is no \"city\"; there are attributes.NAME, tags, tenants, follows, lists, locale, zone, now and constants\n" +
		"'城' in tags && city == 'x'\n" +
		"               ^"
	if got := actors.AsError(err).Detail; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	long := strings.Repeat("'abcdefgh' in tags || ", 20) + "city == 'x'" + strings.Repeat(" || 'abcdefgh' in tags", 20)
	lines := strings.Split(actors.AsError(second(Check(long))).Detail, "\n")
	if len(lines) != 3 || len(lines[1]) > 2*snippet+10 || strings.Index(lines[1], "city") != strings.Index(lines[2], "^") {
		t.Errorf("got %q", lines)
	}
}

func second[T any](_ T, err error) error { return err }

func TestBounds(t *testing.T) {
	fits := "'" + strings.Repeat("x", MaxLength-len("'' in tags")) + "' in tags"
	if _, err := Check(fits); err != nil {
		t.Error(err)
	}
	if err := actors.AsError(second(Check(fits + " "))); err.Code != actors.TooLarge || err.Field != "where" {
		t.Errorf("got %v", err)
	}
	if err := actors.AsError(second(Check("'\xff' in tags"))); err.Code != actors.Invalid || err.Field != "where" {
		t.Errorf("got %v", err)
	}
	for _, deep := range []string{strings.Repeat("(", MaxLength), strings.Repeat("!", MaxLength), strings.Repeat("[", MaxLength), strings.Repeat("f(", MaxLength/2),
		"a" + strings.Repeat(".a", MaxLength/2-1), strings.Repeat("a<(", MaxLength/3), strings.Repeat("not ", MaxLength/4)} {
		start := time.Now()
		if _, err := Check(deep); err == nil || time.Since(start) > time.Second {
			t.Errorf("%.20s…: got %v in %v", deep, err, time.Since(start))
		}
	}
}

// example is what the speed is stated for.
const example = `'vip' in tags && attributes.city == 'Shanghai'`

func BenchmarkMatches(b *testing.B) {
	for _, where := range []string{example,
		`'vip' in tags && attributes.city in ['Berlin', 'Shanghai'] && attributes.level >= 3 && attributes.signed_up > now - duration('30d')`} {
		s, err := Check(where)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(len(where), "bytes"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !s.Matches(vip, noon.UnixMilli()) {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Check(example); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMatchesAllocatesNothing but for what lower makes.
func TestMatchesAllocatesNothing(t *testing.T) {
	s, err := Check(example + ` && attributes.signed_up > now - duration('30d') && len(attributes.langs) > 2 && 'zh' in attributes.langs`)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = s.Matches(vip, noon.UnixMilli()) }); n > 0 {
		t.Errorf("got %v allocations", n)
	}
}

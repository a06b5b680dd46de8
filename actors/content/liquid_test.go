package content

import (
	"strings"
	"testing"

	"reddot/actors"
)

// vars are what the tests' texts may name.
var vars = map[string]Variable{
	"name": {Type: typeString}, "n": {Type: typeNumber}, "ok": {Type: typeBool}, "at": {Type: typeTime}, "list": {Type: typeList}, "order": {Type: typeObject}, "none": {Type: typeString},
}

// given are their values.
const given = `{"name":"Ann <b>","n":3.5,"ok":true,"at":"2026-01-31T09:30:00+08:00","list":["b","a","b"],"order":{"id":7,"items":[{"sku":"x","price":2},{"sku":"y","price":1.25}]}}`

func say(t testing.TB, source string, html bool) (string, error) {
	t.Helper()
	x, err := compile("f", source, MaxHTML, html, vars)
	if err != nil {
		return "", err
	}
	values, err := (&Template{source: &Source{Variables: vars}}).Bind("data", []byte(given))
	if err != nil {
		t.Fatal(err)
	}
	return newRun(values).render(x)
}

func TestLiquid(t *testing.T) {
	for source, want := range map[string]string{
		"plain":                       "plain",
		"Hi {{name}}, {{ n }} {{ok}}": "Hi Ann <b>, 3.5 true",
		"{{ order.id }}/{{ order.items[1].sku }}/{{ order.items.size }}/{{ order['id'] }}": "7/y/2/7",
		"{{ none | default: 'x' }}":                                                                          "x",
		"{% if none %}a{% elsif n > 3 and ok %}b{% else %}c{% endif %}":                                      "b",
		"{% unless ok %}a{% else %}b{% endunless %}":                                                         "b",
		"{% case order.id %}never{% when 1, 2 %}a{% when 7 %}b{% else %}c{% endcase %}":                      "b",
		"{% case n %}{% when 1 %}a{% else %}c{% endcase %}":                                                  "c",
		"{% for x in list %}{{ forloop.index }}{{ x }}{% unless forloop.last %},{% endunless %}{% endfor %}": "1b,2a,3b",
		"{% for x in list reversed limit: 1 offset: 1 %}{{ x }}{% endfor %}":                                 "a",
		"{% for i in (1..3) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}":                   "13",
		"{% for i in (1..9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}!":                     "1!",
		"{% for x in order.none %}a{% else %}empty{% endfor %}":                                              "empty",
		"{% for p in order %}{{ p[0] }} {% endfor %}":                                                        "id items ",
		"{% assign x = name | upcase %}{{ x }}":                                                              "ANN <B>",
		"{% capture x %}<{{ n }}>{% endcapture %}{{ x }}{{ x }}":                                             "<3.5><3.5>",
		"a {{- name -}} b\n{%- if ok -%} c {%- endif %} d":                                                   "aAnn <b>bc d",
		"{% raw %}{{ x }}{% endraw %}{% comment %}{{ y }}{% endcomment %}":                                   "{{ x }}",
		"{{ list | uniq | sort | join: '+' }} {{ list | first }} {{ list | reverse | last }}":                "a+b b b",
		"{{ order.items | map: 'sku' | join }}":                                                              "x y",
		"{{ order.items | sort: 'price' | map: 'sku' | join: ',' }}":                                         "y,x",
		"{{ n | times: 2 | plus: 1 }} {{ 7 | divided_by: 2 }} {{ 7 | modulo: 4 }} {{ n | round }} {{ n | floor }} {{ n | ceil }} {{ n | fixed: 2 }} {{ -2 | abs }}": "8 3 3 4 3 4 3.50 2",
		"{{ n | at_most: 3 }} {{ n | at_least: 4 }} {{ 1.005 | round: 1 }}":                                                                                         "3 4 1",
		"{{ at }} {{ at | date: '%d.%m.%y %H:%M %z%%' }}":                                                                                                           "2026-01-31 09:30 31.01.26 09:30 +0800%",
		"{{ 'a,b,,c' | split: ',' | size }} {{ 'übung' | capitalize | size }}":                                                                                      "4 5",
		"{{ 'über allem' | truncate: 5 }} {{ 'a b c' | truncatewords: 2, '!' }}":                                                                                    "über… a b!",
		"{{ 'hello' | slice: 1, 3 }} {{ 'hello' | slice: -2, 9 }} {{ 'abc' | slice: 9 }}":                                                                           "ell lo ",
		"{{ ' a ' | strip }}{{ 'a-b' | replace: '-', '+' | append: '!' | prepend: '?' }}":                                                                           "a?a+b!",
		"{{ 'a b&c' | url_encode }} {{ order.items[0] | json }}":                                                                                                    `a+b%26c {"price":2,"sku":"x"}`,
		"{{ name | escape }}": "Ann &lt;b&gt;",
		"}} %} { {":           "}} %} { {",
		"{% if list contains 'a' %}y{% endif %}{% if name contains 'Ann' %}y{% endif %}": "yy",
	} {
		if got, err := say(t, source, false); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", source, got, err, want)
		}
	}
}

// TestLiquidEscapes: in HTML what a variable says is text, whichever way it takes.
func TestLiquidEscapes(t *testing.T) {
	for source, want := range map[string]string{
		"<p>{{ name }}</p>":            "<p>Ann &lt;b&gt;</p>",
		"{{ name | safe }}":            "Ann <b>",
		"{{ name | escape }}":          "Ann &lt;b&gt;",
		"{{ name | upcase }}":          "ANN &lt;B&gt;",
		"{% assign x = name %}{{ x }}": "Ann &lt;b&gt;",
		"{% capture x %}<i>{{ name }}</i>{% endcapture %}{{ x }}":                                         "<i>Ann &lt;b&gt;</i>",
		"{% capture x %}<i>{{ name }}</i>{% endcapture %}{{ x | append: '<' }}":                           "&lt;i&gt;Ann &amp;lt;b&amp;gt;&lt;/i&gt;&lt;",
		"{% capture x %}<\n{% endcapture %}{{ x | newline_to_br }}{{ name | append: x | newline_to_br }}": "<<br>\nAnn &lt;b&gt;&lt;<br>\n",
	} {
		if got, err := say(t, source, true); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", source, got, err, want)
		}
	}
}

// TestLiquidFaults: what is wrong is said with its place, most of it before anything is
// rendered.
func TestLiquidFaults(t *testing.T) {
	for source, want := range map[string]string{
		"a\nb {{ naem }}":        `line 2, column 3: there is no variable "naem"; there are at, list, n, name, none, ok, order`,
		"é {{ name | shout }}":   `line 1, column 3: there is no filter "shout"`,
		"{{ name.first }}":       "name is a string, and has no members",
		"{{ name | append }}":    "the filter append takes 1 of its arguments",
		"{{ name | upcase: 1 }}": "the filter upcase takes no arguments",
		"{{ name | }}":           "a filter's name belongs behind |",
		"{{ name":                "{{ opens what is not closed",
		"{{ name\n| upcase }}":   "{{ opens what is not closed",
		"{% if ok %}":            `line 1, column 1: unterminated "if" block`,
		"{% endif %}":            "endif not inside",
		"{% if %}{% endif %}":    "if needs an expression",
		"{% else %}":             "else not inside",
		"{% if ok %}{% else %}{% else %}{% endif %}":  "nothing but the end follows else",
		"{% include 'x' %}":                           `there is no tag "include"`,
		"{% cycle 'a','b' %}":                         `there is no tag "cycle"`,
		"{% break %}":                                 "break stands in no loop",
		"{% for x in name %}{% endfor %}":             "name is a string: a loop goes over a list",
		"{% for x list %}{% endfor %}":                "write it as {% for item in list %}",
		"{% for in in list %}{% endfor %}":            `"in" can't be a name`,
		"{{ x }}{% for x in list %}{% endfor %}":      `there is no variable "x"`,
		"{% for x in list %}{% endfor %}{{ x }}":      `there is no variable "x"`,
		"{% for i in (1..3) | reverse %}{% endfor %}": "a range takes no filters",
		"{% assign r = (1..999999999) %}":             "a range stands in a loop alone",
		"{{ (1..999999999) | join: ',' }}":            "a range stands in a loop alone",
		"{% assign = 1 %}":                            "write it as {% assign name = value %}",
		"{% capture 1 %}{% endcapture %}":             "write it as {% capture name %}",
		"{% raw %}x":                                  "endraw is missing",
		"{{ 'a }}":                                    `"'" has no place here`,
		"{{ %loop x in list }}":                       `"%" has no place here`,
		"{{ name; name }}":                            `";" has no place here`,
		"{{ 99999999999999999999 }}":                  "can't be read",
		"{{ name name }}":                             "syntax error",
		"{{ limit: 3 }}":                              `there is no "limit:" here`,
		// At rendering.
		"x\n{{ none }}":                               "line 2, column 1: none has no value; write none | default: ''",
		"{{ order.nope }}":                            "order.nope has no value",
		"{{ 1 | divided_by: 0 }}":                     "divided_by: division by 0",
		"{{ name | plus: 1 }}":                        "plus: it wants numbers",
		"{{ name | join }}":                           "join: it wants a list",
		"{{ name | date: '%Y' }}":                     "date: it wants a time",
		"{{ at | date: '%Q' }}":                       "date: there is no %Q in a format",
		"{% for x in order.id %}{% endfor %}":         "a loop goes over a list",
		"{% for x in list limit: name %}{% endfor %}": "limit must be a whole number",
		"{% if order == order %}x{% endif %}":         "can't be rendered with these values",
	} {
		_, err := say(t, source, false)
		e := actors.AsError(err)
		if err == nil || e.Code != actors.Invalid || e.Field != "f" || !strings.Contains(e.Detail, want) {
			t.Errorf("%s: got %v, want %s", source, err, want)
		}
	}
}

// TestLiquidIsBounded: whatever a template does ends soon, and in little memory.
func TestLiquidIsBounded(t *testing.T) {
	double := "{% assign s = 'xxxxxxxxxxxxxxxx' %}" + strings.Repeat("{% assign s = s | append: s %}", 40)
	for name, c := range map[string]struct{ source, want string }{
		"a loop":        {"{% for i in (1..1000000000) %}{% endfor %}", "20,000 steps"},
		"loops":         {"{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}", "20,000 steps"},
		"doubling":      {double, "64 KiB"},
		"replacing":     {"{{ name | replace: '', name | replace: '', name | replace: '', name | replace: '', name | replace: '', name }}", ""},
		"an output":     {"{% assign s = name | append: name %}{% for i in (1..19000) %}{{ 'xxxxxxxxxxxxxxxx' }}{% endfor %}", "at most"},
		"filters":       {"{% assign s = 'x' %}{% for i in (1..15) %}{% assign s = s | append: s %}{% endfor %}{% for i in (1..200) %}{% assign t = s | upcase %}{% endfor %}", "4 MiB"},
		"captures":      {"{% capture s %}{% for i in (1..9000) %}xxxxxxxxxx{% endfor %}{% endcapture %}", "at most"},
		"depth":         {strings.Repeat("{% if ok %}", 40) + strings.Repeat("{% endif %}", 40), "32 deep"},
		"splitting":     {"{% capture s %}{% for i in (1..1500) %},{% endfor %}{% endcapture %}{{ s | split: ',' | size }}", "1000 parts"},
		"a long text":   {strings.Repeat("x", MaxHTML+1), "at most"},
		"many brackets": {"{{ " + strings.Repeat("(", 5000) + "n" + strings.Repeat(")", 5000) + " }}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := say(t, c.source, false); c.want == "" {
				if len(out) > MaxHTML {
					t.Errorf("got %d bytes, %v", len(out), err)
				}
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %d bytes, %v, want %s", len(out), err, c.want)
			}
		})
	}
}

// FuzzLiquid: nothing panics, and what is rendered stays within its bound.
func FuzzLiquid(f *testing.F) {
	for _, s := range []string{"{{ name | upcase }}", "{% for x in list reversed limit: 2 %}{{ x }}{% endfor %}", "{% case n %}{% when 1 %}a{% endcase %}", "{%- assign a = 'b' -%}{{a}}",
		"{% if n >= 2 or ok %}{{ order.items[0].sku }}{% endif %}", "{{ '", "{% raw %}{{", "{% capture x %}{{ at | date: '%Y' }}{% endcapture %}{{x}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		out, err := say(t, source, true)
		if err == nil && len(out) > MaxHTML {
			t.Errorf("got %d bytes", len(out))
		}
		if e := actors.AsError(err); err != nil && e.Code != actors.Invalid && e.Code != actors.TooLarge {
			t.Errorf("got %v", err)
		}
	})
}

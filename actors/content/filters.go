package content

import (
	"errors"
	"fmt"
	"html"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/values"
)

// args is how many arguments a filter takes.
type args struct{ least, most int }

func (a args) String() string {
	switch {
	case a.most == 0:
		return "no arguments"
	case a.least == a.most:
		return fmt.Sprintf("%d of its arguments", a.most)
	}
	return fmt.Sprintf("%d to %d arguments", a.least, a.most)
}

// filterArgs are the filters that there are: those of Liquid that work on texts, numbers,
// lists and times, without those that read anything else, and fixed, json and safe.
var filterArgs = map[string]args{
	"abs": {}, "append": {1, 1}, "at_least": {1, 1}, "at_most": {1, 1}, "capitalize": {}, "ceil": {}, "compact": {}, "concat": {1, 1}, "date": {1, 1},
	"default": {1, 1}, "divided_by": {1, 1}, "downcase": {}, "escape": {}, "first": {}, "fixed": {1, 1}, "floor": {}, "join": {0, 1}, "json": {}, "last": {},
	"lstrip": {}, "map": {1, 1}, "minus": {1, 1}, "modulo": {1, 1}, "newline_to_br": {}, "plus": {1, 1}, "prepend": {1, 1}, "remove": {1, 1},
	"replace": {2, 2}, "reverse": {}, "round": {0, 1}, "rstrip": {}, "safe": {}, "size": {}, "slice": {1, 2}, "sort": {0, 1}, "split": {1, 1}, "strip": {},
	"strip_newlines": {}, "times": {1, 1}, "truncate": {0, 2}, "truncatewords": {0, 2}, "uniq": {}, "upcase": {}, "url_encode": {},
}

// filters returns the filters, which spend what is left.
func filters(b *budget) expressions.Config {
	c := expressions.NewConfig()
	for name := range filterArgs {
		f := filterFuncs[name]
		c.AddFilter(name, func(v any, a ...any) (any, error) {
			size := weight(v)
			for _, x := range a {
				size += weight(x)
			}
			if err := b.spend(1 + size); err != nil {
				return nil, err
			}
			for i := range a {
				if _, ok := a[i].(values.Range); ok {
					return nil, errRange
				}
			}
			if _, ok := v.(values.Range); ok {
				return nil, errRange
			}
			out, err := f(v, a)
			if err != nil {
				return nil, err
			}
			if size = weight(out); size > maxValue {
				return nil, errValue
			}
			return out, b.spend(size)
		})
	}
	return c
}

var (
	errRange  = errors.New("a range takes no filters")
	errNumber = errors.New("it wants numbers")
	errList   = errors.New("it wants a list")
)

// weight is about how many bytes a value has.
func weight(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case markup:
		return len(v)
	case []any:
		n := 16 * len(v)
		for _, item := range v {
			n += weight(item)
		}
		return n
	case map[string]any:
		n := 16 * len(v)
		for name, item := range v {
			n += len(name) + weight(item)
		}
		return n
	}
	return 8
}

type filter = func(v any, a []any) (any, error)

// filterFuncs are the filters by name. How many arguments there are was checked.
var filterFuncs = map[string]filter{
	"append":         texts(func(s string, a []string) string { return s + a[0] }),
	"prepend":        texts(func(s string, a []string) string { return a[0] + s }),
	"upcase":         texts(func(s string, _ []string) string { return strings.ToUpper(s) }),
	"downcase":       texts(func(s string, _ []string) string { return strings.ToLower(s) }),
	"capitalize":     texts(capitalize),
	"strip":          texts(func(s string, _ []string) string { return strings.TrimSpace(s) }),
	"lstrip":         texts(func(s string, _ []string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }),
	"rstrip":         texts(func(s string, _ []string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }),
	"strip_newlines": texts(func(s string, _ []string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }),
	"remove":         texts(func(s string, a []string) string { return strings.ReplaceAll(s, a[0], "") }),
	"url_encode":     texts(func(s string, _ []string) string { return url.QueryEscape(s) }),
	"replace":        replace,
	"escape":         func(v any, _ []any) (any, error) { return markup(html.EscapeString(shown(v))), nil },
	"newline_to_br":  breaks,
	"safe":           func(v any, _ []any) (any, error) { return markup(shown(v)), nil },
	"truncate":       truncate,
	"truncatewords":  truncateWords,
	"split":          split,
	"slice":          slice,
	"size":           size,
	"default":        byDefault,
	"json":           asJSON,
	"date":           date,

	"plus":       numbers(func(a, b float64) (float64, error) { return a + b, nil }),
	"minus":      numbers(func(a, b float64) (float64, error) { return a - b, nil }),
	"times":      numbers(func(a, b float64) (float64, error) { return a * b, nil }),
	"at_least":   numbers(func(a, b float64) (float64, error) { return max(a, b), nil }),
	"at_most":    numbers(func(a, b float64) (float64, error) { return min(a, b), nil }),
	"divided_by": numbers(divide),
	"modulo":     numbers(modulo),
	"abs":        number(math.Abs),
	"ceil":       number(math.Ceil),
	"floor":      number(math.Floor),
	"round":      round,
	"fixed":      fixed,

	"first":   list(func(l []any, _ []any) (any, error) { return end(l, 0), nil }),
	"last":    list(func(l []any, _ []any) (any, error) { return end(l, len(l)-1), nil }),
	"reverse": list(func(l []any, _ []any) (any, error) { l = slices.Clone(l); slices.Reverse(l); return l, nil }),
	"compact": list(func(l []any, _ []any) (any, error) {
		return slices.DeleteFunc(slices.Clone(l), func(v any) bool { return v == nil }), nil
	}),
	"join":   list(join),
	"concat": list(concat),
	"map":    list(func(l []any, a []any) (any, error) { return members(l, shown(a[0])), nil }),
	"sort":   list(sortList),
	"uniq":   list(uniq),
}

// texts makes a filter of a function of texts.
func texts(f func(s string, a []string) string) filter {
	return func(v any, a []any) (any, error) {
		given := make([]string, len(a))
		for i := range a {
			given[i] = shown(a[i])
		}
		return f(shown(v), given), nil
	}
}

func capitalize(s string, _ []string) string {
	for i, r := range s {
		if i == 0 {
			return string(unicode.ToUpper(r)) + s[len(string(r)):]
		}
	}
	return s
}

func replace(v any, a []any) (any, error) {
	s, old, with := shown(v), shown(a[0]), shown(a[1])
	if n := strings.Count(s, old); n*len(with) > maxValue {
		return nil, errValue
	}
	return strings.ReplaceAll(s, old, with), nil
}

// breaks makes line breaks of a text those of HTML, and escapes all else.
func breaks(v any, _ []any) (any, error) {
	s, safe := v.(markup)
	if !safe {
		s = markup(html.EscapeString(shown(v)))
	}
	return markup(strings.ReplaceAll(string(s), "\n", "<br>\n")), nil
}

// whole returns the argument i as a whole number.
func whole(a []any, i, by int) (int, error) {
	if i >= len(a) {
		return by, nil
	}
	n, ok := a[i].(int)
	if !ok || n < -maxValue || n > maxValue {
		return 0, errors.New("it wants a whole number")
	}
	return n, nil
}

// ending returns the argument that stands for what is cut off.
func ending(a []any) string {
	if len(a) > 1 {
		return shown(a[1])
	}
	return "…"
}

func truncate(v any, a []any) (any, error) {
	n, err := whole(a, 0, 50)
	r, tail := []rune(shown(v)), []rune(ending(a))
	if err != nil || len(r) <= n {
		return string(r), err
	}
	return string(r[:min(len(r), max(0, n-len(tail)))]) + string(tail), nil
}

func truncateWords(v any, a []any) (any, error) {
	n, err := whole(a, 0, 15)
	s := shown(v)
	w := strings.Fields(s)
	if err != nil || len(w) <= max(0, n) {
		return s, err
	}
	return strings.Join(w[:max(0, n)], " ") + ending(a), nil
}

func split(v any, a []any) (any, error) {
	parts := strings.SplitN(shown(v), shown(a[0]), maxItems+1)
	if len(parts) > maxItems {
		return nil, fmt.Errorf("it makes more than %d parts", maxItems)
	}
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out, nil
}

func slice(v any, a []any) (any, error) {
	from, err := whole(a, 0, 0)
	if err != nil {
		return nil, err
	}
	n, err := whole(a, 1, 1)
	if err != nil {
		return nil, err
	}
	if l, ok := v.([]any); ok {
		from, to := window(len(l), from, n)
		return l[from:to], nil
	}
	r := []rune(shown(v))
	from, to := window(len(r), from, n)
	return string(r[from:to]), nil
}

// window bounds a piece of something; from below 0 counts from the end.
func window(size, from, n int) (int, int) {
	if from < 0 {
		from += size
	}
	from = min(max(0, from), size)
	return from, min(size, from+max(0, n))
}

func size(v any, _ []any) (any, error) {
	switch v := v.(type) {
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return len([]rune(shown(v))), nil
}

func byDefault(v any, a []any) (any, error) {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return a[0], nil
		}
	case map[string]any:
		if len(v) == 0 {
			return a[0], nil
		}
	}
	if v == nil || v == false || v == "" {
		return a[0], nil
	}
	return v, nil
}

func asJSON(v any, _ []any) (any, error) {
	b, err := encodeJSON(unbound(v))
	return string(b), err
}

// list makes a filter of a function of lists; nothing is an empty one.
func list(f filter2) filter {
	return func(v any, a []any) (any, error) {
		l, ok := v.([]any)
		if !ok && v != nil {
			return nil, errList
		}
		return f(l, a)
	}
}

type filter2 = func(l []any, a []any) (any, error)

func end(l []any, i int) any {
	if i < 0 || i >= len(l) {
		return nil
	}
	return l[i]
}

func join(l []any, a []any) (any, error) {
	sep := " "
	if len(a) > 0 {
		sep = shown(a[0])
	}
	if len(l)*len(sep) > maxValue {
		return nil, errValue
	}
	parts := make([]string, len(l))
	for i := range l {
		parts[i] = shown(l[i])
	}
	return strings.Join(parts, sep), nil
}

func concat(l []any, a []any) (any, error) {
	more, ok := a[0].([]any)
	if !ok {
		return nil, errList
	}
	return slices.Concat(l, more), nil
}

// members returns the member of each item.
func members(l []any, name string) []any {
	out := make([]any, len(l))
	for i, item := range l {
		if m, ok := item.(map[string]any); ok {
			out[i] = m[name]
		}
	}
	return out
}

func sortList(l []any, a []any) (any, error) {
	keys := l
	if len(a) > 0 {
		keys = members(l, shown(a[0]))
	}
	order := make([]int, len(l))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case values.Less(keys[i], keys[j]):
			return -1
		case values.Less(keys[j], keys[i]):
			return 1
		}
		return 0
	})
	out := make([]any, len(l))
	for i, at := range order {
		out[i] = l[at]
	}
	return out, nil
}

// uniq leaves each item out that looks as one before.
func uniq(l []any, _ []any) (any, error) {
	seen := map[string]bool{}
	out := []any{}
	for _, item := range l {
		if s := fmt.Sprintf("%T %s", item, shown(item)); !seen[s] {
			seen[s] = true
			out = append(out, item)
		}
	}
	return out, nil
}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// verbs are those of date.
var verbs = map[byte]string{'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'j': "002", 'z': "-0700", 'F': "2006-01-02", 'R': "15:04", 'T': "15:04:05"}

// date writes a time by a format such as '%Y-%m-%d %H:%M', in the offset that it came in.
func date(v any, a []any) (any, error) {
	at, ok := v.(time.Time)
	if !ok {
		return nil, errors.New("it wants a time")
	}
	format := shown(a[0])
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i++; i == len(format) {
			return nil, errors.New("the format ends in %")
		}
		layout, ok := verbs[format[i]]
		switch {
		case format[i] == '%':
			b.WriteByte('%')
		case !ok:
			return nil, fmt.Errorf("there is no %%%c in a format; there are %%Y %%y %%m %%d %%e %%H %%I %%M %%S %%p %%b %%B %%a %%A %%j %%z %%F %%R %%T", format[i])
		default:
			b.WriteString(at.Format(layout))
		}
	}
	return b.String(), nil
}

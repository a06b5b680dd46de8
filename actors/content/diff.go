package content

import (
	"maps"
	"slices"
	"strings"
)

// A Difference is one between two versions of a template: a field that only one has, or
// that has another value.
type Difference struct {
	Field string `json:"field"`
	From  any    `json:"from,omitempty"`  // absent: it was not there
	To    any    `json:"to,omitempty"`    // absent: it is not there any more
	Lines []Line `json:"lines,omitempty"` // of a text with several: what changed in it
}

// A Line is one of a text that stands in one version alone.
type Line struct {
	Sign string `json:"sign"` // - or +
	Line int    `json:"line"` // in its own version
	Text string `json:"text"`
}

// Diff returns how b differs from a, in the order of the fields.
func Diff(a, b *Template) ([]Difference, error) {
	from, to := map[string]any{}, map[string]any{}
	for _, side := range []struct {
		body []byte
		flat map[string]any
	}{{a.body, from}, {b.body, to}} {
		tree, err := decodeJSON(side.body)
		if err != nil {
			return nil, err
		}
		flatten("", tree, side.flat)
	}
	out := []Difference{}
	fields := slices.Collect(maps.Keys(from))
	for name := range to {
		if _, both := from[name]; !both {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	for _, field := range fields {
		x, had := from[field]
		y, has := to[field]
		if had && has && x == y {
			continue
		}
		d := Difference{Field: field, From: x, To: y}
		old, ok := x.(string)
		now, good := y.(string)
		if ok && good && strings.Contains(old+now, "\n") {
			d.Lines = lines(strings.Split(old, "\n"), strings.Split(now, "\n"))
		}
		out = append(out, d)
	}
	return out, nil
}

// flatten takes a JSON value apart: each string, number and word by where it stands.
func flatten(at string, v any, into map[string]any) {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		switch v.(type) {
		case []any, map[string]any:
			b, _ := encodeJSON(v) // of what was JSON
			v = string(b)
		}
		into[at] = v
		return
	}
	for name, x := range m {
		if at != "" {
			name = at + "." + name
		}
		flatten(name, x, into)
	}
}

// maxDiffLines is up to how many lines are compared one by one.
const maxDiffLines = 1000

// lines returns what stands in one text alone, by the longest common part.
func lines(a, b []string) (out []Line) {
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	if len(x) > maxDiffLines || len(y) > maxDiffLines {
		return nil
	}
	longest := make([][]int, len(x)+1) // of what is common to x[i:] and y[j:]
	for i := range longest {
		longest[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if longest[i][j] = max(longest[i+1][j], longest[i][j+1]); x[i] == y[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < len(x) || j < len(y); {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && longest[i+1][j] >= longest[i][j+1]:
			out = append(out, Line{"-", head + i + 1, x[i]})
			i++
		default:
			out = append(out, Line{"+", head + j + 1, y[j]})
			j++
		}
	}
	return out
}

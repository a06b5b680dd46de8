package content

import (
	"errors"
	"fmt"
	"html"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/values"
)

// What rendering one template for one locale may take: steps are tags and turns of loops,
// work is the bytes that filters read and write, as is what tags keep.
const (
	maxSteps = 20_000
	maxWork  = 4 << 20
	maxValue = 64 << 10 // bytes of a value that a filter or a tag makes
)

// A budget is what is left of that.
type budget struct{ steps, work int }

var (
	errSteps = errors.New("it takes too long: its loops and tags make more than 20,000 steps")
	errWork  = errors.New("it takes too long: its filters work on more than 4 MiB")
	errValue = errors.New("a value has more than 64 KiB")
)

func (b *budget) step() error {
	if b.steps--; b.steps < 0 {
		return errSteps
	}
	return nil
}

func (b *budget) spend(n int) error {
	if b.work -= n; b.work < 0 {
		return errWork
	}
	return nil
}

// A run renders texts with the same values.
type run struct {
	*budget
	text   *text
	values map[string]any
	config expressions.Config
	out    []byte
	limit  int
}

// newRun returns one with the values, which stay as they are.
func newRun(v Values) *run {
	b := &budget{maxSteps, maxWork}
	return &run{budget: b, values: v, config: filters(b)}
}

// render returns what the text says.
func (r *run) render(t *text) (s string, err error) {
	if len(t.nodes) == 1 {
		if plain, ok := t.nodes[0].(plainNode); ok {
			return string(plain), nil
		}
	}
	old := r.values
	defer func() {
		r.values = old
		if what := recover(); what != nil { // the library panics over what can't be compared
			err = wrong(t.field, "it can't be rendered with these values")
		}
	}()
	r.text, r.values, r.out, r.limit = t, maps.Clone(old), nil, t.limit
	switch err := r.all(t.nodes); {
	case errors.Is(err, errBreak), errors.Is(err, errContinue), err == nil:
		return string(r.out), nil
	default:
		return "", err
	}
}

func (r *run) all(nodes []node) error {
	for _, n := range nodes {
		if err := n.render(r); err != nil {
			return err
		}
	}
	return nil
}

// wrong says what is wrong at a line of the text.
func (r *run) wrong(line int, err error) error {
	if errors.Is(err, errBreak) || errors.Is(err, errContinue) {
		return err
	}
	var f expressions.FilterError
	if errors.As(err, &f) {
		err = fmt.Errorf("%s: %w", f.FilterName, f.Err)
	}
	return faulty(r.text.field, line, 1, "%s", err)
}

func (r *run) evaluate(e expressions.Expression, line int) (any, error) {
	if err := r.step(); err != nil {
		return nil, r.wrong(line, err)
	}
	v, err := e.Evaluate(expressions.NewContext(r.values, r.config))
	if err != nil {
		return nil, r.wrong(line, err)
	}
	return v, nil
}

// write appends to what is said.
func (r *run) write(line int, s string) error {
	if len(r.out)+len(s) > r.limit {
		return large(r.text.field, r.limit)
	}
	r.out = append(r.out, s...)
	return nil
}

// plainNode is text as it stands.
type plainNode string

func (n plainNode) render(r *run) error { return r.write(0, string(n)) }

// outNode is {{ … }}.
type outNode struct {
	expr   expressions.Expression
	line   int
	source string
}

func (n *outNode) render(r *run) error {
	v, err := r.evaluate(n.expr, n.line)
	if err != nil {
		return err
	}
	if v == nil {
		return r.wrong(n.line, fmt.Errorf("%s has no value; write %s | default: '' where it may have none", cut(n.source), cut(n.source)))
	}
	s := shown(v)
	if r.text.html {
		if _, safe := v.(markup); !safe {
			s = html.EscapeString(s)
		}
	}
	return r.write(n.line, s)
}

// markup is a text that is HTML by itself.
type markup string

// shown is what a value looks like.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case markup:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < maxWhole {
			return strconv.FormatInt(int64(v), 10)
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.Format("2006-01-02 15:04")
	case []any:
		var b strings.Builder
		for _, item := range v {
			b.WriteString(shown(item))
		}
		return b.String()
	case map[string]any:
		b, _ := encodeJSON(v) // of what was JSON
		return string(b)
	}
	return fmt.Sprint(v)
}

// A branch is what is rendered if one of the tests holds; without any: if no other does.
type branch struct {
	tests  []expressions.Expression
	unless bool
	body   []node
}

// ifNode is if, unless and case.
type ifNode struct {
	of       expressions.Expression // case: what the tests are compared with
	branches []branch
	line     int
}

func (n *ifNode) render(r *run) error {
	var of any
	var err error
	if n.of != nil {
		if of, err = r.evaluate(n.of, n.line); err != nil {
			return err
		}
	}
	for _, b := range n.branches {
		hit := len(b.tests) == 0
		for _, test := range b.tests {
			v, err := r.evaluate(test, n.line)
			if err != nil {
				return err
			}
			if n.of != nil {
				hit = hit || values.Equal(of, v)
			} else {
				hit = (v != nil && v != false) != b.unless
			}
		}
		if hit {
			return r.all(b.body)
		}
	}
	return nil
}

// assignNode is {% assign name = … %}.
type assignNode struct {
	name string
	expr expressions.Expression
	line int
}

func (n *assignNode) render(r *run) error {
	v, err := r.evaluate(n.expr, n.line)
	if err == nil {
		r.values[n.name] = v
	}
	return err
}

// captureNode is {% capture name %}.
type captureNode struct {
	name string
	body []node
	line int
}

func (n *captureNode) render(r *run) error {
	out, limit := r.out, r.limit
	r.out, r.limit = nil, maxValue
	err := r.all(n.body)
	s := string(r.out)
	r.out, r.limit = out, limit
	if err == nil {
		err = r.spend(len(s))
	}
	if err != nil {
		return r.wrong(n.line, err)
	}
	if r.text.html {
		r.values[n.name] = markup(s) // its parts were escaped
	} else {
		r.values[n.name] = s
	}
	return nil
}

var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)

// jumpNode is break and continue.
type jumpNode struct{ ends bool }

func (n jumpNode) render(*run) error {
	if n.ends {
		return errBreak
	}
	return errContinue
}

// loopNode is for.
type loopNode struct {
	expressions.Loop
	body, otherwise []node
	line            int
}

func (n *loopNode) render(r *run) error {
	v, err := r.evaluate(n.Expr, n.line)
	if err != nil {
		return err
	}
	size, item, ok := items(v)
	if !ok {
		return r.wrong(n.line, errors.New("a loop goes over a list"))
	}
	from, to := 0, size
	if n.Offset != nil {
		if from, err = r.number(n.Offset, n.line, "offset"); err != nil {
			return err
		}
		from = min(from, size)
	}
	if n.Limit != nil {
		most, err := r.number(n.Limit, n.line, "limit")
		if err != nil {
			return err
		}
		to = min(size, from+min(most, size))
	}
	if from == to {
		return r.all(n.otherwise)
	}
	return n.turns(r, to-from, func(i int) any {
		if n.Reversed {
			return item(to - 1 - i)
		}
		return item(from + i)
	})
}

// turns renders the body for each of size items.
func (n *loopNode) turns(r *run, size int, item func(int) any) error {
	outer, shadowed := r.values[loopVariable], r.values[n.Variable]
	defer func() { r.values[loopVariable], r.values[n.Variable] = outer, shadowed }()
	for i := range size {
		if err := r.step(); err != nil {
			return r.wrong(n.line, err)
		}
		r.values[n.Variable] = item(i)
		r.values[loopVariable] = map[string]any{"first": i == 0, "last": i == size-1, "index": i + 1, "index0": i, "rindex": size - i, "rindex0": size - i - 1, "length": size}
		switch err := r.all(n.body); {
		case errors.Is(err, errBreak):
			return nil
		case err != nil && !errors.Is(err, errContinue):
			return err
		}
	}
	return nil
}

// number evaluates a whole number that is not below 0.
func (r *run) number(e expressions.Expression, line int, what string) (int, error) {
	v, err := r.evaluate(e, line)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int)
	if !ok || n < 0 {
		return 0, r.wrong(line, fmt.Errorf("%s must be a whole number, not below 0", what))
	}
	return n, nil
}

// items returns what a loop goes over; nothing is an empty list.
func items(v any) (size int, item func(int) any, ok bool) {
	switch v := v.(type) {
	case nil:
		return 0, nil, true
	case []any:
		return len(v), func(i int) any { return v[i] }, true
	case values.Range:
		return max(0, v.Len()), v.Index, true
	case map[string]any:
		names := sorted(v)
		return len(names), func(i int) any { return []any{names[i], v[names[i]]} }, true
	}
	return 0, nil, false
}

package audience

import "strings"

// A test is what an expression, or a part of it, asks of a profile.
type test interface {
	holds(s Subject, now int64) bool
}

// always is a constant.
type always bool

func (t always) holds(Subject, int64) bool { return bool(t) }

// both is &&.
type both struct{ left, right test }

func (t *both) holds(s Subject, now int64) bool { return t.left.holds(s, now) && t.right.holds(s, now) }

// either is ||.
type either struct{ left, right test }

func (t *either) holds(s Subject, now int64) bool {
	return t.left.holds(s, now) || t.right.holds(s, now)
}

// not is the exact opposite.
type not struct{ of test }

func (t *not) holds(s Subject, now int64) bool { return !t.of.holds(s, now) }

// member is name in tags.
type member struct {
	name operand
	set  Set
}

func (t *member) holds(s Subject, now int64) bool {
	v := t.name.value(s, now)
	return v.Kind == Text && s.Has(t.set, v.Text)
}

// present is 'city' in attributes.
type present struct{ name string }

func (t *present) holds(s Subject, _ int64) bool {
	v := s.Attribute(t.name)
	return v.Kind != Absent
}

// isTrue is an attribute that stands alone.
type isTrue struct{ of operand }

func (t *isTrue) holds(s Subject, now int64) bool {
	v := t.of.value(s, now)
	return v.Kind == Bool && v.True
}

// A relation is what a comparison asks for.
type relation uint8

const (
	equal relation = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// relations are the comparisons by their operators. != is a negation.
var relations = map[string]relation{"==": equal, "<": less, "<=": lessOrEqual, ">": greater, ">=": greaterOrEqual}

// comparison is ==, <, <=, > or >=.
type comparison struct {
	left, right operand
	is          relation
}

func (t *comparison) holds(s Subject, now int64) bool {
	v, w := t.left.value(s, now), t.right.value(s, now)
	order, ok := v.compare(&w)
	if !ok {
		return false
	}
	switch t.is {
	case equal:
		return order == 0
	case less:
		return order < 0 && v.Kind != Bool
	case lessOrEqual:
		return order <= 0 && v.Kind != Bool
	case greater:
		return order > 0 && v.Kind != Bool
	default:
		return order >= 0 && v.Kind != Bool
	}
}

// oneOf is x in [constants].
type oneOf struct {
	of     operand
	values []Value
}

func (t *oneOf) holds(s Subject, now int64) bool {
	v := t.of.value(s, now)
	for i := range t.values {
		if order, ok := v.compare(&t.values[i]); ok && order == 0 {
			return true
		}
	}
	return false
}

// listed is x in attributes.list.
type listed struct{ item, list operand }

func (t *listed) holds(s Subject, now int64) bool {
	item, list := t.item.value(s, now), t.list.value(s, now)
	return list.has(&item)
}

// A part is how one string stands in another.
type part uint8

const (
	anywhere part = iota
	atStart
	atEnd
)

// parts are by their operators.
var parts = map[string]part{"contains": anywhere, "startsWith": atStart, "endsWith": atEnd}

// substring is contains, startsWith or endsWith.
type substring struct {
	of, text operand
	at       part
}

func (t *substring) holds(s Subject, now int64) bool {
	v, w := t.of.value(s, now), t.text.value(s, now)
	if v.Kind != Text || w.Kind != Text {
		return false
	}
	switch t.at {
	case atStart:
		return strings.HasPrefix(v.Text, w.Text)
	case atEnd:
		return strings.HasSuffix(v.Text, w.Text)
	default:
		return strings.Contains(v.Text, w.Text)
	}
}

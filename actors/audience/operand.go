package audience

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// A source is where an operand's value comes from.
type source uint8

const (
	constant source = iota
	attribute
	locale
	zone
	theTime // now
)

// A form is what a function makes of a value.
type form uint8

const (
	asItIs form = iota
	lower
	length
	lowerLength
)

// An operand is one side of a comparison.
type operand struct {
	from  source
	form  form
	kind  Kind   // what its value is, if any; Absent: it can be of any kind
	name  string // of an attribute
	fixed Value  // of a constant
	shift int64  // what is added to now, in milliseconds
}

// value returns the operand's value for the subject.
func (o *operand) value(s Subject, now int64) (v Value) {
	switch o.from {
	case constant:
		v = o.fixed
	case attribute:
		v = s.Attribute(o.name)
	case locale:
		v = known(s.Locale())
	case zone:
		v = known(s.Zone())
	default:
		v = Value{Kind: Time, Time: now + o.shift}
	}
	if o.form == asItIs {
		return v
	}
	return o.form.of(v)
}

// known returns the text; an empty one is Absent.
func known(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{Kind: Text, Text: text}
}

// of applies the functions; a value of a kind that they don't take becomes Absent.
func (f form) of(v Value) Value {
	if f != length {
		if v.Kind != Text {
			return Value{}
		}
		v.Text = strings.ToLower(v.Text)
	}
	switch {
	case f == lower:
		return v
	case v.Kind == Text:
		return Value{Kind: Number, Number: float64(utf8.RuneCountInString(v.Text))}
	case v.Kind == List:
		return Value{Kind: Number, Number: float64(len(v.Texts) + len(v.Numbers))}
	default:
		return Value{}
	}
}

// operand reads a node that has a value.
func (c *checker) operand(n ast.Node) (o operand) {
	switch n := n.(type) {
	case *ast.StringNode:
		return fixed(Value{Kind: Text, Text: n.Value})
	case *ast.BoolNode:
		return fixed(Value{Kind: Bool, True: n.Value})
	case *ast.IntegerNode, *ast.FloatNode:
		return c.number(n, 1)
	case *ast.IdentifierNode:
		return c.variable(n)
	case *ast.MemberNode:
		return operand{from: attribute, name: c.attribute(n)}
	case *ast.UnaryNode:
		if n.Operator == "-" || n.Operator == "+" {
			return c.number(n.Node, map[string]float64{"-": -1, "+": 1}[n.Operator])
		}
		c.fail(n, "an operator %s has no value to compare; put a comparison on each side of && and ||", n.Operator)
	case *ast.BinaryNode:
		if n.Operator == "+" || n.Operator == "-" {
			return c.shifted(n)
		}
		c.failOperator(n)
	case *ast.BuiltinNode:
		return c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.call(n, name.Value, n.Arguments)
		}
		c.fail(n, "a value has no methods; %s", allowedFunctions)
	case *ast.NilNode:
		c.fail(n, "nil is no value; 'city' in attributes tells whether there is an attribute city")
	case *ast.ArrayNode:
		c.fail(n, "a list can stand on the right of in alone, as in locale in ['de', 'at']")
	case *ast.ChainNode:
		c.fail(n, "write attributes.city without a question mark: an attribute that is absent is no error")
	default:
		c.fail(n, "this is not allowed; %s", allowedValues)
	}
	return o
}

// fixed returns a constant.
func fixed(v Value) operand { return operand{kind: v.Kind, fixed: v} }

// maxExact is up to where a float64 holds every whole number.
const maxExact = 1 << 53

// number reads a number with its sign.
func (c *checker) number(n ast.Node, sign float64) operand {
	switch n := n.(type) {
	case *ast.IntegerNode:
		if -maxExact <= n.Value && n.Value <= maxExact {
			return fixed(Value{Kind: Number, Number: sign * float64(n.Value)})
		}
		c.fail(n, "the number is too large to be exact; at most %d", int64(maxExact))
	case *ast.FloatNode:
		return fixed(Value{Kind: Number, Number: sign * n.Value})
	default:
		c.fail(n, "a sign stands before a number alone")
	}
	return operand{}
}

// variable reads a name that stands alone.
func (c *checker) variable(n *ast.IdentifierNode) operand {
	switch n.Value {
	case "locale":
		return operand{from: locale, kind: Text}
	case "zone":
		return operand{from: zone, kind: Text}
	case "now":
		return operand{from: theTime, kind: Time}
	case "attributes":
		c.fail(n, "write attributes.city, or 'city' in attributes")
	default:
		if _, ok := setNamed(n.Value); ok {
			c.fail(n, "%s is a set: write 'name' in %s", n.Value, n.Value)
		} else {
			c.fail(n, "there is no %.40q; %s", n.Value, allowedValues)
		}
	}
	return operand{}
}

// attribute returns the name of attributes.NAME.
func (c *checker) attribute(n *ast.MemberNode) string {
	name, isName := n.Property.(*ast.StringNode)
	of, isVariable := n.Node.(*ast.IdentifierNode)
	_, isPart := n.Node.(*ast.MemberNode)
	switch {
	case isPart:
		c.fail(n, "an attribute has no parts; one with a dot in its name is written attributes['a.b']")
	case !isVariable || of.Value != "attributes":
		c.fail(n.Node, "only attributes has names behind a dot, as in attributes.city")
	case !isName || name.Value == "":
		c.fail(n.Property, "the name of an attribute is a constant, as in attributes['city']")
	default:
		return name.Value
	}
	return ""
}

// call reads a function.
func (c *checker) call(n ast.Node, name string, args []ast.Node) (o operand) {
	switch name {
	case "date", "duration", "len", "lower":
	default:
		c.fail(n, "there is no function %.40s; %s", name, allowedFunctions)
		return o
	}
	if len(args) != 1 {
		c.fail(n, "%s takes one value", name)
		return o
	}
	if name == "date" {
		return c.date(args[0])
	}
	if name == "duration" {
		c.fail(n, "a duration is added to a time or taken from it, as in now - duration('30d')")
		return o
	}
	o = c.operand(args[0])
	switch {
	case c.fault != nil:
	case name == "lower" && (o.kind == Text || o.kind == Absent) && o.form != length:
		if o.form == asItIs {
			o.form, o.kind = lower, Text
		}
		return o
	case name == "len" && (o.kind == Text || o.kind == Absent):
		o.kind = Number
		if o.form == lower {
			o.form = lowerLength
		} else {
			o.form = length
		}
		return o
	default:
		c.fail(args[0], "%s takes a string, this is %s", name, kindNames[o.kind])
	}
	return o
}

// date reads the constant of date('2026-01-31').
func (c *checker) date(n ast.Node) operand {
	text, ok := n.(*ast.StringNode)
	if ok {
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if at, err := time.Parse(layout, text.Value); err == nil {
				return fixed(Value{Kind: Time, Time: at.UnixMilli()})
			}
		}
	}
	c.fail(n, "date takes a constant as '2026-01-31', which begins in UTC, or '2026-01-31T09:30:00+08:00'")
	return operand{}
}

// shifted reads a time plus or minus a duration.
func (c *checker) shifted(n *ast.BinaryNode) operand {
	o := c.operand(n.Left)
	if c.fault != nil {
		return o
	}
	if o.kind != Time {
		c.fail(n, "there is no arithmetic but a time and a duration, as in now - duration('30d')")
		return o
	}
	by := c.duration(n.Right)
	if n.Operator == "-" {
		by = -by
	}
	if o.from == constant {
		o.fixed.Time += by
	} else {
		o.shift += by
	}
	return o
}

// maxDuration is 100 years: with it no sum within maxParts leaves its 64 bits.
const maxDuration = 36_525 * 24 * time.Hour

// duration reads duration('36h'), in milliseconds.
func (c *checker) duration(n ast.Node) int64 {
	var name string
	var args []ast.Node
	switch n := n.(type) {
	case *ast.BuiltinNode:
		name, args = n.Name, n.Arguments
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			name, args = callee.Value, n.Arguments
		}
	}
	if name == "duration" && len(args) == 1 {
		if text, ok := args[0].(*ast.StringNode); ok {
			if d, err := parseDuration(text.Value); err == nil && d.Abs() <= maxDuration {
				return d.Milliseconds()
			}
		}
		n = args[0]
	}
	c.fail(n, "a duration is written duration('90m'), duration('36h') or duration('30d'), up to 100 years")
	return 0
}

// parseDuration reads a duration as Go has it, or a number of days.
func parseDuration(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("days: %w", err)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

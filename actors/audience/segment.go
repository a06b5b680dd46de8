package audience

import (
	"unicode/utf8"

	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"

	"reddot/actors"
)

// The bounds of an expression.
const (
	MaxLength = 2048 // bytes
	maxParts  = 200  // names, constants, operators and calls
)

// A Segment is an expression that was checked. It is immutable, and safe for
// concurrent use.
type Segment struct {
	where string
	test  test
}

// Check returns the segment of the expression, or an actors.Error that is Invalid,
// says what is allowed, and names the line and column of the fault.
func Check(where string) (*Segment, error) {
	switch {
	case len(where) > MaxLength:
		return nil, &actors.Error{Code: actors.TooLarge, Field: field, Detail: tooLong(len(where))}
	case !utf8.ValidString(where):
		return nil, &actors.Error{Code: actors.Invalid, Field: field, Detail: "the expression is not UTF-8"}
	}
	cfg := conf.CreateNew()
	cfg.MaxNodes = maxParts
	cfg.DisableIfOperator = true
	tree, err := parser.ParseWithConfig(where, cfg)
	if err != nil {
		return nil, syntaxFault(where, err)
	}
	c := &checker{where: where}
	t := c.test(tree.Node)
	if c.fault != nil {
		return nil, c.fault
	}
	return &Segment{where: where, test: t}, nil
}

// having returns the segment of those in whose set a name is. It has no expression.
func having(set Set, name string) *Segment {
	return &Segment{test: &member{operand{kind: Text, fixed: Value{Kind: Text, Text: name}}, set}}
}

// Of returns the segment of those for whom an audience is that is not all.
func Of(a *actors.Audience) (*Segment, error) {
	switch {
	case a.Topic != "":
		return having(Follows, a.Topic), nil
	case a.List != "":
		return having(Lists, a.List), nil
	}
	return Check(a.Segment.Where)
}

// Where returns the expression.
func (s *Segment) Where() string { return s.where }

// Matches tells whether the subject belongs to the segment at now, in milliseconds
// since 1970.
func (s *Segment) Matches(subject Subject, now int64) bool { return s.test.holds(subject, now) }

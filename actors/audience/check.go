package audience

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"reddot/actors"
)

// A checker makes tests of the library's tree. It stops at the first fault.
type checker struct {
	where string
	fault *actors.Error
}

// test reads a node that is true or false.
func (c *checker) test(n ast.Node) test {
	switch n := n.(type) {
	case *ast.BoolNode:
		return always(n.Value)
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return &not{c.test(n.Node)}
		}
		c.fail(n, "this is a number; write a comparison, as in attributes.level > 3")
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.MemberNode:
		return &isTrue{operand{from: attribute, name: c.attribute(n)}}
	case *ast.SequenceNode:
		c.fail(n, "an expression has no statements; join comparisons by && and ||")
	case *ast.VariableDeclaratorNode:
		c.fail(n, "an expression has no variables of its own")
	case *ast.ConditionalNode:
		c.fail(n, "there is no choice by ? or if; join comparisons by && and ||")
	default:
		if o := c.operand(n); c.fault == nil {
			c.fail(n, "this is %s, and not yes or no; write a comparison, as in attributes.level > 3", kindNames[o.kind])
		}
	}
	return always(false)
}

// binary reads an operator between two nodes.
func (c *checker) binary(n *ast.BinaryNode) test {
	switch n.Operator {
	case "&&", "and":
		return &both{c.test(n.Left), c.test(n.Right)}
	case "||", "or":
		return &either{c.test(n.Left), c.test(n.Right)}
	case "in":
		return c.in(n)
	case "!=":
		return &not{c.comparison(n, equal)}
	}
	if is, ok := relations[n.Operator]; ok {
		return c.comparison(n, is)
	}
	if at, ok := parts[n.Operator]; ok {
		t := &substring{of: c.operand(n.Left), text: c.operand(n.Right), at: at}
		c.wantKind(n.Left, &t.of, Text, n.Operator)
		c.wantKind(n.Right, &t.text, Text, n.Operator)
		return t
	}
	c.failOperator(n)
	return always(false)
}

// comparison reads two operands of the same kind.
func (c *checker) comparison(n *ast.BinaryNode, is relation) test {
	t := &comparison{left: c.operand(n.Left), right: c.operand(n.Right), is: is}
	c.wantKind(n.Right, &t.right, t.left.kind, n.Operator)
	if is != equal && (t.left.kind == Bool || t.right.kind == Bool) {
		c.fail(n, "true and false have no order; write == or !=")
	}
	return t
}

// in reads what stands in a set, in a list, or in a list that is an attribute.
func (c *checker) in(n *ast.BinaryNode) test {
	if name, ok := n.Right.(*ast.IdentifierNode); ok {
		if set, ok := setNamed(name.Value); ok {
			t := &member{c.operand(n.Left), set}
			c.wantKind(n.Left, &t.name, Text, "in "+name.Value)
			return t
		}
		if name.Value == "attributes" {
			return c.present(n)
		}
	}
	if list, ok := n.Right.(*ast.ArrayNode); ok {
		return c.oneOf(n, list)
	}
	if _, ok := n.Right.(*ast.MemberNode); !ok {
		c.fail(n.Right, "in asks for tags, tenants, follows, lists, attributes, a list that is an attribute, or constants, as in ['de', 'at']")
		return always(false)
	}
	t := &listed{c.operand(n.Left), c.operand(n.Right)}
	if c.fault == nil && !slices.Contains([]Kind{Absent, Text, Number}, t.item.kind) {
		c.fail(n.Left, "a list has strings and numbers, this is %s", kindNames[t.item.kind])
	}
	return t
}

// present reads 'city' in attributes.
func (c *checker) present(n *ast.BinaryNode) test {
	name, ok := n.Left.(*ast.StringNode)
	if !ok || name.Value == "" {
		c.fail(n.Left, "the name of an attribute is a constant, as in 'city' in attributes")
		return always(false)
	}
	return &present{name.Value}
}

// oneOf reads x in ['a', 'b'].
func (c *checker) oneOf(n *ast.BinaryNode, list *ast.ArrayNode) test {
	t := &oneOf{of: c.operand(n.Left)}
	for _, item := range list.Nodes {
		o := c.operand(item)
		if c.fault == nil && o.from != constant {
			c.fail(item, "a list has constants")
		}
		c.wantKind(item, &o, t.of.kind, "in")
		if c.fault != nil {
			return t
		}
		v := o.fixed
		if o.form != asItIs {
			v = o.form.of(v)
		}
		t.values = append(t.values, v)
	}
	return t
}

// wantKind refuses an operand that can't be of the kind.
func (c *checker) wantKind(n ast.Node, o *operand, kind Kind, operator string) {
	if o.kind == Absent || kind == Absent || o.kind == kind {
		return
	}
	hint := ""
	if kind == Time && o.kind == Text {
		hint = "; a time is written date('2026-01-31')"
	}
	c.fail(n, "%s wants %s here, this is %s%s", operator, kindNames[kind], kindNames[o.kind], hint)
}

// setNamed returns the set of the name.
func setNamed(name string) (Set, bool) {
	i := slices.Index(setNames[:], name)
	return Set(max(i, 0)), i >= 0
}

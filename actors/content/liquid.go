package content

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/parser"
	"github.com/osteele/liquid/render"
)

// grammar is which tags are blocks, to the library's parser. Its expressions are the
// library's too; what a tag does is ours (render.go), since the library bounds neither
// time nor memory, and its include reads files.
var grammar = func() render.Config {
	c := render.NewConfig()
	c.AddBlock("if").Clause("else").Clause("elsif")
	c.AddBlock("unless").Clause("else")
	c.AddBlock("case").Clause("when").Clause("else")
	c.AddBlock("for").Clause("else")
	c.AddBlock("capture")
	c.AddBlock("comment")
	c.AddBlock("raw")
	return c
}()

// A text is one string of a template, ready to be rendered.
type text struct {
	field string
	limit int  // bytes that it may render to
	html  bool // what variables say is escaped
	alone string
	nodes []node
}

// A node is a piece of a text.
type node interface{ render(*run) error }

// compile checks a text and makes it ready. field names it in errors.
func compile(field, source string, limit int, html bool, vars map[string]Variable) (t *text, err error) {
	defer func() {
		if what := recover(); what != nil { // the library panics over what it can't read, such as a number that is too large
			t, err = nil, wrong(field, "it can't be read: %s", cut(fmt.Sprint(what)))
		}
	}()
	if len(source) > limit {
		return nil, large(field, limit)
	}
	if !strings.Contains(source, "{{") && !strings.Contains(source, "{%") {
		return &text{field: field, limit: limit, nodes: []node{plainNode(source)}}, nil
	}
	c := checker{field: field, text: source, vars: vars}
	if err := c.check(); err != nil {
		return nil, err
	}
	root, bad := grammar.Parse(source, parser.SourceLoc{LineNo: 1})
	if bad != nil {
		return nil, faulty(field, max(1, bad.LineNumber()), 1, "%s", plainly(bad))
	}
	b := builder{field: field}
	t = &text{field: field, limit: limit, html: html, alone: alone(source)}
	if t.nodes, err = b.build(root.(*parser.ASTSeq).Children); err != nil {
		return nil, err
	}
	return t, nil
}

// alone returns the variable that the text is, and nothing else; empty: it is more.
func alone(source string) string {
	inner, ok := strings.CutPrefix(source, "{{")
	if inner, ok2 := strings.CutSuffix(inner, "}}"); ok && ok2 {
		if w := words(inner); len(w) == 1 && w[0].kind == wordName {
			return w[0].text
		}
	}
	return ""
}

// plainly is what the library's error says, without where.
func plainly(err error) string {
	s := err.Error()
	if _, rest, ok := strings.Cut(s, "): "); ok && strings.HasPrefix(s, "Liquid error") {
		s = rest
	}
	s, _, _ = strings.Cut(s, " in {")
	return s
}

// A builder makes nodes of the parser's.
type builder struct {
	field string
	depth int
}

// maxDepth is how deep tags may stand within each other.
const maxDepth = 32

func (b *builder) build(list []parser.ASTNode) (nodes []node, err error) {
	if b.depth++; b.depth > maxDepth {
		return nil, wrong(b.field, "its tags stand more than %d deep within each other", maxDepth)
	}
	defer func() { b.depth-- }()
	trim := false // the space at the beginning of the next plain text
	for _, n := range list {
		switch n := n.(type) {
		case *parser.ASTTrim:
			if trim = n.TrimDirection == parser.Right; !trim && len(nodes) > 0 {
				if last, ok := nodes[len(nodes)-1].(plainNode); ok {
					nodes[len(nodes)-1] = plainNode(strings.TrimRightFunc(string(last), unicode.IsSpace))
				}
			}
			continue
		case *parser.ASTText:
			s := n.Source
			if trim {
				s = strings.TrimLeftFunc(s, unicode.IsSpace)
			}
			nodes = append(nodes, plainNode(s))
		case *parser.ASTRaw:
			nodes = append(nodes, plainNode(strings.Join(n.Slices, "")))
		case *parser.ASTObject:
			nodes = append(nodes, &outNode{n.Expr, n.SourceLoc.LineNo, n.Args})
		case *parser.ASTTag:
			made, err := b.tag(n)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, made)
		case *parser.ASTBlock:
			made, err := b.block(n)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, made)
		}
		trim = false
	}
	return nodes, nil
}

// wrong says what is wrong with a tag.
func (b *builder) wrong(n parser.Token, err error) error {
	return faulty(b.field, n.SourceLoc.LineNo, 1, "%s", plainly(err))
}

func (b *builder) tag(n *parser.ASTTag) (node, error) {
	switch n.Name {
	case "break", "continue":
		return jumpNode{n.Name == "break"}, nil
	}
	s, err := expressions.ParseStatement(expressions.AssignStatementSelector, n.Args) // check lets nothing else through
	if err != nil {
		return nil, b.wrong(n.Token, err)
	}
	return &assignNode{s.Assignment.Variable, s.ValueFn, n.SourceLoc.LineNo}, nil
}

func (b *builder) block(n *parser.ASTBlock) (node, error) {
	body, err := b.build(n.Body)
	if err != nil {
		return nil, err
	}
	line := n.SourceLoc.LineNo
	switch n.Name {
	case "capture":
		return &captureNode{strings.TrimSpace(n.Args), body, line}, nil
	case "for":
		s, err := expressions.ParseStatement(expressions.LoopStatementSelector, n.Args)
		if err != nil {
			return nil, b.wrong(n.Token, err)
		}
		loop := &loopNode{Loop: s.Loop, body: body, line: line}
		for _, c := range n.Clauses {
			if loop.otherwise, err = b.build(c.Body); err != nil {
				return nil, err
			}
		}
		return loop, nil
	case "case":
		return b.cases(n)
	}
	test, err := expressions.Parse(n.Args)
	if err != nil {
		return nil, b.wrong(n.Token, err)
	}
	out := &ifNode{branches: []branch{{tests: []expressions.Expression{test}, body: body, unless: n.Name == "unless"}}, line: line}
	return out, b.branches(out, n.Clauses)
}

// cases makes a case tag: what stands before its first when is nothing.
func (b *builder) cases(n *parser.ASTBlock) (node, error) {
	of, err := expressions.Parse(n.Args)
	if err != nil {
		return nil, b.wrong(n.Token, err)
	}
	out := &ifNode{of: of, line: n.SourceLoc.LineNo}
	return out, b.branches(out, n.Clauses)
}

func (b *builder) branches(out *ifNode, clauses []*parser.ASTBlock) error {
	for i, c := range clauses {
		br := branch{}
		var err error
		switch c.Name {
		case "else":
			if i < len(clauses)-1 {
				return b.wrong(c.Token, fmt.Errorf("nothing but the end follows else"))
			}
		case "when":
			s, err := expressions.ParseStatement(expressions.WhenStatementSelector, c.Args)
			if err != nil {
				return b.wrong(c.Token, err)
			}
			br.tests = s.Exprs
		default:
			e, err := expressions.Parse(c.Args)
			if err != nil {
				return b.wrong(c.Token, err)
			}
			br.tests = []expressions.Expression{e}
		}
		if br.body, err = b.build(c.Body); err != nil {
			return err
		}
		out.branches = append(out.branches, br)
	}
	return nil
}

package content

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/osteele/liquid/parser"

	"reddot/actors"
)

// keywords are Liquid's own words in an expression.
var keywords = []string{"true", "false", "nil", "and", "or", "contains", "in"}

// loopVariable is what a loop tells of itself.
const loopVariable = "forloop"

// The tags that a template may use, with those that end a block.
var tagNames = []string{"if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase", "for", "endfor", "break", "continue",
	"assign", "capture", "endcapture", "comment", "endcomment", "raw", "endraw"}

// A checker reads a text's tokens for what the parser does not mind: what is not closed,
// variables and filters that are not there, and tags and ranges that are not allowed.
type checker struct {
	field  string
	text   string
	at     int // of the token, bytes from the beginning of text
	vars   map[string]Variable
	known  map[string]int // names that tags make, and how many do
	loops  []string       // the variables of the loops that are open
	closer string         // of the comment or the raw text that is open
}

// check returns what is wrong with the text.
func (c *checker) check() error {
	c.known = map[string]int{}
	for _, tok := range parser.Scan(c.text, parser.SourceLoc{LineNo: 1}, nil) {
		var err error
		switch {
		case c.closer != "":
			if tok.Type == parser.TagTokenType && tok.Name == c.closer {
				c.closer = ""
			}
		case tok.Type == parser.TextTokenType:
			err = c.plain(tok.Source)
		case tok.Type == parser.ObjTokenType:
			err = c.expression(words(tok.Args))
		case tok.Type == parser.TagTokenType:
			err = c.tag(tok.Name, tok.Args)
		}
		if err != nil {
			return err
		}
		c.at += len(tok.Source)
	}
	if c.closer != "" {
		return c.wrong("%s is missing", c.closer)
	}
	return nil
}

// plain refuses what looks like a tag and is none.
func (c *checker) plain(s string) error {
	for _, opener := range []string{"{{", "{%"} {
		if i := strings.Index(s, opener); i >= 0 {
			c.at += i
			return c.wrong("%s opens what is not closed on the same line, or is empty", opener)
		}
	}
	return nil
}

// wrong is what is said of the token.
func (c *checker) wrong(format string, args ...any) *actors.Error {
	line, column := place(c.text, c.at)
	return faulty(c.field, line, column, format, args...)
}

func faulty(field string, line, column int, format string, args ...any) *actors.Error {
	e := wrong(field, "line %d, column %d: "+format, append([]any{line, column}, args...)...)
	e.Place = actors.Place{Line: line, Column: column}
	return e
}

// place returns the line and the column of a byte of the text.
func place(text string, at int) (line, column int) {
	before := text[:min(at, len(text))]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// tag checks a tag, and takes in which names it makes.
func (c *checker) tag(name, args string) error {
	w := words(args)
	switch name {
	case "if", "unless", "elsif", "case", "when":
		if len(w) == 0 {
			return c.wrong("%s needs an expression", name)
		}
		return c.expression(w)
	case "comment", "raw":
		c.closer = "end" + name
	case "assign":
		if len(w) < 3 || w[0].kind != wordName || w[1].text != "=" {
			return c.wrong("write it as {%% assign name = value %%}")
		}
		if err := c.names(w[0].text); err != nil {
			return err
		}
		err := c.expression(w[2:])
		c.known[w[0].text]++
		return err
	case "capture":
		if len(w) != 1 || w[0].kind != wordName {
			return c.wrong("write it as {%% capture name %%}")
		}
		c.known[w[0].text]++
		return c.names(w[0].text)
	case "for":
		return c.loop(w)
	case "endfor":
		if n := len(c.loops); n > 0 {
			c.known[c.loops[n-1]]--
			c.known[loopVariable]--
			c.loops = c.loops[:n-1]
		}
	case "break", "continue":
		if len(c.loops) == 0 {
			return c.wrong("%s stands in no loop", name)
		}
	default:
		if !slices.Contains(tagNames, name) {
			return c.wrong("there is no tag %q; there are %s", cut(name), "if, unless, case, for, assign, capture, comment, raw")
		}
	}
	return nil
}

// names refuses what nothing may be called.
func (c *checker) names(name string) error {
	if !isVariable(name) || name == loopVariable {
		return c.wrong("%q can't be a name", cut(name))
	}
	return nil
}

// loop checks {% for item in list %}.
func (c *checker) loop(w []word) error {
	if len(w) < 3 || w[0].kind != wordName || w[1].text != "in" {
		return c.wrong("write it as {%% for item in list %%}")
	}
	if err := c.names(w[0].text); err != nil {
		return err
	}
	over, ranged := w[2:], false
	for i, x := range over {
		ranged = ranged || x.kind == wordRange
		if x.kind == wordName && x.text == "reversed" || x.kind == wordKey && (x.text == "limit" || x.text == "offset") {
			if ranged && slices.ContainsFunc(over[:i], isPipe) {
				break
			}
			over[i].kind = wordModifier
		}
	}
	if ranged {
		if slices.ContainsFunc(over, isPipe) {
			return c.wrong("a range takes no filters")
		}
		for i := range over {
			if over[i].kind == wordRange {
				over[i].kind = wordModifier
			}
		}
	}
	if err := c.expression(over); err != nil {
		return err
	}
	if v, ok := c.vars[over[0].text]; ok && len(over) == 1 && over[0].kind == wordName && c.known[over[0].text] == 0 && v.Type != typeList && v.Type != typeObject {
		return c.wrong("%s is a %s: a loop goes over a list", over[0].text, v.Type)
	}
	c.loops = append(c.loops, w[0].text)
	c.known[w[0].text]++
	c.known[loopVariable]++
	return nil
}

// expression checks that the variables and the filters are there.
func (c *checker) expression(w []word) error {
	for i, x := range w {
		filter := i > 0 && isPipe(w[i-1])
		switch {
		case filter && (x.kind == wordName || x.kind == wordKey):
			if err := c.filter(x, w[i+1:]); err != nil {
				return err
			}
		case filter:
			return c.wrong("a filter's name belongs behind |")
		case x.kind == wordKey:
			return c.wrong("there is no %q here", x.text+":")
		case x.kind == wordRange:
			return c.wrong("a range stands in a loop alone")
		case x.kind == wordOther && !strings.Contains("|,[]()<>=!-0123456789", x.text[:1]):
			return c.wrong("%q has no place here", x.text)
		case x.kind == wordName && !slices.Contains(keywords, x.text):
			if err := c.variable(x.text, i+1 < len(w) && w[i+1].kind == wordMember, w[min(i+1, len(w)-1)].text); err != nil {
				return err
			}
		}
	}
	if n := len(w); n > 0 && isPipe(w[n-1]) {
		return c.wrong("a filter's name belongs behind |")
	}
	return nil
}

func (c *checker) variable(name string, hasMember bool, member string) error {
	if c.known[name] > 0 {
		return nil
	}
	v, ok := c.vars[name]
	switch {
	case !ok && len(c.vars) == 0:
		return c.wrong("there is no variable %q; the template has none", cut(name))
	case !ok:
		return c.wrong("there is no variable %q; there are %s", cut(name), names(c.vars))
	case hasMember && v.Type != typeObject && v.Type != typeList && member != "size":
		return c.wrong("%s is a %s, and has no members", name, v.Type)
	}
	return nil
}

// filter checks the filter's name and how many arguments it has.
func (c *checker) filter(x word, rest []word) error {
	f, ok := filterArgs[x.text]
	if !ok {
		return c.wrong("there is no filter %q; there are %s", cut(x.text), strings.Join(slices.Sorted(maps.Keys(filterArgs)), ", "))
	}
	n := 0
	if x.kind == wordKey {
		n = 1
		for depth, i := 0, 0; i < len(rest) && !isPipe(rest[i]); i++ {
			switch rest[i].text {
			case "(", "[":
				depth++
			case ")", "]":
				depth--
			case ",":
				if depth == 0 && rest[i].kind == wordOther {
					n++
				}
			}
		}
	}
	if n < f.least || n > f.most {
		return c.wrong("the filter %s takes %s", x.text, f)
	}
	return nil
}

package audience

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"reddot/actors"
)

// field is the name of an expression in requests.
const field = "where"

// What is allowed, for people.
const (
	allowedValues    = "there are attributes.NAME, tags, tenants, follows, lists, locale, zone, now and constants"
	allowedFunctions = "there are date, duration, len and lower"
	allowedOperators = "there are == != < <= > >= in contains startsWith endsWith && || !"
)

// fail notes what is wrong with a node. Only the first fault counts.
func (c *checker) fail(n ast.Node, format string, args ...any) {
	if c.fault == nil {
		c.fault = faultAt(c.where, n.Location().From, fmt.Sprintf(format, args...))
	}
}

// failOperator refuses an operator.
func (c *checker) failOperator(n *ast.BinaryNode) {
	switch n.Operator {
	case "matches":
		c.fail(n, "matches is not allowed; there are contains, startsWith and endsWith")
	case "..":
		c.fail(n, "there are no ranges; write 1 <= attributes.level <= 5")
	default:
		c.fail(n, "the operator %s is not allowed here; %s", n.Operator, allowedOperators)
	}
}

// syntaxFault is what the parser says.
func syntaxFault(where string, err error) *actors.Error {
	var at *file.Error
	if !errors.As(err, &at) {
		return &actors.Error{Code: actors.Invalid, Field: field, Detail: "the expression can't be read"}
	}
	message, from := at.Message, at.From
	switch {
	case strings.Contains(message, "maximum allowed nodes"):
		message = fmt.Sprintf("the expression is too long: at most %d names, constants, operators and calls", maxParts)
	case strings.TrimSpace(where) == "":
		message = "the expression is empty; write one as 'vip' in tags && attributes.city == 'Shanghai'"
	case strings.Contains(message, "EOF"):
		message, from = "the expression ends where something has to follow", utf8.RuneCountInString(where)
	case strings.Contains(message, `Operator("=")`):
		message = "write == to compare"
	case strings.Contains(message, `Operator("&")`):
		message = "write && for and"
	case strings.Contains(message, `Operator("|")`):
		message = "write || for or"
	}
	return faultAt(where, from, message)
}

// tooLong refuses an expression of so many bytes.
func tooLong(n int) string {
	return fmt.Sprintf("the expression has %d bytes; at most %d are allowed", n, MaxLength)
}

// snippet is how many characters are shown on each side of a fault.
const snippet = 40

// faultAt returns the error of a fault at a character, counted from 0.
func faultAt(where string, from int, message string) *actors.Error {
	line, column := 1, 0
	runes := []rune(where)
	from = min(max(from, 0), len(runes))
	start := from
	for start > 0 && runes[start-1] != '\n' {
		start--
		column++
	}
	for _, r := range runes[:start] {
		if r == '\n' {
			line++
		}
	}
	end := from
	for end < len(runes) && runes[end] != '\n' && end < from+snippet {
		end++
	}
	start = max(start, from-snippet)
	shown := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, string(runes[start:end]))
	return &actors.Error{
		Code: actors.Invalid, Field: field, Place: actors.Place{Line: line, Column: column + 1},
		Detail: fmt.Sprintf("line %d, column %d: %s\n%s\n%s^", line, column+1, message, shown, strings.Repeat(" ", from-start)),
	}
}

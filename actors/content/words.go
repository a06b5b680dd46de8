package content

import "strings"

// The kinds of words of an expression.
const (
	wordOther    = iota // an operator, a bracket, a number
	wordName            // a variable, a keyword or a filter
	wordKey             // a name with a colon behind it: a filter with arguments, or limit: of a loop
	wordMember          // .name
	wordString          // in quotes
	wordRange           // ..
	wordModifier        // of a loop
)

// A word is one of an expression.
type word struct {
	kind int
	text string // without the quotes, the dot, the colon
}

func isPipe(w word) bool { return w.kind == wordOther && w.text == "|" }

// words takes an expression apart as the library's scanner does.
func words(s string) (list []word) {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			i++
		case c == '"' || c == '\'':
			end := strings.IndexByte(s[i+1:], c)
			if end < 0 {
				list = append(list, word{wordOther, s[i : i+1]})
				i++
				continue
			}
			list = append(list, word{wordString, s[i+1 : i+1+end]})
			i += end + 2
		case isLetter(c):
			n := i + identifier(s[i:])
			kind := wordName
			list = append(list, word{kind, s[i:n]})
			if i = n; n < len(s) && s[n] == ':' {
				list[len(list)-1].kind = wordKey
				i++
			}
		case c == '.' && strings.HasPrefix(s[i:], ".."):
			list = append(list, word{wordRange, ".."})
			i += 2
		case c == '.' && i+1 < len(s) && isLetter(s[i+1]):
			n := i + 1 + identifier(s[i+1:])
			list = append(list, word{wordMember, s[i+1 : n]})
			i = n
		case c >= '0' && c <= '9' || c == '-' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			n := i + 1
			for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.' && n+1 < len(s) && s[n+1] >= '0' && s[n+1] <= '9') {
				n++
			}
			list = append(list, word{wordOther, s[i:n]})
			i = n
		default:
			list = append(list, word{wordOther, s[i : i+1]})
			i++
		}
	}
	return list
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// identifier returns the length of the one that s begins with.
func identifier(s string) int {
	n := 1
	for n < len(s) && (isLetter(s[n]) || s[n] >= '0' && s[n] <= '9' || s[n] == '-') {
		n++
	}
	if n < len(s) && s[n] == '?' {
		n++
	}
	return n
}

package jsontext

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"reddot/actors"
)

// A Scanner reads JSON text in one pass. It reads in place: what it returns
// points into the source. After a mistake it goes no further, and Err says what
// was wrong.
type Scanner struct {
	src    []byte
	pos    int
	bad    string // what is wrong at pos; empty: nothing yet
	deep   int    // how deep arrays and objects may nest
	blanks int    // bytes of white space so far
	unique bool   // no object within a value may have a name twice
}

// Reset starts on a new text, in which values nest at most so deep.
func (s *Scanner) Reset(src []byte, deep int) { *s = Scanner{src: src, deep: deep} }

// Check returns nil if the text is one value, no object of which has a name
// twice, or else an Error: of two members of one name, one reader would take the
// first and the next one the last.
func Check(src []byte, deep int) error {
	s := Scanner{src: src, deep: deep, unique: true}
	if !s.SkipValue() || !s.End() {
		return s.Err()
	}
	return nil
}

// ErrTwice is why Check refuses a name that stands twice.
var ErrTwice = errors.New("a name that stands twice in an object")

// Bad tells whether a mistake was found.
func (s *Scanner) Bad() bool { return s.bad != "" }

// At returns where the scanner stands, for Seek.
func (s *Scanner) At() int { return s.pos }

// Seek goes to where At said that the scanner stood.
func (s *Scanner) Seek(at int) { s.pos = at }

// Err returns what went wrong, as an Error that names the byte.
func (s *Scanner) Err() error {
	e := &actors.Error{Code: actors.Invalid, Detail: fmt.Sprintf("this is not the JSON that is wanted here: %s at byte %d", s.bad, s.pos)}
	if s.bad == ErrTwice.Error() {
		e.Cause = ErrTwice
	}
	return e
}

// fail notes the first mistake. It returns false.
func (s *Scanner) fail(what string) bool {
	if s.bad == "" {
		s.bad = what
	}
	return false
}

// space skips white space.
func (s *Scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
			s.blanks++
		default:
			return
		}
	}
}

// Peek returns the next byte that is no white space; 0 at the end.
func (s *Scanner) Peek() byte {
	s.space()
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

// Take reads the given byte.
func (s *Scanner) Take(c byte, what string) bool {
	if s.Peek() != c {
		return s.fail(what)
	}
	s.pos++
	return true
}

// Open reads the bracket, if it stands next.
func (s *Scanner) Open(bracket byte) bool {
	if s.Peek() != bracket {
		return false
	}
	s.pos++
	return true
}

// End makes sure that nothing follows.
func (s *Scanner) End() bool {
	s.space()
	if s.pos < len(s.src) {
		return s.fail("something after the value")
	}
	return true
}

// Member reads what stands before the next member's value and returns its
// name. first says whether it is the object's first. more is false at the
// object's end, and after a mistake.
func (s *Scanner) Member(first bool) (name Text, more bool) {
	c := s.Peek()
	if c == '}' {
		s.pos++
		return Text{}, false
	}
	if !first && !s.Take(',', "no comma between members") {
		return Text{}, false
	}
	if s.Peek() != '"' {
		return Text{}, s.fail("no name of a member")
	}
	name, ok := s.Text()
	return name, ok && s.Take(':', "no colon after a name")
}

// Item is Member for arrays.
func (s *Scanner) Item(first bool) (more bool) {
	if s.Peek() == ']' {
		s.pos++
		return false
	}
	return first || s.Take(',', "no comma between elements")
}

// Text reads a string.
func (s *Scanner) Text() (Text, bool) {
	if s.Peek() != '"' {
		return Text{}, s.fail("no string")
	}
	s.pos++
	start, saved, src := s.pos, 0, s.src
	for i := s.pos; i < len(src); {
		c := src[i]
		switch {
		case plain[c]:
			i++
		case c == '"':
			s.pos = i + 1
			return Text{Raw: src[start:i:i], Size: i - start - saved, escaped: saved > 0}, true
		case c == '\\':
			_, from, to := unescape(src[i:])
			if from == 0 {
				s.pos = i
				return Text{}, s.fail("a bad escape")
			}
			i, saved = i+from, saved+from-to
		case c < 0x20:
			s.pos = i
			return Text{}, s.fail("a control character within a string")
		default:
			_, n := utf8.DecodeRune(src[i:])
			if n == 1 {
				s.pos = i
				return Text{}, s.fail("invalid UTF-8")
			}
			i += n
		}
	}
	s.pos = len(src)
	return Text{}, s.fail("no end of a string")
}

// SkipValue reads any value.
func (s *Scanner) SkipValue() bool { return s.nested(s.deep) }

// Raw reads any value and returns it as it stands in the source.
func (s *Scanner) Raw() ([]byte, bool) {
	s.space()
	start := s.pos
	ok := s.SkipValue()
	return s.src[start:s.pos:s.pos], ok
}

// Split returns the elements of an array, the first ones up to limit; what follows those is
// not looked at.
func Split(src []byte, deep, limit int) (items [][]byte, err error) {
	var s Scanner
	s.Reset(src, deep)
	if !s.Take('[', "no array") {
		return nil, s.Err()
	}
	for first := true; s.Item(first); first = false {
		item, ok := s.Raw()
		if !ok {
			return nil, s.Err()
		}
		if items = append(items, item); len(items) == limit {
			return items, nil
		}
	}
	if s.Bad() || !s.End() {
		return nil, s.Err()
	}
	return items, nil
}

// Value reads any value and appends it to b without white space, otherwise
// byte by byte as it stands.
func (s *Scanner) Value(b []byte) ([]byte, bool) {
	s.space()
	start, blanks := s.pos, s.blanks
	if !s.SkipValue() {
		return b, false
	}
	raw := s.src[start:s.pos]
	if s.blanks == blanks {
		return append(b, raw...), true
	}
	return appendCompact(b, raw), true
}

// appendCompact appends a good value without the white space between its parts.
func appendCompact(b, value []byte) []byte {
	within := false // a string
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case within && c == '\\':
			b = append(b, c)
			i++
			c = value[i]
		case c == '"':
			within = !within
		case !within && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		b = append(b, c)
	}
	return b
}

func (s *Scanner) nested(deep int) bool {
	switch c := s.Peek(); {
	case c == '"':
		_, ok := s.Text()
		return ok
	case c == '{' && deep > 0:
		return s.object(deep - 1)
	case c == '[' && deep > 0:
		return s.array(deep - 1)
	case c == '{' || c == '[':
		return s.fail("a value nested too deep")
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	}
	return s.Word("true") || s.Word("false") || s.Word("null") || s.fail("no value")
}

// Word reads one of JSON's three words, if it stands next.
func (s *Scanner) Word(w string) bool {
	s.space()
	if len(s.src)-s.pos < len(w) || string(s.src[s.pos:s.pos+len(w)]) != w {
		return false
	}
	s.pos += len(w)
	return true
}

func (s *Scanner) object(deep int) bool {
	s.pos++
	var names map[string]struct{}
	for first := true; ; first = false {
		name, more := s.Member(first)
		if !more {
			return s.bad == ""
		}
		if s.unique {
			if names == nil {
				names = map[string]struct{}{}
			}
			text := name.String()
			if _, twice := names[text]; twice {
				return s.fail(ErrTwice.Error())
			}
			names[text] = struct{}{}
		}
		if !s.nested(deep) {
			return false
		}
	}
}

func (s *Scanner) array(deep int) bool {
	s.pos++
	for first := true; s.Item(first); first = false {
		if !s.nested(deep) {
			return false
		}
	}
	return s.bad == ""
}

// Int reads a whole number. ok is false if something else stands next, or one
// that does not fit into 64 bits; what it read then is skipped.
func (s *Scanner) Int() (n int64, ok bool) {
	raw, good := s.Raw()
	if !good || len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}

// number reads a number (RFC 8259, section 6).
func (s *Scanner) number() bool {
	if s.at('-') {
		s.pos++
	}
	switch {
	case s.at('0'):
		s.pos++
		if s.pos < len(s.src) && '0' <= s.src[s.pos] && s.src[s.pos] <= '9' {
			return s.fail("a number with a leading zero")
		}
	case s.digits() == 0:
		return s.fail("no digit in a number")
	}
	if s.at('.') {
		s.pos++
		if s.digits() == 0 {
			return s.fail("no digit in a number")
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if s.digits() == 0 {
			return s.fail("no digit in a number")
		}
	}
	return true
}

// at tells whether c is the very next byte.
func (s *Scanner) at(c byte) bool { return s.pos < len(s.src) && s.src[s.pos] == c }

// digits skips digits and returns how many.
func (s *Scanner) digits() int {
	start := s.pos
	for s.pos < len(s.src) && '0' <= s.src[s.pos] && s.src[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}

package api

import (
	"fmt"
	"unicode/utf8"

	"reddot/actors"
)

// A scanner reads JSON text (RFC 8259) strictly and in one pass: what it
// accepts, encoding/json accepts too. Beyond that it refuses invalid UTF-8,
// escaped surrogates without their other half, and values nested too deep. It
// reads in place: what it returns points into src.
type scanner struct {
	src  []byte
	pos  int
	bad  string // what is wrong at pos; empty: nothing yet
	deep int    // how deep arrays and objects may nest
}

// reset starts on a new text.
func (s *scanner) reset(src []byte, deep int) { *s = scanner{src: src, deep: deep} }

// err returns what went wrong, as an Error that names the byte.
func (s *scanner) err() error {
	return &actors.Error{Code: actors.Invalid, Detail: fmt.Sprintf("this is not the JSON that is wanted here: %s at byte %d", s.bad, s.pos)}
}

// fail notes the first mistake. It returns false.
func (s *scanner) fail(what string) bool {
	if s.bad == "" {
		s.bad = what
	}
	return false
}

// space skips white space.
func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is no white space; 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

// take reads the given byte.
func (s *scanner) take(c byte, what string) bool {
	if s.peek() != c {
		return s.fail(what)
	}
	s.pos++
	return true
}

// end makes sure that nothing follows.
func (s *scanner) end() bool {
	s.space()
	if s.pos < len(s.src) {
		return s.fail("something after the value")
	}
	return true
}

// member reads what stands before the next member's value and returns its
// name. first says whether it is the object's first. more is false at the
// object's end, and after a mistake.
func (s *scanner) member(first bool) (name text, more bool) {
	c := s.peek()
	if c == '}' {
		s.pos++
		return text{}, false
	}
	if !first && !s.take(',', "no comma between members") {
		return text{}, false
	}
	if s.peek() != '"' {
		return text{}, s.fail("no name of a member")
	}
	name, ok := s.text()
	return name, ok && s.take(':', "no colon after a name")
}

// item is member for arrays.
func (s *scanner) item(first bool) (more bool) {
	if s.peek() == ']' {
		s.pos++
		return false
	}
	return first || s.take(',', "no comma between elements")
}

// A text is a JSON string as it stands in the source.
type text struct {
	raw     []byte // between the quotes; nil: there is none
	size    int    // bytes once decoded
	escaped bool   // raw holds escapes
}

// plain marks the bytes that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// text reads a string.
func (s *scanner) text() (text, bool) {
	if s.peek() != '"' {
		return text{}, s.fail("no string")
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
			return text{raw: src[start:i:i], size: i - start - saved, escaped: saved > 0}, true
		case c == '\\':
			_, from, to := unescape(src[i:])
			if from == 0 {
				s.pos = i
				return text{}, s.fail("a bad escape")
			}
			i, saved = i+from, saved+from-to
		case c < 0x20:
			s.pos = i
			return text{}, s.fail("a control character within a string")
		default:
			_, n := utf8.DecodeRune(src[i:])
			if n == 1 {
				s.pos = i
				return text{}, s.fail("invalid UTF-8")
			}
			i += n
		}
	}
	s.pos = len(src)
	return text{}, s.fail("no end of a string")
}

// unescape reads the escape at the beginning of b: the rune, how many bytes it
// took, and how many it takes as UTF-8, which are always fewer. from is 0 if
// it is none.
func unescape(b []byte) (r rune, from, to int) {
	if len(b) < 2 {
		return 0, 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2, 1
	case 'b':
		return '\b', 2, 1
	case 'f':
		return '\f', 2, 1
	case 'n':
		return '\n', 2, 1
	case 'r':
		return '\r', 2, 1
	case 't':
		return '\t', 2, 1
	case 'u':
		return unescapeHex(b)
	}
	return 0, 0, 0
}

// unescapeHex reads \uXXXX, or a surrogate pair of them (RFC 8259, section 7).
func unescapeHex(b []byte) (r rune, from, to int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0, 0
	}
	if r < 0xd800 || r > 0xdfff {
		return r, 6, utf8.RuneLen(r)
	}
	low, ok := hex4(b[6:])
	if r > 0xdbff || !ok || low < 0xdc00 || low > 0xdfff {
		return 0, 0, 0
	}
	return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 12, 4
}

// hex4 reads \uXXXX.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		d := unhex(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

// unhex returns the value of a hexadecimal digit; -1 if it is none.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// appendTo appends the decoded text.
func (t text) appendTo(b []byte) []byte {
	if !t.escaped {
		return append(b, t.raw...)
	}
	for i := 0; i < len(t.raw); {
		if t.raw[i] != '\\' {
			b = append(b, t.raw[i])
			i++
			continue
		}
		r, from, _ := unescape(t.raw[i:])
		b = utf8.AppendRune(b, r)
		i += from
	}
	return b
}

// string returns the decoded text.
func (t text) string() string {
	if !t.escaped {
		return string(t.raw)
	}
	return string(t.appendTo(make([]byte, 0, t.size)))
}

// is tells whether the decoded text is s.
func (t text) is(s string) bool {
	if !t.escaped {
		return string(t.raw) == s
	}
	return t.string() == s
}

// appendJSON appends the text as a JSON string with no escape that is not
// needed.
func (t text) appendJSON(b []byte) []byte {
	if !t.escaped {
		b = append(b, '"')
		b = append(b, t.raw...)
		return append(b, '"')
	}
	return appendJSON(b, t.string())
}

// appendJSON appends s, which is valid UTF-8, as a JSON string.
func appendJSON(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if plain[c] || c >= utf8.RuneSelf {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// value reads any value and appends it to b without white space, otherwise
// byte by byte as it stands.
func (s *scanner) value(b []byte) ([]byte, bool) { return s.nested(b, s.deep) }

func (s *scanner) nested(b []byte, deep int) ([]byte, bool) {
	switch c := s.peek(); {
	case c == '"':
		t, ok := s.text()
		b = append(b, '"')
		b = append(b, t.raw...)
		return append(b, '"'), ok
	case c == '{' && deep > 0:
		return s.object(b, deep-1)
	case c == '[' && deep > 0:
		return s.array(b, deep-1)
	case c == '{' || c == '[':
		return b, s.fail("a value nested too deep")
	case c == '-' || '0' <= c && c <= '9':
		start := s.pos
		ok := s.number()
		return append(b, s.src[start:s.pos]...), ok
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if s.word(word) {
			return append(b, word...), true
		}
	}
	return b, s.fail("no value")
}

// word reads one of JSON's three words, if it stands here.
func (s *scanner) word(w string) bool {
	if len(s.src)-s.pos < len(w) || string(s.src[s.pos:s.pos+len(w)]) != w {
		return false
	}
	s.pos += len(w)
	return true
}

func (s *scanner) object(b []byte, deep int) ([]byte, bool) {
	s.pos++
	b = append(b, '{')
	for first := true; ; first = false {
		name, more := s.member(first)
		if !more {
			return append(b, '}'), s.bad == ""
		}
		if !first {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name.raw...)
		b = append(b, '"', ':')
		var ok bool
		if b, ok = s.nested(b, deep); !ok {
			return b, false
		}
	}
}

func (s *scanner) array(b []byte, deep int) ([]byte, bool) {
	s.pos++
	b = append(b, '[')
	for first := true; ; first = false {
		if !s.item(first) {
			return append(b, ']'), s.bad == ""
		}
		if !first {
			b = append(b, ',')
		}
		var ok bool
		if b, ok = s.nested(b, deep); !ok {
			return b, false
		}
	}
}

// number reads a number (RFC 8259, section 6).
func (s *scanner) number() bool {
	if s.at('-') {
		s.pos++
	}
	switch {
	case s.at('0'):
		s.pos++
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
func (s *scanner) at(c byte) bool { return s.pos < len(s.src) && s.src[s.pos] == c }

// digits skips digits and returns how many.
func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.src) && '0' <= s.src[s.pos] && s.src[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}

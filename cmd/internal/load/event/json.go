package event

import (
	"bytes"
	"encoding/json"
)

// A scanner reads a JSON text once, from left to right, and copies nothing. It
// is made for texts that are valid; of another it reads something or fails, but
// always ends.
type scanner struct {
	b   []byte
	i   int
	bad bool
}

// peek skips space and returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// take consumes c if it is next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.bad {
		return false
	}
	s.i++
	return true
}

// open enters an object; anything else is skipped.
func (s *scanner) open() bool {
	if s.take('{') {
		return true
	}
	s.skip()
	return false
}

// key returns the next key of the object entered, as it is written, or false
// at the object's end.
func (s *scanner) key() ([]byte, bool) {
	s.take(',')
	if s.take('}') {
		return nil, false
	}
	k, ok := s.str()
	if !ok || !s.take(':') {
		s.bad = true
		return nil, false
	}
	return k, true
}

// str returns the next string as it is written, without its quotes.
func (s *scanner) str() ([]byte, bool) {
	if !s.take('"') {
		s.bad = true
		return nil, false
	}
	from := s.i
	for {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			s.bad = true
			return nil, false
		}
		s.i += n + 1
		slashes := 0
		for k := s.i - 2; k >= from && s.b[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 0 {
			return s.b[from : s.i-1], true
		}
	}
}

// text returns the next value if it is a string, and else skips it.
func (s *scanner) text() []byte {
	if s.peek() != '"' {
		s.skip()
		return nil
	}
	t, _ := s.str()
	return t
}

// number returns the next value if it is a whole number, and else skips it.
func (s *scanner) number() int64 {
	c := s.peek()
	neg := c == '-'
	if neg {
		s.i++
	} else if c < '0' || c > '9' {
		s.skip()
		return 0
	}
	var n int64
	from := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		n = n*10 + int64(s.b[s.i]-'0')
		s.i++
	}
	if s.i == from || s.i-from > 18 || (s.i < len(s.b) && (s.b[s.i] == '.' || s.b[s.i] == 'e' || s.b[s.i] == 'E')) {
		s.skipPlain()
		return 0
	}
	if neg {
		return -n
	}
	return n
}

// skip passes over one value of any kind.
func (s *scanner) skip() {
	depth := 0
	for !s.bad {
		switch s.peek() {
		case 0:
			s.bad = true
		case '"':
			s.str()
		case '{', '[':
			depth++
			s.i++
			continue
		case '}', ']':
			if depth == 0 {
				s.bad = true
				return
			}
			depth--
			s.i++
		case ',', ':':
			if depth == 0 {
				s.bad = true
				return
			}
			s.i++
			continue
		default:
			s.skipPlain()
		}
		if depth == 0 {
			return
		}
	}
}

// skipPlain passes over a number or a word; it always takes at least one byte
// if one is left.
func (s *scanner) skipPlain() {
	from := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', ':', '}', ']', '{', '[', '"', ' ', '\t', '\n', '\r':
			if s.i == from {
				s.bad = true
			}
			return
		}
		s.i++
	}
}

// raw returns the next value as it is written.
func (s *scanner) raw() []byte {
	s.peek()
	from := s.i
	s.skip()
	if s.bad {
		return nil
	}
	return s.b[from:s.i]
}

// unquote resolves a JSON string's escapes.
func unquote(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw, nil
	}
	var t string
	q := append(append([]byte{'"'}, raw...), '"')
	if err := json.Unmarshal(q, &t); err != nil {
		return nil, err
	}
	return []byte(t), nil
}

package jsontext

import (
	"bytes"
	"unicode/utf8"
)

// A Text is a JSON string as it stands in the source.
type Text struct {
	Raw     []byte // between the quotes; nil: there is none
	Size    int    // bytes once decoded
	escaped bool   // Raw holds escapes
}

// plain marks the bytes that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

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

// NewText returns the text that is decoded to s.
func NewText(s string) Text {
	b := AppendString(make([]byte, 0, len(s)+2), s)
	raw := b[1 : len(b)-1]
	return Text{Raw: raw, Size: len(s), escaped: bytes.IndexByte(raw, '\\') >= 0}
}

// AppendTo appends the decoded text.
func (t Text) AppendTo(b []byte) []byte {
	if !t.escaped {
		return append(b, t.Raw...)
	}
	for i := 0; i < len(t.Raw); {
		if t.Raw[i] != '\\' {
			b = append(b, t.Raw[i])
			i++
			continue
		}
		r, from, _ := unescape(t.Raw[i:])
		b = utf8.AppendRune(b, r)
		i += from
	}
	return b
}

// String returns the decoded text.
func (t Text) String() string {
	if !t.escaped {
		return string(t.Raw)
	}
	return string(t.AppendTo(make([]byte, 0, t.Size)))
}

// Bytes returns the decoded text, which points into the source where it can.
func (t Text) Bytes() []byte {
	if !t.escaped {
		return t.Raw
	}
	return t.AppendTo(make([]byte, 0, t.Size))
}

// Is tells whether the decoded text is s.
func (t Text) Is(s string) bool {
	if !t.escaped {
		return string(t.Raw) == s
	}
	return string(t.Bytes()) == s
}

// AppendJSON appends the text as a JSON string with no escape that is not
// needed.
func (t Text) AppendJSON(b []byte) []byte {
	if !t.escaped {
		b = append(b, '"')
		b = append(b, t.Raw...)
		return append(b, '"')
	}
	return AppendString(b, t.String())
}

// AppendString appends s, which is valid UTF-8, as a JSON string.
func AppendString(b []byte, s string) []byte {
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

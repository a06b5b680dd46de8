package actors

import (
	"encoding/base64"
	"encoding/binary"
)

// A Cursor says how far a client has come: up to the event seq and the
// broadcast pos of one lineage, which is the user's mixed with that of the
// store (Historian). Outside it is an opaque string.
type Cursor struct {
	Lineage  uint64
	Seq, Pos uint64
}

// Covers tells whether a client that stands at c has seen what leads to o, a
// cursor of the same user.
func (c Cursor) Covers(o Cursor) bool { return o.Seq <= c.Seq && o.Pos <= c.Pos }

// MaxCursor is the greatest length of a cursor's text.
const MaxCursor = 64

const cursorVersion = 1

// Append appends the cursor's text to b: base64url of a version byte, the
// lineage in 8 bytes, seq and pos as varints.
func (c Cursor) Append(b []byte) []byte {
	var raw [1 + 8 + 2*binary.MaxVarintLen64]byte
	raw[0] = cursorVersion
	binary.BigEndian.PutUint64(raw[1:], c.Lineage)
	n := 9 + binary.PutUvarint(raw[9:], c.Seq)
	n += binary.PutUvarint(raw[n:], c.Pos)
	return base64.RawURLEncoding.AppendEncode(b, raw[:n])
}

// String returns the cursor's text.
func (c Cursor) String() string { return string(c.Append(make([]byte, 0, 32))) }

// ParseCursor reads a cursor's text. A text that no Append has made is an
// Error with Invalid.
func ParseCursor(s string) (Cursor, error) {
	bad := &Error{Code: Invalid, Detail: "this is no cursor that this server gave out"}
	if len(s) > MaxCursor {
		return Cursor{}, bad
	}
	var raw [MaxCursor]byte
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(s))
	if err != nil || n < 11 || raw[0] != cursorVersion {
		return Cursor{}, bad
	}
	c := Cursor{Lineage: binary.BigEndian.Uint64(raw[1:])}
	b := raw[9:n]
	var k int
	if c.Seq, k = binary.Uvarint(b); k <= 0 {
		return Cursor{}, bad
	}
	b = b[k:]
	if c.Pos, k = binary.Uvarint(b); k <= 0 || k != len(b) {
		return Cursor{}, bad
	}
	// One cursor has one text: it is an ETag, too.
	if string(c.Append(raw[:0])) != s {
		return Cursor{}, bad
	}
	return c, nil
}

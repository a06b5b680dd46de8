package actors

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/google/uuid"
)

// An ID names a message: a UUIDv7 (RFC 9562), so ids sort by time.
type ID [16]byte

// NewID returns a new id of the present millisecond. It belongs to the edge:
// the actors take ids as arguments.
func NewID() ID { return ID(uuid.Must(uuid.NewV7FromReader(random{}))) }

// random is the runtime's generator (ChaCha8): ids must be unique, they are no
// secrets, and a system call for each would cost more than the rest of a turn.
type random struct{}

func (random) Read(b []byte) (int, error) {
	for i := 0; i < len(b); i += 8 {
		var r [8]byte
		binary.LittleEndian.PutUint64(r[:], rand.Uint64())
		copy(b[i:], r[:])
	}
	return len(b), nil
}

// ParseID reads the canonical form: 36 lower-case characters.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, fmt.Errorf("id %.40q: want a UUID such as 01980e2b-6b3c-7c1e-a4b0-0123456789ab", s)
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return id, fmt.Errorf("id %.40q: %w", s, err)
	}
	if strings.ContainsAny(s, "ABCDEF") {
		return id, fmt.Errorf("id %.40q: want lower case", s)
	}
	return ID(u), nil
}

// IsZero tells whether id is the zero ID, which names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the canonical form.
func (id ID) String() string { return string(id.Append(make([]byte, 0, 36))) }

// Append appends the canonical form to b.
func (id ID) Append(b []byte) []byte {
	n := len(b)
	b = append(b, "00000000-0000-0000-0000-000000000000"...)
	t := b[n:]
	hex.Encode(t[0:8], id[0:4])
	hex.Encode(t[9:13], id[4:6])
	hex.Encode(t[14:18], id[6:8])
	hex.Encode(t[19:23], id[8:10])
	hex.Encode(t[24:36], id[10:16])
	return b
}

// PackIDs returns the ids one behind the other, as events hold them.
func PackIDs(ids []ID) []byte {
	b := make([]byte, 0, len(ids)*16)
	for i := range ids {
		b = append(b, ids[i][:]...)
	}
	return b
}

// EachID calls fn with each of packed ids.
func EachID(packed []byte, fn func(ID)) {
	for ; len(packed) >= 16; packed = packed[16:] {
		fn(ID(packed[:16]))
	}
}

// Millis returns the unix milliseconds in a UUIDv7.
func (id ID) Millis() int64 {
	return int64(binary.BigEndian.Uint64(id[:8]) >> 16)
}

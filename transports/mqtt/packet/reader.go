package packet

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// A reader takes the fields of a packet one after the other. The first field
// that is not there ends it: what follows is zero, and close tells.
type reader struct {
	b    []byte
	fail error
}

func (r *reader) left() int { return len(r.b) }

// take returns the next n bytes, which the caller can't grow into what follows.
func (r *reader) take(n int, field string) []byte {
	if r.fail == nil && n > len(r.b) {
		r.stop(malformed("the packet ends before or inside %s", field))
	}
	if r.fail != nil {
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) stop(err error) {
	r.fail = err
	r.b = nil
}

func (r *reader) byte(field string) byte {
	if s := r.take(1, field); s != nil {
		return s[0]
	}
	return 0
}

func (r *reader) uint16(field string) uint16 {
	if s := r.take(2, field); s != nil {
		return binary.BigEndian.Uint16(s)
	}
	return 0
}

// bytes returns a field that begins with its length. It is not nil if it is
// there and empty.
func (r *reader) bytes(field string) []byte {
	return r.take(int(r.uint16(field)), field)
}

// rest returns all that is left, nil if that is nothing.
func (r *reader) rest() []byte {
	s := r.b
	r.b = nil
	if len(s) == 0 {
		return nil
	}
	return s
}

// properties returns the block of properties. MQTT 3.1.1 has none.
func (r *reader) properties(v Version) Properties {
	if v != V5 || r.fail != nil {
		return Properties{}
	}
	n, size := varint(r.b)
	switch {
	case size == 0:
		r.stop(malformed("the packet ends before or inside the property length"))
	case size < 0 || size != varintSize(int(n)): // [MQTT-1.5.5-1]
		r.stop(malformed("the property length takes more bytes than it may"))
	}
	r.take(size, "the property length")
	wire := r.take(int(n), "the properties")
	if len(wire) == 0 {
		return Properties{}
	}
	return Properties{wire: wire}
}

// close returns what went wrong, if anything did.
func (r *reader) close() error {
	if r.fail != nil {
		return r.fail
	}
	if len(r.b) > 0 {
		return malformed("bytes follow the packet's last field")
	}
	return nil
}

// checkText refuses what is no UTF-8 string of the standard. A byte order mark
// is a character like any other [MQTT-1.5.4-3].
func checkText(field string, s []byte) error {
	switch {
	case len(s) > MaxString: // MQTT 5, 1.5.4; of topics [MQTT-4.7.3-3]
		return malformed("%s has more than %d bytes", field, MaxString)
	case !utf8.Valid(s): // [MQTT-1.5.4-1]; 3.1.1: [MQTT-1.5.3-1]
		return malformed("%s is not UTF-8", field)
	case bytes.IndexByte(s, 0) >= 0: // [MQTT-1.5.4-2]; 3.1.1: [MQTT-1.5.3-2]
		return malformed("%s contains the null character", field)
	}
	return nil
}

// checkBytes refuses a binary field that is too long for its length.
func checkBytes(field string, s []byte) error {
	if len(s) > MaxString { // MQTT 5, 1.5.6
		return malformed("%s has more than %d bytes", field, MaxString)
	}
	return nil
}

// checkID refuses a packet identifier of 0.
func checkID(id uint16) error {
	if id == 0 { // [MQTT-2.2.1-3] [MQTT-2.2.1-4]; 3.1.1: [MQTT-2.3.1-1]
		return malformed("the packet identifier is 0")
	}
	return nil
}

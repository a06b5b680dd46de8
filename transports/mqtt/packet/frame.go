package packet

import (
	"encoding/binary"
	"slices"
)

const (
	// MaxSize is the size of the largest packet that MQTT can carry, in bytes,
	// its fixed header included.
	MaxSize = 1 + 4 + maxVarint
	// MaxString is the length of the longest string or binary field, in bytes.
	MaxString = 65_535

	maxVarint = 268_435_455
)

// Split cuts the first packet out of b, which holds what was received so far.
// frame is the whole packet with its fixed header; rest is what follows it.
// While the packet is not complete, frame is nil, rest is b, and err is nil:
// the caller reads more and asks again.
//
// limit is the Maximum Packet Size that was announced, in bytes, fixed header
// included. A packet that says it is longer is refused as soon as it says so.
// After an error nothing in b can be trusted, and the connection ends.
func Split(b []byte, limit int) (frame, rest []byte, err error) {
	if len(b) == 0 {
		return nil, b, nil
	}
	if err := checkHeader(b[0]); err != nil {
		return nil, b, err
	}
	n, size := varint(b[1:])
	if size < 0 {
		return nil, b, malformed("the remaining length takes more than 4 bytes") // MQTT 5, 1.5.5
	}
	if size == 0 {
		return nil, b, nil
	}
	total := 1 + size + int(n)
	if total > limit { // [MQTT-3.2.2-15]
		return nil, b, refuse(PacketTooLarge, "the packet has %d bytes; at most %d are allowed", total, limit)
	}
	if len(b) < total {
		return nil, b, nil
	}
	return b[:total:total], b[total:], nil
}

// checkHeader refuses a first byte that begins no packet of either version.
func checkHeader(first byte) error {
	t := Type(first >> 4)
	switch {
	case t == 0:
		return malformed("packet type 0 is reserved") // [MQTT-2.1.3-1]
	case t == TypePublish:
		return nil // its flags say something, and are Publish's to judge
	case first&0x0f != t.flags(): // [MQTT-2.1.3-1]; 3.1.1: [MQTT-2.2.2-1] [MQTT-2.2.2-2]
		return malformed("the reserved flags of %s are wrong", t)
	}
	return nil
}

// open checks the fixed header of a frame of type t and returns a reader of the
// rest.
func open(frame []byte, t Type, v Version) (reader, error) {
	if len(frame) < 2 || Type(frame[0]>>4) != t {
		return reader{}, malformed("this is no %s", t)
	}
	if err := checkHeader(frame[0]); err != nil {
		return reader{}, err
	}
	n, size := varint(frame[1:])
	switch {
	case size <= 0 || 1+size+int(n) != len(frame):
		return reader{}, malformed("the remaining length does not fit the frame")
	case t == TypeConnect:
		return reader{b: frame[1+size:]}, nil
	case !v.known():
		return reader{}, refuse(UnsupportedProtocolVersion, "%s is not supported", v)
	case v == V311 && t == TypeAuth:
		return reader{}, malformed("MQTT 3.1.1 has no AUTH") // 3.1.1: [MQTT-2.2.2-2]
	}
	return reader{b: frame[1+size:]}, checkLength(frame, v)
}

// checkLength refuses a remaining length in more bytes than it needs. 3.1.1
// does not forbid it, and small devices send it.
func checkLength(frame []byte, v Version) error {
	if n, size := varint(frame[1:]); v == V5 && size != varintSize(int(n)) { // [MQTT-1.5.5-1]
		return malformed("the remaining length takes more bytes than it needs")
	}
	return nil
}

// appendHeader appends a fixed header, and makes room for the whole packet.
func appendHeader(b []byte, t Type, flags byte, remaining int) []byte {
	if remaining > maxVarint {
		panic("packet: " + t.String() + " can't be encoded; see Size")
	}
	b = slices.Grow(b, whole(remaining))
	return appendVarint(append(b, byte(t)<<4|flags), remaining)
}

// whole returns the size of a packet with its fixed header. Only what can't be
// encoded gives more than MaxSize.
func whole(remaining int) int { return 1 + varintSize(remaining) + remaining }

// varint reads a variable byte integer at the start of b. size is the number of
// bytes it takes, 0 if b ends before it does, and -1 if it takes more than 4.
func varint(b []byte) (n uint32, size int) {
	for i := range min(len(b), 4) {
		n |= uint32(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, i + 1
		}
	}
	if len(b) < 4 {
		return 0, 0
	}
	return 0, -1
}

// varintSize returns how many bytes n takes as a variable byte integer.
func varintSize(n int) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14:
		return 2
	case n < 1<<21:
		return 3
	}
	return 4
}

func appendVarint(b []byte, n int) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// appendBytes appends a field with its length. The caller computed the size
// first, so s is at most MaxString long.
func appendBytes(b, s []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// bytesSize is what appendBytes adds, or more than any packet can have.
func bytesSize(s []byte) int {
	if len(s) > MaxString {
		return MaxSize
	}
	return 2 + len(s)
}

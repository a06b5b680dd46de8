package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"unicode/utf8"
)

// heard records what a parser finds.
type heard []string

func (h *heard) Message(b []byte) bool {
	*h = append(*h, "text "+string(b))
	return true
}

func (h *heard) Control(op byte, b []byte) bool {
	*h = append(*h, fmt.Sprintf("%x %s", op, b))
	return op != OpClose
}

// joined returns what was heard with messages in a row as one.
func (h heard) joined() heard {
	var all heard
	for _, s := range h {
		if n := len(all); n > 0 && s[0] == 't' && all[n-1][0] == 't' {
			all[n-1] += s[len("text "):]
			continue
		}
		all = append(all, s)
	}
	return all
}

// masked returns a client's frame.
func masked(first byte, payload []byte) []byte {
	b := AppendHead(nil, 0, len(payload))
	b[0] = first
	b[1] |= 0x80
	mask := []byte{0xA1, 0xB2, 0xC3, 0xD4}
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

// run feeds the stream in pieces of the given size.
func run(stream []byte, size, limit int) (h heard, code uint16, stopped bool) {
	return runWith(Parser{Limit: limit}, stream, size)
}

func runWith(p Parser, stream []byte, size int) (h heard, code uint16, stopped bool) {
	for len(stream) > 0 {
		n := min(size, len(stream))
		bad, stopped := p.Feed(bytes.Clone(stream[:n]), &h)
		if bad != nil || stopped {
			if bad != nil {
				code = bad.Code
			}
			return h, code, stopped
		}
		stream = stream[n:]
	}
	return h, 0, false
}

func TestParserInPieces(t *testing.T) {
	var stream []byte
	var want heard
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		text := bytes.Repeat([]byte("ü"), n/2)
		stream = append(stream, masked(FinBit|OpText, text)...)
		want = append(want, "text "+string(text))
	}
	stream = append(stream, masked(OpText, []byte("a\xc3"))...)
	stream = append(stream, masked(FinBit|OpPing, []byte("p"))...)
	stream = append(stream, masked(OpContinuation, nil)...)
	stream = append(stream, masked(FinBit|OpContinuation, []byte("\xbcb"))...)
	stream = append(stream, masked(FinBit|OpClose, []byte{3, 0xE8})...)
	want = append(want, "9 p", "text aüb", "8 \x03\xe8")
	for _, size := range []int{1, 2, 3, 5, 7, 100, 4096, 1 << 20} {
		got, code, stopped := run(stream, size, 1<<17)
		if code != 0 || !stopped || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("in pieces of %d: got %d messages, code %d, stopped %v", size, len(got), code, stopped)
		}
	}
}

func TestParserLimit(t *testing.T) {
	for _, test := range []struct {
		stream []byte
		code   uint16
	}{
		{masked(FinBit|OpText, make([]byte, 100)), 0},
		{masked(FinBit|OpText, make([]byte, 101)), 1009},
		{append(masked(OpText, make([]byte, 60)), masked(FinBit|OpContinuation, make([]byte, 41))...), 1009},
		{binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 1<<63), 0}, // not complete
		{append(binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 1<<63), 0, 0, 0, 0), 1002},
		{append(binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, 1<<62), 0, 0, 0, 0), 1009},
	} {
		if _, code, _ := run(test.stream, 1000, 100); code != test.code {
			t.Errorf("% x: got code %d, want %d", test.stream[:10], code, test.code)
		}
	}
}

// FuzzParser checks that how the bytes are cut makes no difference, and that
// nothing is kept beyond the limit.
func FuzzParser(f *testing.F) {
	f.Add(masked(FinBit|OpText, []byte("hello")), uint8(1))
	f.Add(append(masked(OpText, []byte("a")), masked(FinBit|OpContinuation, []byte("b"))...), uint8(3))
	f.Add(masked(FinBit|OpClose, []byte{3, 0xE8}), uint8(2))
	f.Add([]byte{0x81, 0xFE, 0, 200, 1, 2, 3, 4}, uint8(2))
	f.Add(append(masked(OpBinary, []byte("a")), masked(FinBit|OpContinuation, []byte("b"))...), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		const limit = 200
		// How the stream begins says what is spoken.
		p := Parser{Limit: limit, Binary: len(stream) > 0 && stream[0]&0x0F == OpBinary}
		whole, code, stopped := runWith(p, stream, len(stream)+1)
		parts, code2, stopped2 := runWith(p, stream, int(size)+1)
		if p.Binary { // its pieces have no borders
			whole, parts = whole.joined(), parts.joined()
		}
		if fmt.Sprintf("%q", whole) != fmt.Sprintf("%q", parts) || code != code2 || stopped != stopped2 {
			t.Fatalf("whole: %q %d %v; in pieces of %d: %q %d %v", whole, code, stopped, int(size)+1, parts, code2, stopped2)
		}
		for _, h := range whole {
			if p.Binary {
				break
			}
			if len(h) > limit+5 || !utf8.ValidString(h) && h[0] == 't' {
				t.Errorf("heard %q", h)
			}
		}
	})
}

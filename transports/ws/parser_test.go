package ws

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"reddot/actors"
	"reddot/transports"
)

// heard records what a parser finds.
type heard []string

func (h *heard) text(b []byte) bool {
	*h = append(*h, "text "+string(b))
	return true
}

func (h *heard) control(op byte, b []byte) bool {
	*h = append(*h, fmt.Sprintf("%x %s", op, b))
	return op != opClose
}

// masked returns a client's frame.
func masked(first byte, payload []byte) []byte {
	b := appendHead(nil, 0, len(payload))
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
	return runWith(parser{limit: limit}, stream, size)
}

func runWith(p parser, stream []byte, size int) (h heard, code uint16, stopped bool) {
	for len(stream) > 0 {
		n := min(size, len(stream))
		bad, stopped := p.feed(bytes.Clone(stream[:n]), &h)
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
		stream = append(stream, masked(finBit|opText, text)...)
		want = append(want, "text "+string(text))
	}
	stream = append(stream, masked(opText, []byte("a\xc3"))...)
	stream = append(stream, masked(finBit|opPing, []byte("p"))...)
	stream = append(stream, masked(opContinuation, nil)...)
	stream = append(stream, masked(finBit|opContinuation, []byte("\xbcb"))...)
	stream = append(stream, masked(finBit|opClose, []byte{3, 0xE8})...)
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
		{masked(finBit|opText, make([]byte, 100)), 0},
		{masked(finBit|opText, make([]byte, 101)), 1009},
		{append(masked(opText, make([]byte, 60)), masked(finBit|opContinuation, make([]byte, 41))...), 1009},
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
	f.Add(masked(finBit|opText, []byte("hello")), uint8(1))
	f.Add(append(masked(opText, []byte("a")), masked(finBit|opContinuation, []byte("b"))...), uint8(3))
	f.Add(masked(finBit|opClose, []byte{3, 0xE8}), uint8(2))
	f.Add([]byte{0x81, 0xFE, 0, 200, 1, 2, 3, 4}, uint8(2))
	f.Add(masked(finBit|deflateBit|opText, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")), uint8(4))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		const limit = 200
		// How the stream begins says whether compression was agreed on.
		p := parser{limit: limit, inflates: len(stream) > 0 && stream[0]&deflateBit != 0}
		whole, code, stopped := runWith(p, stream, len(stream)+1)
		parts, code2, stopped2 := runWith(p, stream, int(size)+1)
		if fmt.Sprintf("%q", whole) != fmt.Sprintf("%q", parts) || code != code2 || stopped != stopped2 {
			t.Fatalf("whole: %q %d %v; in pieces of %d: %q %d %v", whole, code, stopped, int(size)+1, parts, code2, stopped2)
		}
		for _, h := range whole {
			if len(h) > limit+5 || !utf8.ValidString(h) && h[0] == 't' {
				t.Errorf("heard %q", h)
			}
		}
	})
}

// FuzzClientFrame checks that every frame gets an answer that is JSON, and is
// refused as invalid or understood.
func FuzzClientFrame(f *testing.F) {
	for _, s := range []string{
		`{"type":"read","id":1,"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"],"category":"order"}`,
		`{"type":"snooze","id":-1,"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"],"until":"2030-01-01T00:00:00Z"}`,
		`{"type":"seen","up_to":"AQAAAAAAAAAHAQA"}`, `{"type":"connect","after":"x"}`, `{"type":"publish","id":7}`,
		`{"type":"subscribe","topic":"news/+"}`, `{"type":"unsubscribe","id":3,"topics":["a","$share/g/b/#"]}`,
		`{"type":"publish","id":4,"topic":"a","payload":{"b":[1,"\u0001"]},"retain":true}`, `{"type":"publish","topic":"a","payload_base64":"/wA="}`,
		`{"type":"visible","visible":false}`, `[]`, `{}`, `{"id":1e3,"type":"ping"}`, `{"type":null}`, `{"type":"ack","cursor":""}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p, q fastjson.Parser
		c, err := parseCommand(&p, text)
		var answer []byte
		if err != nil {
			e := actors.AsError(err)
			if e.Code != actors.Invalid {
				t.Errorf("got %v, want invalid", err)
			}
			answer = appendError(nil, c.id, e)
		} else {
			answer = appendOK(nil, c.id, nil)
			if m := c.message; m != nil && (c.kind != "publish" || transports.CheckTopic(m.Topic) != nil || m.Payload == nil) {
				t.Errorf("%s: got %v", c.kind, m)
			}
			for _, filter := range c.topics {
				if err := transports.CheckFilter(filter); err != nil {
					t.Error(err)
				}
			}
			if _, marks := markings[c.kind]; marks != (c.mark() != nil) {
				t.Errorf("%s: got %v", c.kind, c.mark())
			}
		}
		payload := answer[2:]
		if answer[1] == 126 {
			payload = answer[4:]
		}
		if _, err := q.ParseBytes(payload); err != nil || !utf8.Valid(payload) {
			t.Errorf("the answer %q is no JSON: %v", payload, err)
		}
	})
}

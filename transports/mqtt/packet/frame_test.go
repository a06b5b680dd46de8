package packet

import (
	"bytes"
	"fmt"
	"testing"
)

// TestSplit cuts at the bounds of the remaining length (MQTT 5, table 1-1).
func TestSplit(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			stream := append(appendHeader(nil, TypePublish, 0, n), make([]byte, n)...)
			size := len(stream)
			stream = append(stream, 0xc0, 0x00)
			for _, cut := range []int{0, 1, size - 1} {
				if frame, rest, err := Split(stream[:cut], size); frame != nil || len(rest) != cut || err != nil {
					t.Errorf("after %d bytes: got %d, %d, %v", cut, len(frame), len(rest), err)
				}
			}
			frame, rest, err := Split(stream, size)
			if err != nil || len(frame) != size || cap(frame) != size || !bytes.Equal(rest, []byte{0xc0, 0x00}) {
				t.Errorf("got %d bytes, rest % x, error %v", len(frame), rest, err)
			}
			if _, _, err := Split(stream[:5], size-1); size > 5 && fault(t, err).Reason != PacketTooLarge {
				t.Errorf("past the limit: got %v", err)
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		b      []byte
		limit  int
		reason Reason
	}{
		{"type 0", []byte{0x00}, 100, MalformedPacket},
		{"flags, at the first byte", []byte{0x83}, 100, MalformedPacket},
		{"a remaining length of 5 bytes", []byte{0x30, 0xff, 0xff, 0xff, 0xff}, MaxSize, MalformedPacket},
		{"a size past the limit, before its bytes", []byte{0x30, 0xff, 0xff, 0xff, 0x7f}, 1 << 20, PacketTooLarge},
		{"no limit at all", []byte{0xc0, 0x00}, 0, PacketTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame, rest, err := Split(c.b, c.limit)
			if frame != nil || !bytes.Equal(rest, c.b) || fault(t, err).Reason != c.reason {
				t.Errorf("got % x, % x, %v, want reason %s", frame, rest, err, c.reason)
			}
		})
	}
	if _, _, err := Split([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, MaxSize); err != nil {
		t.Errorf("the largest packet: %v", err)
	}
}

// TestDecodeRefusesNoFrame: what Split did not cut is refused, not read past.
func TestDecodeRefusesNoFrame(t *testing.T) {
	for _, b := range [][]byte{nil, {}, {0x30}, {0x30, 0x80}, {0x30, 0x05, 0x00}, {0xc0, 0x00, 0x00}, {0xc0, 0x01}} {
		for i := range 16 {
			p := blank([]byte{byte(i) << 4})
			if p == nil {
				continue
			}
			if err := p.Decode(b, V5); err == nil || fault(t, err).Reason != MalformedPacket {
				t.Errorf("%s of % x: got %v", p.Type(), b, err)
			}
		}
		if _, err := Decode(b, V5); err == nil {
			t.Errorf("% x is decoded", b)
		}
	}
}

func TestDecodeRefusesVersion(t *testing.T) {
	if _, err := Decode([]byte{0xc0, 0x00}, 3); fault(t, err).Reason != UnsupportedProtocolVersion {
		t.Errorf("got %v", err)
	}
}

// TestAppendGrowsOnce: the size is computed first. Growing step by step would
// leave room from doubling.
func TestAppendGrowsOnce(t *testing.T) {
	p := &Subscribe{ID: 1, Subscriptions: []Subscription{{Filter: bytes.Repeat([]byte("a"), 300)}, {Filter: bytes.Repeat([]byte("b"), 3000)}}}
	b := p.Append(make([]byte, 0, p.Size(V5)), V5)
	if len(b) != p.Size(V5) || cap(b) != p.Size(V5) {
		t.Errorf("got %d bytes in a buffer of %d, want %d in the buffer that was given", len(b), cap(b), p.Size(V5))
	}
}

// TestOversize: what can't be encoded is found by Size, by Check and by Fit.
func TestOversize(t *testing.T) {
	long := bytes.Repeat([]byte("a"), MaxString+1)
	for _, p := range []Packet{
		&Connect{Version: V5, ClientID: long},
		&Connect{Version: V5, Username: long},
		&Connect{Version: V5, Password: long},
		&Connect{Version: V5, Will: &Will{Topic: long}},
		&Connect{Version: V5, Will: &Will{Topic: long[:1], Payload: long}},
		&Publish{Topic: long},
		&Subscribe{ID: 1, Subscriptions: []Subscription{{Filter: long}}},
		&Unsubscribe{ID: 1, Filters: [][]byte{long}},
	} {
		if n := p.Size(V5); n <= MaxSize {
			t.Errorf("%s: size %d", p.Type(), n)
		}
		if err := p.Check(V5); err == nil || fault(t, err).Reason != MalformedPacket {
			t.Errorf("%s: Check says %v", p.Type(), err)
		}
		if Fit(p, V5, MaxSize*2) {
			t.Errorf("%s fits", p.Type())
		}
		mustPanic(t, p.Type().String(), func() { p.Append(nil, V5) })
	}
	if auth := new(Auth); auth.Size(V311) <= MaxSize || auth.Check(V311) == nil {
		t.Error("MQTT 3.1.1 has an AUTH")
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s does not panic", what)
		}
	}()
	f()
}

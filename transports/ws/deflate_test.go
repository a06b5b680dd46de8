package ws

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"reddot/actors"

	"reddot/transports/websocket"
)

// packed returns the text as another compressor packs it, syncTail left out.
func packed(t testing.TB, text []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte(syncTail))
}

// The examples of RFC 7692 section 7.2.3, and how a message may not look.
func TestInflate(t *testing.T) {
	zeros := packed(t, make([]byte, 1<<20), 9)
	for _, test := range []struct {
		name, payload, want string
		code                uint16
	}{
		{"7.2.3.1 one block", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello", 0},
		{"7.2.3.3 stored", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello", 0},
		{"7.2.3.4 marked as the last", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello", 0},
		{"7.2.3.4 and one that refers to it", "\xf3\x48\xcd\xc9\xc9\x07\x00" + "\x02\x13\x00\x00", "HelloHello", 0},
		{"7.2.3.5 two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello", 0},
		{"7.2.3.6 empty", "\x00", "", 0},
		{"no byte at all", "", "", 0},
		{"a distance beyond the beginning", "\x02\x13\x00\x00", "", 1002},
		{"no such block", "\x07\x00", "", 1002},
		{"stored with a wrong length", "\x00\x05\x00\x05\x00Hello\x00", "", 1002},
		{"cut", "\x00\x05\x00\xfa\xffHe", "", 1002},
		{"a bomb", string(zeros), "", 1009},
		{"many last blocks", strings.Repeat("\x03\x00", 100) + "\x00", "", 1002},
	} {
		var z inflater
		z.reader = flate.NewReader(&z.source)
		got, bad := z.inflate([]byte(test.payload), 1000)
		switch {
		case bad != nil && bad.Code != test.code, bad == nil && test.code != 0:
			t.Errorf("%s: got %v, want %d", test.name, bad, test.code)
		case bad == nil && string(got) != test.want:
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if cap(z.out) > 4<<10 {
			t.Errorf("%s: took %d bytes for at most 1000", test.name, cap(z.out))
		}
	}
}

// unpack is what a client does with a payload: a window of so many bits is all
// that it keeps.
func unpack(t testing.TB, payload []byte) []byte {
	t.Helper()
	text, err := io.ReadAll(flate.NewReader(strings.NewReader(string(payload) + inflateTail)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAppendDeflated(t *testing.T) {
	event := `{"type":"message","cursor":"AQEAAAAAAAAH0gEB1x","message":{"id":"01980e2b-6b3c-7c1e-a4b0-0123456789ab","title":"Your parcel","body":"It waits at the front desk",` +
		`"category":"order","priority":"normal","state":"unseen","at":"2026-11-25T22:10:00.000Z"},"counts":{"unread":3,"unseen":1,"by_category":{"order":2,"system":1},"rev":918,"cursor":"AQEAAAAAAAAH0gEB1x"}}`
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(rand.IntN(256))
	}
	for _, test := range []struct {
		name, text string
		atMost     float64 // of its length; 0: it is not compressed
	}{
		{"short", event[:minDeflated-1], 0},
		{"an event", event, 0.8},
		{"repeated", strings.Repeat(event, 300), 0.05},
		{"noise", string(noise), 0},
	} {
		b := appendDeflated([]byte("x"), []byte(test.text))[1:]
		compressed := b[0] == websocket.FinBit|websocket.DeflateBit|websocket.OpText
		if compressed != (test.atMost > 0) || !compressed && !bytes.Equal(b, websocket.AppendFrame(nil, websocket.OpText, []byte(test.text))) {
			t.Errorf("%s: got a frame that begins with %x", test.name, b[0])
			continue
		}
		if compressed {
			head := len(websocket.AppendHead(nil, websocket.OpText, len(b)-4))
			if got := unpack(t, b[head:]); string(got) != test.text {
				t.Errorf("%s: unpacked to %.100q", test.name, got)
			}
			t.Logf("%s: %d bytes became %d", test.name, len(test.text), len(b))
			if float64(len(b)) > test.atMost*float64(len(test.text)) {
				t.Errorf("%s: %d bytes became %d", test.name, len(test.text), len(b))
			}
		}
	}
}

// A push is compressed once, however many connections get it.
func TestDeflatedOnce(t *testing.T) {
	p := &actors.Push{Events: []actors.PushEvent{{JSON: bytes.Repeat([]byte(`{"a":1}`), 100)}}}
	first, second := p.Frame(DeflatedFormat{}), p.Frame(DeflatedFormat{})
	if &first[0] != &second[0] {
		t.Error("the frame was made twice")
	}
	if plain := p.Frame(Format{}); len(plain) < 4*len(first) || plain[0] != websocket.FinBit|websocket.OpText {
		t.Errorf("those without compression get %d bytes, beginning with %x", len(plain), plain[0])
	}
}

func BenchmarkAppendDeflated(b *testing.B) {
	text := []byte(`{"type":"message","message":{"id":"01980e2b-6b3c-7c1e-a4b0-0123456789ab","title":"Your parcel","body":"It waits at the front desk"},"counts":{"unread":3,"unseen":1,"by_category":{"order":2}}}`)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = appendDeflated(out[:0], text)
	}
}

// FuzzInflate checks that no more is unpacked than allowed, and that what our
// compressor and another one have packed comes out as it was.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))
	f.Add([]byte("\x02\x13\x00\x00"))
	f.Add([]byte(`{"type":"read","id":1,"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"],"category":"order"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 2000
		z := inflaters.Get().(*inflater)
		defer inflaters.Put(z)
		if text, bad := z.inflate(data, limit); bad == nil && len(text) > limit {
			t.Fatalf("%d bytes came out", len(text))
		}
		data = data[:min(len(data), limit)]
		d := deflaters.Get().(*deflater)
		defer deflaters.Put(d)
		ours, err := d.deflate(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, payload := range [][]byte{ours, packed(t, data, 9)} {
			if text, bad := z.inflate(payload, limit); bad != nil || !bytes.Equal(text, data) {
				t.Fatalf("%q: got %q, %v", data, text, bad)
			}
		}
	})
}

// Compressed messages in pieces of every size, between plain ones.
func TestParserInflates(t *testing.T) {
	long := strings.Repeat("grüße ", 100)
	pack := packed(t, []byte(long), 6)
	stream := masked(websocket.FinBit|websocket.DeflateBit|websocket.OpText, pack)
	stream = append(stream, masked(websocket.FinBit|websocket.OpText, []byte("plain"))...)
	stream = append(stream, masked(websocket.DeflateBit|websocket.OpText, pack[:5])...)
	stream = append(stream, masked(websocket.FinBit|websocket.OpPing, []byte("p"))...)
	stream = append(stream, masked(websocket.OpContinuation, pack[5:6])...)
	stream = append(stream, masked(websocket.FinBit|websocket.OpContinuation, pack[6:])...)
	stream = append(stream, masked(websocket.FinBit|websocket.DeflateBit|websocket.OpText, []byte{0})...)
	want := heard{"text " + long, "text plain", "9 p", "text " + long, "text "}
	for size := 1; size < 200; size++ {
		got, code, _ := runWith(websocket.Parser{Limit: 1000, Inflate: inflate}, stream, size)
		if code != 0 || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("in pieces of %d: got %q, code %d", size, got, code)
		}
	}
	if !utf8.ValidString(long) {
		t.Error("the test is wrong")
	}
}

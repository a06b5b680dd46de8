package packet

import (
	"bytes"
	"testing"
)

// publish128 is a PUBLISH of 128 bytes with QoS 1 and three properties.
func publish128(tb testing.TB, v Version) (*Publish, []byte) {
	tb.Helper()
	p := &Publish{QoS: AtLeastOnce, ID: 7, Topic: []byte("users/alice/messages")}
	p.Properties.SetUint(MessageExpiryInterval, 60)
	p.Properties.SetString(ContentType, "application/json")
	p.Properties.AddUser([]byte("cursor"), []byte("0123456789"))
	p.Payload = bytes.Repeat([]byte("x"), 128-p.Size(v))
	frame := p.Append(nil, v)
	if len(frame) != 128 {
		tb.Fatalf("the packet has %d bytes", len(frame))
	}
	return p, frame
}

func BenchmarkPublishDecode(b *testing.B) {
	for _, v := range []Version{V311, V5} {
		_, frame := publish128(b, v)
		b.Run(v.String()+" reused", func(b *testing.B) {
			b.ReportAllocs()
			var p Publish
			for b.Loop() {
				if err := p.Decode(frame, v); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(v.String()+" new", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(frame, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPublishAppend(b *testing.B) {
	for _, v := range []Version{V311, V5} {
		p, frame := publish128(b, v)
		b.Run(v.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				frame = p.Append(frame[:0], v)
			}
		})
	}
}

// TestPublishAllocations holds what the benchmarks show.
func TestPublishAllocations(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		p, frame := publish128(t, v)
		var q Publish
		if n := testing.AllocsPerRun(100, func() { _ = q.Decode(frame, v) }); n != 0 {
			t.Errorf("%s: Decode allocates %v times", v, n)
		}
		buf := make([]byte, 0, 128)
		if n := testing.AllocsPerRun(100, func() { buf = p.Append(buf[:0], v) }); n != 0 {
			t.Errorf("%s: Append allocates %v times", v, n)
		}
	}
}

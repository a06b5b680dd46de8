package packet

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// seeds calls add with every golden packet, good and bad.
func seeds(f *testing.F, add func(v Version, frame []byte)) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden packets: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "\n\n") {
			input, _, ok := strings.Cut(part, "\n----\n")
			if _, command, found := strings.Cut("\n"+input, "\nmqtt"); ok && found {
				version, packet, _ := strings.Cut(command, "\n")
				v := V311
				if version == "5" {
					v = V5
				}
				add(v, wire(f, packet))
			}
		}
	}
}

// FuzzPacket decodes anything. What is a packet encodes to the same packet, in
// the size that was computed, and takes a bounded amount of memory.
func FuzzPacket(f *testing.F) {
	seeds(f, func(v Version, b []byte) { f.Add(b, v == V5, len(b)) })
	f.Fuzz(func(t *testing.T, b []byte, five bool, limit int) {
		v, other := V311, V5
		if five {
			v, other = V5, V311
		}
		frame, _, err := Split(b, MaxSize)
		if err != nil {
			answerable(t, err)
			return
		}
		before := bytes.Clone(frame)
		p, err := Decode(frame, v)
		if err != nil {
			answerable(t, err)
			return
		}
		if w := weight(p); w > 24*len(frame)+1024 {
			t.Errorf("%d bytes became %d", len(frame), w)
		}
		again(t, p, v)
		if c, ok := p.(*Connect); ok {
			v, other = c.Version, c.Version
		}
		if n := p.Size(other); n <= MaxSize && len(p.Append(nil, other)) != n {
			t.Errorf("in %s: Size is %d and Append makes %d", other, n, len(p.Append(nil, other)))
		}
		if Fit(p, v, limit) {
			if n := len(p.Append(nil, v)); n > limit {
				t.Errorf("%d bytes fit in %d", n, limit)
			}
			again(t, p, v)
		}
		if !bytes.Equal(frame, before) {
			t.Errorf("the frame was written to: % x", frame)
		}
	})
}

// again encodes p and decodes that, into a new and into a used value.
func again(t *testing.T, p Packet, v Version) {
	t.Helper()
	text := dump(p)
	b := p.Append([]byte("before"), v)
	encoded, ok := bytes.CutPrefix(b, []byte("before"))
	if !ok || len(encoded) != p.Size(v) {
		t.Fatalf("Append made % x; Size is %d", b, p.Size(v))
	}
	frame, rest, err := Split(encoded, len(encoded))
	if err != nil || len(rest) > 0 {
		t.Fatalf("Split(% x): rest % x, error %v", encoded, rest, err)
	}
	q, err := Decode(frame, v)
	if err != nil {
		t.Fatalf("%s encodes to % x, which is refused: %v", text, encoded, err)
	}
	if got := dump(q); got != text {
		t.Fatalf("got %s, want %s", got, text)
	}
	if twice := q.Append(nil, v); !bytes.Equal(twice, encoded) {
		t.Fatalf("encodes to % x, and again to % x", encoded, twice)
	}
	if err := q.(decoder).Decode(frame, v); err != nil || dump(q) != text {
		t.Fatalf("into a used value: got %s, error %v, want %s", dump(q), err, text)
	}
}

// weight is the memory that a packet takes beside its frame, in bytes.
func weight(p Packet) int {
	switch p := p.(type) {
	case *Subscribe:
		return cap(p.Subscriptions) * int(unsafe.Sizeof(Subscription{}))
	case *Unsubscribe:
		return cap(p.Filters) * int(unsafe.Sizeof([]byte{}))
	case *Suback:
		return cap(p.Reasons)
	case *Unsuback:
		return cap(p.Reasons)
	}
	return 0
}

// FuzzSplit feeds a stream in chunks of every size; the packets are those of
// the whole.
func FuzzSplit(f *testing.F) {
	var all []byte
	seeds(f, func(_ Version, b []byte) {
		f.Add(b, 64)
		all = append(all, b...)
	})
	f.Add(all[:min(len(all), 400)], 1024)
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x01}, MaxSize)
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		stream = stream[:min(len(stream), 512)]
		want, wantErr := splitAll(stream, len(stream), limit)
		for size := 1; size <= len(stream); size++ {
			got, err := splitAll(stream, size, limit)
			if got != want || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Fatalf("in chunks of %d: got %q, %v; want %q, %v", size, got, err, want, wantErr)
			}
		}
		for frame := range strings.SplitSeq(want, "|") {
			if len(frame) > max(limit, 0) {
				t.Fatalf("a frame of %d bytes passed the limit %d", len(frame), limit)
			}
		}
	})
}

// splitAll receives a stream in chunks, and returns the frames with what is
// left at the end, and the error that ended it.
func splitAll(stream []byte, size, limit int) (string, error) {
	var frames []string
	var pending []byte
	for len(stream) > 0 {
		n := min(size, len(stream))
		pending = append(pending, stream[:n]...)
		stream = stream[n:]
		for {
			frame, rest, err := Split(pending, limit)
			if err != nil {
				return strings.Join(frames, "|"), err
			}
			if frame == nil {
				break
			}
			frames = append(frames, string(frame))
			pending = rest
		}
	}
	return strings.Join(frames, "|"), nil
}

// FuzzTopic compares what is told of texts with what is told of bytes.
func FuzzTopic(f *testing.F) {
	for _, c := range [][2]string{{"sport/tennis/player1/#", "sport/tennis/player1"}, {"+/+", "/finance"}, {"$SYS/#", "$SYS/"}, {"a b/é", "e\u0301"}, {"$share/g/a", "a"}} {
		f.Add(c[0], c[1])
	}
	for _, filter := range badFilters {
		if len(filter) < 100 { // the engine is slow to make long ones shorter
			f.Add(filter, "a/b")
		}
	}
	f.Fuzz(func(t *testing.T, filter, name string) {
		if got, want := ValidFilter(filter), checkFilter([]byte(filter)) == nil; got != want {
			t.Errorf("ValidFilter(%q) is %t, and of bytes %t", filter, got, want)
		}
		if got, want := validName(name), checkName(MalformedPacket, "a name", []byte(name)) == nil; got != want {
			t.Errorf("validName(%q) is %t, and of bytes %t", name, got, want)
		}
		group, rest, ok := splitShare(filter)
		if ok && "$share/"+group+"/"+rest != filter || !ok && rest != filter {
			t.Errorf("splitShare(%q) is %q, %q", filter, group, rest)
		}
	})
}

package transports_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"reddot/transports/ws"
)

// The frame tests follow the case groups of the public conformance suite for
// RFC 6455, whose echo is here an answer: a client's ping frame
// {"type":"ping","id":n} is answered {"type":"ok","id":n}, and a text that is no
// frame of ours {"type":"error","code":"invalid",…}, which shows as well that it
// was taken for text.

// A frameCase is what a client sends at once, and what it gets back. Where that
// is no close, the connection must still end cleanly.
type frameCase struct {
	name string
	send []byte
	want string // "ok 1, pong x, error, close 1002"
}

// Parts of what clients send.

func text(s string) []byte    { return clientFrame(1, true, []byte(s)) }
func begin(s string) []byte   { return clientFrame(1, false, []byte(s)) }
func more(s string) []byte    { return clientFrame(0, false, []byte(s)) }
func last(s string) []byte    { return clientFrame(0, true, []byte(s)) }
func binData(s string) []byte { return clientFrame(2, true, []byte(s)) }
func ping(s string) []byte    { return clientFrame(9, true, []byte(s)) }
func pong(s string) []byte    { return clientFrame(10, true, []byte(s)) }

// ask is a text that is answered "ok id", padded to n bytes.
func ask(id, n int) string {
	s := fmt.Sprintf(`{"type":"ping","id":%d}`, id)
	return s + strings.Repeat(" ", max(0, n-len(s)))
}

// bye is a close frame.
func bye(code uint16, reason string) []byte {
	return clientFrame(8, true, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}

// with sets bits in a frame's first byte.
func with(bits byte, frame []byte) []byte {
	frame[0] |= bits
	return frame
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var okFrame = regexp.MustCompile(`^{"type":"ok","id":(-?\d+)}$`)

// frameWorld is a server that bounds nothing but sizes.
func frameWorld(t testing.TB, kind string) *world {
	return newWorld(t, worldConfig{kind: kind, ws: ws.Config{FramesPerSecond: -1, MaxUnanswered: 10_000, Compression: true}})
}

// nextAnswer reads a frame as frameCase.want has it.
func nextAnswer(t testing.TB, in *bufio.Reader) string {
	t.Helper()
	op, payload, err := readServerFrame(in)
	if err != nil {
		return err.Error()
	}
	switch op {
	case 1:
		if m := okFrame.FindSubmatch(payload); m != nil {
			return "ok " + string(m[1])
		}
		if bytes.HasPrefix(payload, []byte(`{"type":"error","code":"invalid"`)) {
			return "error"
		}
		return string(payload)
	case 8:
		return fmt.Sprintf("close %d", binary.BigEndian.Uint16(payload))
	case 10:
		return strings.TrimSpace("pong " + string(payload))
	}
	return fmt.Sprintf("opcode %d", op)
}

// expect holds what comes against want, and then sees to the end.
func expect(t *testing.T, c net.Conn, in *bufio.Reader, want string) {
	t.Helper()
	if !strings.Contains(want, "close") {
		_, _ = c.Write(bye(1000, ""))
		want = strings.TrimPrefix(want+", close 1000", ", ")
	}
	var got []string
	for range strings.Split(want, ", ") {
		got = append(got, nextAnswer(t, in))
	}
	if g := strings.Join(got, ", "); g != want {
		t.Errorf("got  %.300s\nwant %.300s", g, want)
		return
	}
	if b, err := io.ReadAll(in); err != nil || len(b) > 0 {
		t.Errorf("behind the close came %q, %v", b, err)
	}
}

// playFrames plays the cases on both kinds of wire: what is sent goes out in one
// piece, and again octet by octet.
func playFrames(t *testing.T, cases []frameCase) {
	everyKind(t, func(t *testing.T, kind string) {
		w := frameWorld(t, kind)
		for _, test := range cases {
			for _, piece := range []int{1 << 20, 1} {
				if piece == 1 && len(test.send) > 3000 {
					piece = 997
				}
				t.Run(fmt.Sprintf("%s/%d", test.name, piece), func(t *testing.T) {
					c, in := w.openWS(t)
					for b := test.send; len(b) > 0; {
						n := min(piece, len(b))
						if _, err := c.Write(b[:n]); err != nil {
							break // it is closed already, as the case may want
						}
						b = b[n:]
					}
					expect(t, c, in, test.want)
					_ = c.Close()
				})
			}
		}
	})
}

// Group 1: framing (RFC 6455 sections 5.2 and 5.6).
func TestFraming(t *testing.T) {
	cases := []frameCase{{"text of 0", text(""), "error"}}
	for _, n := range []int{125, 126, 127, 128, 65535, 65536} {
		cases = append(cases, frameCase{fmt.Sprintf("text of %d", n), text(ask(n, n)), fmt.Sprintf("ok %d", n)})
	}
	for _, n := range []int{0, 125, 126, 65536} {
		cases = append(cases, frameCase{fmt.Sprintf("binary of %d", n), binData(strings.Repeat("\xfe", n)), "close 1003"})
	}
	// A length may be longer than it need be: the sender must not (section
	// 5.2), but nothing asks the receiver to mind.
	long := append([]byte{0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, "{}"...)
	playFrames(t, append(cases,
		frameCase{"a long length", long, "error"},
		frameCase{"not masked", []byte{0x81, 2, '{', '}'}, "close 1002"},
		frameCase{"masked with nothing", append([]byte{0x81, 0x82, 0, 0, 0, 0}, "{}"...), "error"},
		frameCase{"a length beyond 2^63", []byte{0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, "close 1002"},
	))
}

// Group 2: pings and pongs (sections 5.5.2 and 5.5.3).
func TestPings(t *testing.T) {
	var ten []byte
	var pongs []string
	for i := range 10 {
		ten = append(ten, ping(fmt.Sprint("payload-", i))...)
		pongs = append(pongs, fmt.Sprint("pong payload-", i))
	}
	full := strings.Repeat("\xfe", 125)
	playFrames(t, []frameCase{
		{"empty", ping(""), "pong"},
		{"text", ping("Hello world!"), "pong Hello world!"},
		{"binary", ping("\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), "pong \x00\xff\xfe\xfd\xfc\xfb\x00\xff"},
		{"of 125", ping(full), "pong " + full},
		{"of 126", ping(full + "x"), "close 1002"},
		{"a pong that nobody asked for", join(pong(""), pong("x"), ping("y")), "pong y"},
		{"a pong of 126", pong(full + "x"), "close 1002"},
		{"ten", ten, strings.Join(pongs, ", ")},
		{"between two messages", join(text(ask(1, 0)), ping("x"), text(ask(2, 0))), "ok 1, pong x, ok 2"},
	})
}

// Group 3: reserved bits (section 5.2).
func TestReservedBits(t *testing.T) {
	var cases []frameCase
	for bits := byte(0x10); bits < 0x80; bits += 0x10 {
		for name, frame := range map[string][]byte{"text": text(ask(9, 0)), "binary": binData("x"), "ping": ping("x"), "close": bye(1000, "")} {
			cases = append(cases, frameCase{fmt.Sprintf("%s with %x", name, bits), join(text(ask(1, 0)), with(bits, frame), ping("y")), "ok 1, close 1002"})
		}
		cases = append(cases, frameCase{fmt.Sprintf("continuation with %x", bits), join(begin("{"), with(bits, last("}"))), "close 1002"})
	}
	playFrames(t, cases)
}

// Group 4: opcodes (section 5.2).
func TestUnknownOpcodes(t *testing.T) {
	var cases []frameCase
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, payload := range []string{"", "reserved"} {
			cases = append(cases, frameCase{fmt.Sprintf("%x with %d bytes", op, len(payload)),
				join(text(ask(1, 0)), clientFrame(op, true, []byte(payload)), ping("y")), "ok 1, close 1002"})
		}
	}
	playFrames(t, append(cases, frameCase{"within a message", join(begin("{"), clientFrame(3, true, nil)), "close 1002"}))
}

// Group 5: fragments (section 5.4), control frames between them (5.5).
func TestFragments(t *testing.T) {
	a := ask(1, 0)
	one, two, three := a[:3], a[3:10], a[10:]
	playFrames(t, []frameCase{
		{"a ping in parts", join(clientFrame(9, false, []byte("a")), last("b")), "close 1002"},
		{"a pong in parts", join(clientFrame(10, false, []byte("a")), last("b")), "close 1002"},
		{"a close in parts", join(clientFrame(8, false, []byte{3, 0xE8}), last("")), "close 1002"},
		{"in two", join(begin(one), last(two+three)), "ok 1"},
		{"in three", join(begin(one), more(two), last(three)), "ok 1"},
		{"in two with a ping", join(begin(one), ping("p"), last(two+three)), "pong p, ok 1"},
		{"in three with pings and a pong", join(begin(one), ping("p"), pong("u"), more(two), ping("q"), last(three)), "pong p, pong q, ok 1"},
		{"in empty ones", join(begin(""), more(""), more(a), more(""), last("")), "ok 1"},
		{"all of them empty", join(begin(""), more(""), last("")), "error"},
		{"a continuation of nothing", join(last("x"), text(a)), "close 1002"},
		{"an open continuation of nothing", join(more("x"), text(a)), "close 1002"},
		{"a continuation behind a message", join(text(a), last("x")), "ok 1, close 1002"},
		{"a continuation behind fragments", join(begin(one), last(two+three), more("x"), text(a)), "ok 1, close 1002"},
		{"a text within a text", join(begin("{"), text(a)), "close 1002"},
		{"a begun text within a text", join(begin("{"), begin("}")), "close 1002"},
		{"a binary within a text", join(begin("{"), binData("x")), "close 1003"},
		{"a begun binary", clientFrame(2, false, []byte("x")), "close 1003"},
		{"many with pings", join(begin(a[:1]), bytes.Join(onePing(a[1:]), nil), last("")), strings.Repeat("pong p, ", len(a)-1) + "ok 1"},
	})
}

// onePing is a fragment for each byte, with a ping behind each.
func onePing(s string) (list [][]byte) {
	for i := range len(s) {
		list = append(list, more(s[i:i+1]), ping("p"))
	}
	return list
}

// Group 7: closing (sections 5.5.1, 7.1 and 7.4).
func TestClosing(t *testing.T) {
	empty := clientFrame(8, true, nil)
	a := text(ask(1, 0))
	cases := []frameCase{
		{"behind a message", join(a, bye(1000, "")), "ok 1, close 1000"},
		{"twice", join(bye(1000, ""), bye(1001, "")), "close 1000"},
		{"then a ping", join(bye(1000, ""), ping("x")), "close 1000"},
		{"then a text", join(bye(1000, ""), a), "close 1000"},
		{"then what is broken", join(bye(1000, ""), []byte{0xFF, 0xFF, 0xFF}), "close 1000"},
		{"within a message", join(begin("{"), bye(1000, ""), last("}")), "close 1000"},
		{"behind much", join(text(ask(2, 65536)), bye(1000, "")), "ok 2, close 1000"},
		{"empty", empty, "close 1000"},
		{"of one byte", clientFrame(8, true, []byte{3}), "close 1002"},
		{"with a reason", bye(1000, "that's it"), "close 1000"},
		{"with the longest reason", bye(1000, strings.Repeat("*", 123)), "close 1000"},
		{"with a reason too long", bye(1000, strings.Repeat("*", 124)), "close 1002"},
		{"with a reason that is no text", bye(1000, "\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), "close 1007"},
		{"with a reason that is cut", bye(1000, "gr\xc3"), "close 1007"},
	}
	// 1012 to 1014 were registered after the standard (IANA).
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, frameCase{fmt.Sprint("code ", code), bye(code, "x"), fmt.Sprint("close ", code)})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, frameCase{fmt.Sprint("no code ", code), bye(code, "x"), "close 1002"})
	}
	playFrames(t, cases)
}

// A client that goes away without a close leaves nothing, and one that closes
// its half is closed.
func TestNoClose(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := frameWorld(t, kind)
		c, in := w.openWS(t)
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, in)
		gone, _ := w.openWS(t)
		_ = tcpOf(gone).SetLinger(0)
		_ = gone.Close()
		until(t, "leave", func() bool { return w.streams.Open()["ws"] == 0 })
	})
}

package transports_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// deflated returns what a client sends for a text: what another compressor
// makes of it, without the end of the flush (RFC 7692 section 7.2.1).
func deflated(t testing.TB, s string, level int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, s)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// openDeflated opens a WebSocket which offers the extension and reads its
// hello. It returns what was agreed on.
func (w *world) openDeflated(t testing.TB, offer string) (c net.Conn, in *bufio.Reader, agreed string) {
	t.Helper()
	c = w.dial(t)
	fields := append([]string{"Sec-WebSocket-Extensions: " + offer}, upgrade...)
	if _, err := fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: reddot\r\n%s\r\n\r\n", strings.Join(fields, "\r\n")); err != nil {
		t.Fatal(err)
	}
	in = bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v", res, err)
	}
	if op, text, err := readServerFrame(in); err != nil || op != 1 || !strings.Contains(string(text), `"hello"`) {
		t.Fatalf("got %d %s, %v; want hello", op, text, err)
	}
	return c, in, res.Header.Get("Sec-WebSocket-Extensions")
}

// readEvent reads a text frame, and unpacks it where it is compressed.
func readEvent(t testing.TB, in *bufio.Reader) (text string, compressed bool) {
	t.Helper()
	head, err := in.Peek(1)
	if err != nil {
		t.Fatal(err)
	}
	if compressed = head[0] == 0xC1; compressed {
		// Taken for a plain one, of which the reader knows the rest.
		in = bufio.NewReader(io.MultiReader(bytes.NewReader([]byte{0x81}), oneLess(in)))
	}
	op, payload, err := readServerFrame(in)
	if err != nil || op != 1 {
		t.Fatalf("got opcode %d, %v", op, err)
	}
	if !compressed {
		return string(payload), false
	}
	b, err := io.ReadAll(flate.NewReader(strings.NewReader(string(payload) + "\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), true
}

func oneLess(in *bufio.Reader) *bufio.Reader {
	_, _ = in.ReadByte()
	return in
}

// Groups 12 and 13: compressed messages of many sizes in both directions, for
// what clients offer.
func TestDeflate(t *testing.T) {
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	offers := []struct{ offer, agreed string }{
		{"permessage-deflate", plain},
		{"permessage-deflate; client_max_window_bits", plain},
		{"permessage-deflate; client_no_context_takeover; client_max_window_bits=9", plain},
		{"permessage-deflate; server_no_context_takeover; server_max_window_bits=15", plain + "; server_max_window_bits=12"},
		{"permessage-deflate; server_max_window_bits=9, permessage-deflate; client_max_window_bits", plain},
		{"permessage-deflate; server_max_window_bits=9", ""},
		{"permessage-deflate; unknown", ""},
	}
	everyKind(t, func(t *testing.T, kind string) {
		w := frameWorld(t, kind)
		for _, o := range offers {
			t.Run(o.offer, func(t *testing.T) {
				c, in, agreed := w.openDeflated(t, o.offer)
				if agreed != o.agreed {
					t.Fatalf("agreed on %q, want %q", agreed, o.agreed)
				}
				w.attached(t, 1)
				for _, n := range []int{0, 16, 64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 60 << 10} {
					_ = c.SetDeadline(time.Now().Add(20 * time.Second))
					w.user.publish(strings.Repeat("0123456789abcdef", n/16))
					event, compressed := readEvent(t, in)
					if event != string(w.user.events[len(w.user.events)-1].JSON) {
						t.Fatalf("with a body of %d: got %.200s", n, event)
					}
					if compressed != (agreed != "") {
						t.Errorf("with a body of %d: compressed %v", n, compressed)
					}
					if agreed == "" {
						continue
					}
					for level := range 10 {
						_, _ = c.Write(with(0x40, text(deflated(t, ask(n*10+level, n), level))))
					}
					_, _ = c.Write(text(ask(7, n))) // one need not be compressed (section 6)
					for level := range 10 {
						if got, want := nextAnswer(t, in), fmt.Sprint("ok ", n*10+level); got != want {
							t.Fatalf("to %d bytes of level %d: got %s, want %s", n, level, got, want)
						}
					}
					if got := nextAnswer(t, in); got != "ok 7" {
						t.Errorf("to a plain message: got %s", got)
					}
				}
				expect(t, c, in, "")
			})
		}
	})
}

// Compressed messages in fragments, broken ones, and ones that unpack to more
// than is allowed.
func TestDeflatedFrames(t *testing.T) {
	z := deflated(t, ask(1, 500), 6)
	bomb := deflated(t, strings.Repeat(" ", 64<<20), 9)
	t.Logf("the bomb has %d bytes", len(bomb))
	cases := []frameCase{
		{"in two", join(with(0x40, begin(z[:9])), last(z[9:])), "ok 1"},
		{"in three with a ping", join(with(0x40, begin(z[:1])), more(z[1:2]), ping("p"), last(z[2:])), "pong p, ok 1"},
		{"in empty ones", join(with(0x40, begin("")), more(z), last("")), "ok 1"},
		{"marked as the last", with(0x40, text("\xf3\x48\xcd\xc9\xc9\x07\x00\x00")), "error"},
		{"of nothing", with(0x40, text("\x00")), "error"},
		{"reserved in a continuation", join(with(0x40, begin(z[:9])), with(0x40, last(z[9:]))), "close 1002"},
		{"reserved in a ping", with(0x40, ping("x")), "close 1002"},
		{"reserved in a close", with(0x40, bye(1000, "")), "close 1002"},
		{"another reserved bit", with(0x60, text(z)), "close 1002"},
		{"no compressed data", with(0x40, text("\xff\xff\xff")), "close 1002"},
		{"an empty answer to what is cut", with(0x40, text(z[:len(z)/2])), "close 1002"},
		{"text that is none", with(0x40, text(deflated(t, "\xed\xa0\x80", 6))), "close 1007"},
		{"one byte too many", with(0x40, text(deflated(t, ask(1, 64<<10+1), 6))), "close 1009"},
		{"as much as is allowed", with(0x40, text(deflated(t, ask(1, 64<<10), 6))), "ok 1"},
		{"as much as is allowed, stored", with(0x40, text(deflated(t, ask(1, 64<<10), 0))), "ok 1"},
		{"a bomb", with(0x40, text(bomb[:60<<10])), "close 1009"},
		{"a bomb in parts", join(with(0x40, begin(bomb[:1000])), last(bomb[1000:50_000])), "close 1009"},
		{"too much before it is unpacked", join(with(0x40, begin(strings.Repeat("x", 64<<10))), more(strings.Repeat("x", 8<<10))), "close 1009"},
	}
	everyKind(t, func(t *testing.T, kind string) {
		w := frameWorld(t, kind)
		for _, test := range cases {
			t.Run(test.name, func(t *testing.T) {
				c, in, _ := w.openDeflated(t, "permessage-deflate")
				_, _ = c.Write(test.send)
				expect(t, c, in, test.want)
				_ = c.Close()
			})
		}
	})
}

// Where the operator does not allow it, or the stream is the plain-text one,
// nothing is agreed on.
func TestDeflateIsOff(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		c, in, agreed := w.openDeflated(t, "permessage-deflate; client_max_window_bits")
		if agreed != "" {
			t.Errorf("agreed on %q", agreed)
		}
		_, _ = c.Write(with(0x40, text("\x00")))
		expect(t, c, in, "close 1002")
		_, _ = frameWorld(t, kind).open(t, "/seed/ws", append([]string{"Sec-WebSocket-Extensions: permessage-deflate"}, upgrade...)...)
	})
}

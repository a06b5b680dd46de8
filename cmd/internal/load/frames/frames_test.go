package frames

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// heard records what a framer found.
type heard struct {
	frames []string
	beats  int
	pongs  int
}

func (h *heard) Frame(b []byte) { h.frames = append(h.frames, string(b)) }

func (h *heard) Beat() { h.beats++ }

func (h *heard) Ping([]byte) { h.pongs++ }

// feed gives the framer b in pieces of the size.
func feed(f Framer, b []byte, size int) (heard, error) {
	var h heard
	for len(b) > 0 {
		n := min(size, len(b))
		piece := bytes.Clone(b[:n]) // as a buffer that is used again
		err := f.Feed(piece, &h)
		clear(piece)
		if err != nil {
			return h, err
		}
		b = b[n:]
	}
	return h, nil
}

func wsFrame(first byte, payload string) string {
	if len(payload) < 126 {
		return string([]byte{first, byte(len(payload))}) + payload
	}
	return string([]byte{first, 126, byte(len(payload) >> 8), byte(len(payload))}) + payload
}

func TestFramers(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, x := range []struct {
		name   string
		new    func() Framer
		in     string
		frames []string
		beats  int
	}{
		{"sse", newSSE, "retry: 3000\n\nid: 1\nevent: message\ndata: {}\n\n:\n\n", []string{"{}"}, 1},
		{"sse, crlf", newSSE, "data: a\r\ndata: b\r\n\r\ndata:c\r\n\r\n", []string{"a\nb", "c"}, 0},
		{"sse, cr", newSSE, "data: a\rdata\r\rdata: b\r\rx\r", []string{"a\n", "b"}, 0},
		{"sse, other fields", newSSE, "database: 1\n\ndata: a\nfoo\n\n", []string{"a"}, 0},
		{"iframe", newIframe, "<html><script>var o='*'</script> <script>parent.postMessage({\"a\":\"</x>\"},o)</script>\n<script>parent.postMessage(\"{\\\"b\\\":1}\",o)</script><script>parent.postMessage(JSON.parse(\"{}\"),o)</script>",
			[]string{`{"a":"</x>"}`, `{"b":1}`, `{}`}, 0},
		{"ws", newWS, wsFrame(0x81, "{}") + wsFrame(0x01, "a") + wsFrame(0x89, "p") + wsFrame(0x80, "b") + wsFrame(0x81, long), []string{"{}", "ab", long}, 0},
	} {
		for _, size := range []int{1, 2, 3, 7, 1 << 16} {
			t.Run(fmt.Sprintf("%s in %d", x.name, size), func(t *testing.T) {
				h, err := feed(x.new(), []byte(x.in), size)
				if err != nil || !reflect.DeepEqual(h.frames, x.frames) || (h.beats != x.beats && x.beats > 0) {
					t.Errorf("got %q, %d beats, %v; want %q, %d", h.frames, h.beats, err, x.frames, x.beats)
				}
			})
		}
	}
}

func newSSE() Framer { return &SSE{} }

func newIframe() Framer { return &Iframe{} }

func newWS() Framer { return &WS{} }

func TestFramersRefuse(t *testing.T) {
	for name, x := range map[string]struct {
		f  Framer
		in string
	}{
		"masked":          {newWS(), "\x81\x80"},
		"reserved":        {newWS(), "\xc1\x00"},
		"opcode":          {newWS(), "\x83\x00"},
		"continued first": {newWS(), "\x80\x00"},
		"long ping":       {newWS(), wsFrame(0x89, strings.Repeat("x", 200))},
		"huge":            {newWS(), "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"},
		"close":           {newWS(), wsFrame(0x88, "\x03\xf4bye")},
		"endless event":   {newSSE(), strings.Repeat("x", Max+1)},
		"no JSON":         {newIframe(), "<script>postMessage(]</script>"},
	} {
		if h, err := feed(x.f, []byte(x.in), len(x.in)); err == nil {
			t.Errorf("%s: got %q and no error", name, h.frames)
		}
	}
}

// FuzzFramers: pieces of any size give the same as the whole, and nothing panics.
func FuzzFramers(f *testing.F) {
	f.Add([]byte("data: {\"a\":1}\r\n\r\n:\n\n"), uint8(3))
	f.Add([]byte("<script>parent.postMessage({},\"*\")</script>"), uint8(5))
	f.Add([]byte(wsFrame(0x01, "a")+wsFrame(0x80, "b")+wsFrame(0x89, "")), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		for _, fresh := range []func() Framer{newSSE, newIframe, newWS} {
			whole, err1 := feed(fresh(), b, len(b)+1)
			pieces, err2 := feed(fresh(), b, int(size)+1)
			if (err1 == nil) != (err2 == nil) || !reflect.DeepEqual(whole.frames, pieces.frames) || whole.pongs != pieces.pongs {
				t.Fatalf("%T: whole %q %v, in pieces %q %v", fresh(), whole.frames, err1, pieces.frames, err2)
			}
		}
	})
}

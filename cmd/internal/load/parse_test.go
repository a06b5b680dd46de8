package load

import (
	"bytes"
	"encoding/json"
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

func (h *heard) frame(b []byte) { h.frames = append(h.frames, string(b)) }
func (h *heard) beat()          { h.beats++ }
func (h *heard) pong([]byte)    { h.pongs++ }

// feed gives the framer b in pieces of the size.
func feed(f framer, b []byte, size int) (heard, error) {
	var h heard
	for len(b) > 0 {
		n := min(size, len(b))
		piece := bytes.Clone(b[:n]) // as a buffer that is used again
		err := f.feed(piece, &h)
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
		new    func() framer
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

func newSSE() framer    { return &sseFramer{} }
func newIframe() framer { return &iframeFramer{} }
func newWS() framer     { return &wsFramer{} }

func TestFramersRefuse(t *testing.T) {
	for name, x := range map[string]struct {
		f  framer
		in string
	}{
		"masked":          {newWS(), "\x81\x80"},
		"reserved":        {newWS(), "\xc1\x00"},
		"opcode":          {newWS(), "\x83\x00"},
		"continued first": {newWS(), "\x80\x00"},
		"long ping":       {newWS(), wsFrame(0x89, strings.Repeat("x", 200))},
		"huge":            {newWS(), "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"},
		"close":           {newWS(), wsFrame(0x88, "\x03\xf4bye")},
		"endless event":   {newSSE(), strings.Repeat("x", maxFrame+1)},
		"no JSON":         {newIframe(), "<script>postMessage(]</script>"},
	} {
		if h, err := feed(x.f, []byte(x.in), len(x.in)); err == nil {
			t.Errorf("%s: got %q and no error", name, h.frames)
		}
	}
}

// responses are taken apart into the lines of a transcript.
func responses(b []byte, size int) (string, error) {
	var r httpReader
	var out strings.Builder
	for len(b) > 0 {
		n := min(size, len(b))
		piece := b[:n]
		b = b[n:]
		for {
			p, data, rest, err := r.next(piece)
			piece = rest
			if err != nil {
				return out.String(), err
			}
			if p == partNone {
				break
			}
			switch p {
			case partHead:
				fmt.Fprintf(&out, "%d ", r.status)
			case partBody:
				out.Write(data)
			case partEnd:
				fmt.Fprintf(&out, ";%v\n", r.closing)
			}
		}
	}
	return out.String(), nil
}

func TestHTTPReader(t *testing.T) {
	const in = "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc" +
		"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\nConnection: close\r\n\r\n" +
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0b\r\nhello world\r\n0\r\nT: x\r\n\r\n" +
		"HTTP/1.1 204 No Content\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" +
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nraw"
	const want = "201 abc;false\n304 ;true\n200 abchello world;false\n204 ;false\n200 ;false\n101 raw"
	for size := range len(in) {
		if got, err := responses([]byte(in), size+1); err != nil || got != want {
			t.Fatalf("in pieces of %d: got %q, %v; want %q", size+1, got, err, want)
		}
	}
	for _, bad := range []string{"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 xx\r\n\r\n", strings.Repeat("x", maxHead+1),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"} {
		if got, err := responses([]byte(bad), len(bad)); err == nil {
			t.Errorf("%.40q: got %q and no error", bad, got)
		}
	}
}

func TestEvent(t *testing.T) {
	var e event
	in := `{"x":[{"body":1}],"type":"message","cursor":"c1","message":{"data":{"body":"no"},"body":"yes","n":1.5e3},"counts":{"unread":3,"unseen":-2,"by_category":{"unread":9},"rev":918,"cursor":"c0"}}`
	if err := parseEvent([]byte(in), &e); err != nil {
		t.Fatal(err)
	}
	if string(e.kind) != "message" || string(e.cursor) != "c1" || string(e.body) != "yes" || e.counts != (counts{unread: 3, unseen: -2, rev: 918, known: true}) {
		t.Errorf("got %q %q %q %+v", e.kind, e.cursor, e.body, e.counts)
	}
	var a answer
	if err := parseAnswer([]byte(`{"unread":1,"unseen":2,"by_category":{},"rev":3,"cursor":"c"}`), &a); err != nil || a.counts != (counts{1, 2, 3, true}) {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestStamp(t *testing.T) {
	for _, want := range []stamp{{-1, 0, 0}, {0, 1, 2}, {999_999, 1 << 40, 1 << 50}} {
		b := appendBody(nil, "0badcafe", want, 200)
		if got, ok := parseStamp(b, "0badcafe"); !ok || got != want || len(b) != 200 {
			t.Errorf("got %+v, %v, %d bytes; want %+v", got, ok, len(b), want)
		}
		if _, ok := parseStamp(b, "0badcaff"); ok {
			t.Error("took another run's stamp")
		}
	}
}

func TestProcess(t *testing.T) {
	cpu, err := parseStat([]byte("7 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14"))
	if err != nil || cpu != 200*clockTick {
		t.Errorf("got %v, %v; want %v", cpu, err, 200*clockTick)
	}
	rss, err := parseStatus([]byte("Name:\tx\nVmRSS:\t    12 kB\n"))
	if err != nil || rss != 12<<10 {
		t.Errorf("got %d, %v", rss, err)
	}
}

// FuzzFramers: pieces of any size give the same as the whole, and nothing panics.
func FuzzFramers(f *testing.F) {
	f.Add([]byte("data: {\"a\":1}\r\n\r\n:\n\n"), uint8(3))
	f.Add([]byte("<script>parent.postMessage({},\"*\")</script>"), uint8(5))
	f.Add([]byte(wsFrame(0x01, "a")+wsFrame(0x80, "b")+wsFrame(0x89, "")), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		for _, fresh := range []func() framer{newSSE, newIframe, newWS} {
			whole, err1 := feed(fresh(), b, len(b)+1)
			pieces, err2 := feed(fresh(), b, int(size)+1)
			if (err1 == nil) != (err2 == nil) || !reflect.DeepEqual(whole.frames, pieces.frames) || whole.pongs != pieces.pongs {
				t.Fatalf("%T: whole %q %v, in pieces %q %v", fresh(), whole.frames, err1, pieces.frames, err2)
			}
		}
	})
}

// FuzzHTTP: likewise.
func FuzzHTTP(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		whole, err1 := responses(b, len(b)+1)
		pieces, err2 := responses(b, int(size)+1)
		if len(b) < maxHead && ((err1 == nil) != (err2 == nil) || whole != pieces) {
			t.Fatalf("whole %q %v, in pieces %q %v", whole, err1, pieces, err2)
		}
	})
}

// FuzzEvent: valid JSON reads as encoding/json reads it, and other bytes end.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"type":"message","message":{"body":"x"},"counts":{"unread":1,"unseen":1,"rev":2}}`))
	f.Add([]byte(`{"type":"a","counts":{},"x":[1,{"y":null}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e event
		var a answer
		err := parseEvent(b, &e)
		_ = parseAnswer(b, &a)
		var want struct {
			Type   json.RawMessage `json:"type"`
			Cursor json.RawMessage `json:"cursor"`
		}
		if !json.Valid(b) || b[0] != '{' || json.Unmarshal(b, &want) != nil || bytes.Contains(b, []byte(`\u`)) {
			return
		}
		var keys map[string]json.RawMessage
		_ = json.Unmarshal(b, &keys)
		if kind := keys["type"]; len(kind) > 2 && kind[0] == '"' && bytes.Count(b, []byte(`"type"`)) == 1 {
			if err != nil || string(e.kind) != string(kind[1:len(kind)-1]) {
				t.Fatalf("got %q, %v; want %s", e.kind, err, kind)
			}
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	in := []byte(`{"type":"message","cursor":"AAAAAAAAAAAAAAAAAAAAAAAA","message":{"id":"00000000-0000-7000-8000-000000000000","body":"` +
		string(appendBody(nil, "0badcafe", stamp{1, 2, 3}, 128)) + `","created":"2026-01-01T00:00:00Z"},"counts":{"unread":3,"unseen":3,"by_category":{"":3},"rev":918,"cursor":"AAAAAAAAAAAAAAAAAAAAAAAA"}}`)
	b.ReportAllocs()
	for b.Loop() {
		var e event
		if err := parseEvent(in, &e); err != nil {
			b.Fatal(err)
		}
		if _, ok := parseStamp(e.body, "0badcafe"); !ok {
			b.Fatal("no stamp")
		}
	}
}

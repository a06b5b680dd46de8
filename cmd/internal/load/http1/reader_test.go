package http1

import (
	"fmt"
	"strings"
	"testing"
)

// responses are taken apart into the lines of a transcript.
func responses(b []byte, size int) (string, error) {
	var r Reader
	var out strings.Builder
	for len(b) > 0 {
		n := min(size, len(b))
		piece := b[:n]
		b = b[n:]
		for {
			p, data, rest, err := r.Next(piece)
			piece = rest
			if err != nil {
				return out.String(), err
			}
			if p == More {
				break
			}
			switch p {
			case Head:
				fmt.Fprintf(&out, "%d ", r.Status)
			case Body:
				out.Write(data)
			case End:
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

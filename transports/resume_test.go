package transports_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/transports/streams"
)

// waitRequest asks for the next event after the cursor.
func waitRequest(seq int, fields ...string) string {
	return fmt.Sprintf("GET /wait?timeout=30&after=%s HTTP/1.1\r\nHost: reddot\r\n%s\r\n", cursor(seq), strings.Join(append(fields, ""), "\r\n"))
}

const countsRequest = "GET /counts HTTP/1.1\r\nHost: reddot\r\n\r\n"

// wantResponse reads a response and checks its status.
func wantResponse(t *testing.T, in *bufio.Reader, status int) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		t.Fatalf("got %d %s, %v; want %d", res.StatusCode, body, err, status)
	}
	return res, string(body)
}

// One connection serves many long polls, and other requests between them. What
// a client sends behind a request that waits is not lost, whether it comes
// with it or later.
func TestResume(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		c := w.dial(t)
		in := bufio.NewReader(c)
		write := func(text string) {
			t.Helper()
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			write(waitRequest(2*i) + countsRequest) // with it
			w.attached(t, 1)
			w.user.publish("one")
			wantResponse(t, in, 200)
			if _, body := wantResponse(t, in, 200); !strings.Contains(body, cursor(2*i+1).String()) {
				t.Errorf("round %d: got %s", i, body)
			}
			write(waitRequest(2*i + 1))
			w.attached(t, 1)
			write(countsRequest[:20]) // later, and cut
			w.user.publish("two")
			wantResponse(t, in, 200)
			write(countsRequest[20:])
			wantResponse(t, in, 200)
		}
		until(t, "leave", func() bool { o := w.streams.Open(); return o["longpoll"] == 0 && o["rest"] == 0 })
	})
}

// A request that is far larger than what is read at once waits as well.
func TestResumeLarge(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		c := w.dial(t)
		big := fmt.Sprintf("GET /counts HTTP/1.1\r\nHost: reddot\r\nX-Large: %s\r\n\r\n", strings.Repeat("x", 3000))
		if _, err := io.WriteString(c, waitRequest(0)+strings.Repeat(big, 15)); err != nil {
			t.Fatal(err)
		}
		w.attached(t, 1)
		w.user.publish("one")
		in := bufio.NewReader(c)
		for range 16 {
			wantResponse(t, in, 200)
		}
	})
}

// Who asks for the end of the connection gets it.
func TestResumeNot(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		for _, request := range []string{
			waitRequest(0, "Connection: close"),
			strings.Replace(waitRequest(0), "HTTP/1.1", "HTTP/1.0", 1),
			waitRequest(0, "Content-Length: 5") + "12345",
		} {
			c := w.dial(t)
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			w.attached(t, 1)
			w.user.publish("one")
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || res.StatusCode != 200 || !res.Close {
				t.Fatalf("%q: got %v, %v; want 200 and the end", request, res, err)
			}
			if rest, err := io.ReadAll(res.Body); err != nil || len(rest) == 0 {
				t.Errorf("%q: got %q, %v", request, rest, err)
			}
			if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
				t.Errorf("%q: got %q and %v, want the end", request, b, err)
			}
			w.user.mu.Lock()
			w.user.events, w.user.unread = nil, 0
			w.user.mu.Unlock()
		}
	})
}

// Pages of other origins may read a late answer as they may any other.
func TestResumeKeepsCORS(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		c := w.dial(t)
		if _, err := io.WriteString(c, waitRequest(0, "Origin: https://app.example")); err != nil {
			t.Fatal(err)
		}
		w.attached(t, 1)
		w.user.publish("one")
		if res, _ := wantResponse(t, bufio.NewReader(c), 200); res.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || res.Header.Get("Vary") != "Origin" {
			t.Errorf("got %v", res.Header)
		}
	})
}

// A client that goes away between two requests is forgotten, and so is one that
// does not come back in time.
func TestResting(t *testing.T) {
	w := newWorld(t, worldConfig{rest: 100 * time.Millisecond})
	for range 2 {
		c := w.dial(t)
		if _, err := io.WriteString(c, waitRequest(0)); err != nil {
			t.Fatal(err)
		}
		w.attached(t, 1)
		w.user.publish("one")
		wantResponse(t, bufio.NewReader(c), 200)
		until(t, "rest", func() bool { o := w.streams.Open(); return o["longpoll"] == 0 })
		until(t, "leave", func() bool { return w.streams.Open()["rest"] == 0 })
		if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
			t.Errorf("got %q, %v; want the end", b, err)
		}
		w.user.mu.Lock()
		w.user.events, w.user.unread = nil, 0
		w.user.mu.Unlock()
	}
}

// Over TLS there is no loop, but connections go on all the same.
func TestResumeTLS(t *testing.T) {
	cert := testCertificate(t)
	w := newWorld(t, worldConfig{wrap: func(ln net.Listener) net.Listener {
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	}})
	c := tls.Client(w.dial(t), &tls.Config{InsecureSkipVerify: true})
	in := bufio.NewReader(c)
	for i := range 3 {
		if _, err := io.WriteString(c, waitRequest(i)+countsRequest); err != nil {
			t.Fatal(err)
		}
		w.attached(t, 1)
		w.user.publish("one")
		wantResponse(t, in, 200)
		wantResponse(t, in, 200)
	}
}

// A flood behind a request that waits is bounded: by the system, or by us.
func TestFloodBehindAWait(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, sink: streams.SinkConfig{Linger: 50 * time.Millisecond}})
		c := w.dial(t)
		if _, err := io.WriteString(c, waitRequest(0)); err != nil {
			t.Fatal(err)
		}
		w.attached(t, 1)
		if err := c.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(c, bytes.NewReader(make([]byte, 64<<20))); err == nil {
			t.Fatalf("all %d bytes were taken", n)
		}
		_ = tcpOf(c).SetLinger(0) // an orderly end would wait behind the flood
		_ = c.Close()
		until(t, "leave", func() bool { o := w.streams.Open(); return o["longpoll"] == 0 && o["rest"] == 0 })
	})
}

package transports_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
	"reddot/transports/ws"
)

// open sends a request and returns the connection behind the response's head.
func (w *world) open(t testing.TB, path string, fields ...string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := w.dial(t)
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: reddot\r\n%s\r\n\r\n", path, strings.Join(append(fields, "Accept: */*"), "\r\n")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	status, err := in.ReadString('\n')
	if err != nil || !strings.Contains(status, " 200 ") && !strings.Contains(status, " 101 ") {
		t.Fatalf("%s: got %q, %v", path, status, err)
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			return c, in
		}
	}
}

var upgrade = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}

// openWS opens a WebSocket and reads its hello.
func (w *world) openWS(t testing.TB) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, in := w.open(t, "/ws", upgrade...)
	if op, text, err := readServerFrame(in); err != nil || op != 1 || !strings.Contains(string(text), `"hello"`) {
		t.Fatalf("got %d %s, %v; want hello", op, text, err)
	}
	return c, in
}

func TestHundredWaiters(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, limits: transports.Limits{}.Dev()})
		const n = 100
		bodies := make([]string, n)
		var wg sync.WaitGroup
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting}, Timeout: 20 * time.Second}
		defer client.CloseIdleConnections()
		for i := range n {
			wg.Add(1)
			go func() {
				defer wg.Done()
				res, err := client.Get(w.scheme + "://" + w.addr + "/wait?timeout=30&after=" + cursor(0).String())
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = res.Body.Close() }()
				b, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != 200 {
					t.Errorf("got %d, %v", res.StatusCode, err)
				}
				bodies[i] = string(b)
			}()
		}
		w.attached(t, n)
		if got := w.streams.Open()["longpoll"]; got != n {
			t.Errorf("got %d parked, want %d", got, n)
		}
		w.user.publish("hello")
		wg.Wait()
		want := fmt.Sprintf(`{"events":[%s],"counts":%s,"cursor":"%s"}`, w.user.events[0].JSON, w.user.events[0].Counts, cursor(1))
		for i, got := range bodies {
			if got != want {
				t.Fatalf("waiter %d: got  %s\nwant %s", i, got, want)
			}
		}
		until(t, "leave", func() bool { return w.streams.Open()["longpoll"] == 0 })
	})
}

func TestWaiterGone(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		c := w.dial(t)
		_, _ = fmt.Fprintf(c, "GET /wait?timeout=60&after=%s HTTP/1.1\r\nHost: reddot\r\n\r\n", cursor(0))
		w.attached(t, 1)
		_ = c.Close()
		until(t, "leave", func() bool { return w.streams.Open()["longpoll"] == 0 })
	})
}

// A client that does not read is closed; the others have everything, in order.
func TestSlowReaderHarmsNobody(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, sink: streams.SinkConfig{MaxBytes: 64 << 10, SendBuffer: 8 << 10, Grace: 50 * time.Millisecond}})
		slow, _ := w.open(t, "/stream")
		_ = tcpOf(slow).SetReadBuffer(4 << 10)
		slowWS, _ := w.openWS(t)
		_ = tcpOf(slowWS).SetReadBuffer(4 << 10)
		_, in := w.open(t, "/stream")
		w.attached(t, 3)
		body := strings.Repeat("x", 60<<10)
		got := make(chan error, 1)
		read := make(chan struct{})
		const n = 300
		go func() {
			lines := bufio.NewReaderSize(in, 1<<20)
			seen := 0
			for seen < n {
				line, err := lines.ReadString('\n')
				if err != nil {
					got <- err
					return
				}
				if !strings.HasPrefix(line, "id: ") || strings.Contains(line, cursor(0).String()) {
					continue
				}
				if seen++; line != "id: "+cursor(seen).String()+"\n" {
					got <- fmt.Errorf("event %d has %q", seen, line)
					return
				}
				read <- struct{}{}
			}
			got <- nil
		}()
		for range n {
			w.user.publish(body)
			select {
			case <-read:
			case err := <-got:
				t.Fatal(err)
			}
		}
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		until(t, "the slow ones are closed", func() bool { o := w.streams.Open(); return o["sse"] == 1 && o["ws"] == 0 })
	})
}

func TestDrain(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		_, sse := w.open(t, "/stream")
		_, ws := w.openWS(t)
		c := w.dial(t)
		_, _ = fmt.Fprintf(c, "GET /wait?timeout=60&after=%s HTTP/1.1\r\nHost: reddot\r\n\r\n", cursor(0))
		w.attached(t, 3)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.streams.Drain(ctx, 30*time.Millisecond); err != nil {
			t.Fatalf("drain: %v; open: %v", err, w.streams.Open())
		}
		if b, err := io.ReadAll(sse); err != nil || !strings.Contains(string(b), "event: drain\ndata: {") {
			t.Errorf("sse: got %q, %v", b, err)
		}
		if op, _, err := readServerFrame(ws); op != 1 || err != nil {
			t.Errorf("ws: got opcode %d, %v; want the drain event", op, err)
		}
		if op, b, err := readServerFrame(ws); op != 8 || err != nil || b[0] != 1012>>8 || b[1] != 1012&0xFF {
			t.Errorf("ws: got opcode %d % x, %v; want 1012", op, b, err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			t.Errorf("long poll: got %v, %v; want 503", res, err)
		}
		res, err = w.get("/stream")
		if err != nil || res.StatusCode != 503 {
			t.Fatalf("afterwards: got %v, %v; want 503", res, err)
		}
		_ = res.Body.Close()
	})
}

// A connection that never ends does not hold up the drain beyond its time.
func TestDrainGivesUp(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, sink: streams.SinkConfig{Linger: 300 * time.Millisecond}})
		w.openWS(t)
		w.attached(t, 1)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		if err := w.streams.Drain(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
	})
}

func TestConnectionsPerAddress(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, limits: transports.Limits{ConnectionsPerAddress: 2}})
		first, _ := w.open(t, "/stream")
		w.openWS(t)
		for _, path := range []string{"/stream", "/iframe", "/wait?after=" + cursor(0).String()} {
			res, err := w.get(path)
			if err != nil || res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
				t.Fatalf("%s: got %v, %v; want 429", path, res, err)
			}
			_ = res.Body.Close()
		}
		_ = first.Close()
		until(t, "leave", func() bool { return w.streams.Open()["sse"] == 0 })
		w.open(t, "/stream")
	})
}

func TestTokenExpires(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, caller: &transports.Principal{ID: "user:alice", App: "default", Kind: transports.UserToken,
			User: "alice", Scopes: transports.ScopeRead, Expires: time.Now().Add(300 * time.Millisecond)}})
		_, in := w.openWS(t)
		if op, b, err := readServerFrame(in); op != 8 || err != nil || string(b[:2]) != "\x0f\xa1" {
			t.Errorf("got opcode %d % x, %v; want close 4001", op, b, err)
		}
	})
}

func TestRecheck(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		_, in := w.openWS(t)
		w.attached(t, 1)
		if n := w.streams.Recheck(); n != 0 {
			t.Errorf("closed %d who are let in", n)
		}
		w.refuse("user:alice")
		if n := w.streams.Recheck(); n != 1 {
			t.Errorf("closed %d, want 1", n)
		}
		if op, b, err := readServerFrame(in); op != 8 || err != nil || string(b[:2]) != "\x10\x07" {
			t.Errorf("got opcode %d % x, %v; want close 4103", op, b, err)
		}
	})
}

// What is revoked after a caller was verified and before its connection is known
// is found all the same.
func TestRevokedMeanwhile(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		w.refuse("user:alice")
		for _, path := range []string{"/stream", "/ws"} {
			c := w.dial(t)
			head := ""
			if path == "/ws" {
				head = strings.Join(upgrade, "\r\n") + "\r\n"
			}
			if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: reddot\r\n"+head+"\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, c); err != nil { // to its end
				t.Errorf("%s: it lives on: %v", path, err)
			}
		}
		until(t, "all places are free", func() bool { o := w.streams.Open(); return o["sse"]+o["ws"] == 0 })
	})
}

// Bytes right behind the request are not lost.
func TestEarlyFrames(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		c := w.dial(t)
		request := "GET /ws HTTP/1.1\r\nHost: reddot\r\n" + strings.Join(upgrade, "\r\n") + "\r\n\r\n"
		early := append(clientFrame(1, true, []byte(`{"type":"ping","id":1}`)), clientFrame(1, true, []byte(`{"type":"ping","id":2}`))...)
		if _, err := c.Write(append([]byte(request), early...)); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(c)
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 101 {
			t.Fatalf("got %v, %v", res, err)
		}
		for _, want := range []string{`"hello"`, `{"type":"ok","id":1}`, `{"type":"ok","id":2}`} {
			if _, text, err := readServerFrame(in); err != nil || !strings.Contains(string(text), want) {
				t.Fatalf("got %s, %v; want %s", text, err, want)
			}
		}
	})
}

// A client that only listens may not pour bytes in for ever.
func TestListenerIsNoHose(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		c, in := w.open(t, "/stream")
		w.attached(t, 1)
		if _, err := c.Write(make([]byte, 17<<10)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, in)
		until(t, "leave", func() bool { return w.streams.Open()["sse"] == 0 })
	})
}

// Answers go out in the order of their frames, also where a later one is ready
// first; past the bound a frame is refused at once.
func TestAnswersInOrder(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, ws: ws.Config{MaxUnanswered: 3}})
		c, in := w.openWS(t)
		w.user.mu.Lock()
		w.user.holds = true
		w.user.mu.Unlock()
		send := func(text string) {
			t.Helper()
			if _, err := c.Write(clientFrame(1, true, []byte(text))); err != nil {
				t.Fatal(err)
			}
		}
		want := func(pattern string) {
			t.Helper()
			_, text, err := readServerFrame(in)
			if err != nil || !strings.HasPrefix(string(text), pattern) {
				t.Fatalf("got %s, %v; want %s", text, err, pattern)
			}
		}
		send(`{"type":"seen","id":1,"all":true}`)
		send(`{"type":"ping","id":2}`)
		send(`{"type":"read","id":3,"all":true}`)
		send(`{"type":"ping","id":4}`)
		want(`{"type":"error","id":4,"code":"busy"`)
		w.user.mu.Lock()
		held := w.user.hold
		w.user.holds, w.user.hold = false, nil
		w.user.mu.Unlock()
		if len(held) != 2 {
			t.Fatalf("got %d requests, want 2", len(held))
		}
		held[1].Fail(actors.Errorf(actors.Unavailable, "no"))
		held[0].Answer.Counts = append(held[0].Answer.Counts, "{}"...)
		held[0].Respond()
		want(`{"type":"ok","id":1,"counts":{}`)
		want(`{"type":"ok","id":2}`)
		want(`{"type":"error","id":3,"code":"unavailable","detail":"no"}`)
	})
}

func TestFramePace(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, ws: ws.Config{FramesPerSecond: 0.001, FrameBurst: 2}})
		c, in := w.openWS(t)
		for i := range 5 {
			if _, err := c.Write(clientFrame(1, true, fmt.Appendf(nil, `{"type":"ping","id":%d}`, i))); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []string{`{"type":"ok","id":0}`, `{"type":"ok","id":1}`, `{"type":"error","id":2,"code":"too_many"`, `{"type":"error","id":3,"code":"too_many"`} {
			if _, text, err := readServerFrame(in); err != nil || !strings.HasPrefix(string(text), want) {
				t.Fatalf("frame %d: got %s, %v; want %s", i, text, err, want)
			}
		}
		if op, b, err := readServerFrame(in); op != 8 || err != nil || string(b[:2]) != "\x0f\xbd" {
			t.Errorf("got opcode %d % x, %v; want close 4029", op, b, err)
		}
	})
}

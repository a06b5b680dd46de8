package stream

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"reddot/cluster/wire"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// serve returns a running server that takes each stream for a link's when a batch
// has come, and then sends all back.
func serve(t *testing.T, strangers time.Duration) (s *Server, refused *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused = new(atomic.Int64)
	s = NewServer(ln, ServerConfig{
		Patience: strangers,
		Refused:  func() { refused.Add(1) },
		Panicked: func(reason any, _ []byte) { t.Error(reason) },
		Serve: func(c Conn) error {
			for {
				var b wire.Batch
				if err := c.Recv(&b); err != nil {
					return err
				}
				Introduced(c)
				if err := c.Send(&b); err != nil {
					return err
				}
			}
		},
	})
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, refused
}

// knock opens connections to a server from an address of loopback.
func knock(t *testing.T, s *Server, from string, count int) []net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	var list []net.Conn
	for range count {
		c, err := d.Dial("tcp", s.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		list = append(list, c)
	}
	return list
}

// ended tells whether the server closes the connection within a time.
func ended(c net.Conn, within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	for b := make([]byte, 512); ; {
		if _, err := c.Read(b); err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

// wantStrangers waits until the server counts so many.
func wantStrangers(t *testing.T, s *Server, want int) {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		s.listener.mu.Lock()
		n := len(s.listener.strangers)
		s.listener.mu.Unlock()
		if n == want {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%d are counted, want %d", n, want)
		}
	}
}

// open opens a stream and lets the server know who it is.
func open(t *testing.T, s *Server) Conn {
	t.Helper()
	c, err := Dial(t.Context(), s.listener.Addr().String(), nil, func(ctx context.Context, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	echo(t, c)
	return c
}

// echo sends a batch and wants it back.
func echo(t *testing.T, c Conn) {
	t.Helper()
	var b wire.Batch
	if err := c.Send(&wire.Batch{Frames: []*wire.Frame{{Body: []byte("hello")}}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Recv(&b); err != nil || len(b.Frames) != 1 || string(b.Frames[0].Body) != "hello" {
		t.Fatalf("got %v, %v", &b, err)
	}
}

// TestStrangersAreBounded: whoever reaches the port for links takes up little there,
// and keeps no node out.
func TestStrangersAreBounded(t *testing.T) {
	s, refused := serve(t, time.Hour)
	link := open(t, s)
	first := knock(t, s, "127.0.0.2", maxStrangersOfOne)
	wantStrangers(t, s, maxStrangersOfOne)
	for _, c := range knock(t, s, "127.0.0.2", 3) {
		if !ended(c, patience) {
			t.Error("an address has more than its share")
		}
	}
	second := knock(t, s, "127.0.0.3", maxStrangers-maxStrangersOfOne)
	wantStrangers(t, s, maxStrangers)
	third := knock(t, s, "127.0.0.4", 1)
	if !ended(first[0], patience) {
		t.Error("the oldest stays, though there are too many")
	}
	for _, c := range []net.Conn{third[0], second[0], first[len(first)-1]} {
		if ended(c, 50*time.Millisecond) {
			t.Error("one that is not the oldest was ended")
		}
	}
	if n := refused.Load(); n != 4 {
		t.Errorf("%d are told to be refused, want 4", n)
	}
	open(t, s)
	echo(t, link)
}

// TestStrangersBecomeLinks: a stream that was introduced is counted no more, and
// outlives the patience.
func TestStrangersBecomeLinks(t *testing.T) {
	s, refused := serve(t, 100*time.Millisecond)
	link := open(t, s)
	wantStrangers(t, s, 0)
	if !ended(knock(t, s, "127.0.0.2", 1)[0], patience) { // later than the link's time
		t.Error("a connection without a word stays")
	}
	echo(t, link)
	wantStrangers(t, s, 0)
	if n := refused.Load(); n != 1 {
		t.Errorf("%d are told to be refused, want 1", n)
	}
}

// TestServerPanics: a panic of the one who serves ends its stream, and is told.
func TestServerPanics(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan any, 1)
	s := NewServer(ln, ServerConfig{
		Serve:    func(Conn) error { panic("on demand") },
		Refused:  func() {},
		Panicked: func(reason any, _ []byte) { told <- reason },
	})
	go func() { _ = s.Serve() }()
	defer s.Stop()
	c, err := Dial(t.Context(), ln.Addr().String(), nil, func(ctx context.Context, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Recv(&wire.Batch{}); err == nil {
		t.Error("the stream goes on")
	}
	if reason := <-told; reason != "on demand" {
		t.Errorf("told %v", reason)
	}
}

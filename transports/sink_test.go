package transports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"reddot/actors"
)

// ownerProbe records what a Sink tells.
type ownerProbe struct {
	drained chan struct{}
	closed  chan actors.End
}

func newOwnerProbe() *ownerProbe {
	return &ownerProbe{make(chan struct{}, 1000), make(chan actors.End, 10)}
}

func (o *ownerProbe) Drained()             { o.drained <- struct{}{} }
func (o *ownerProbe) Close(why actors.End) { o.closed <- why }
func (o *ownerProbe) AppendFarewell(b []byte, why actors.End) []byte {
	return fmt.Appendf(b, "bye %d", why)
}

// sinkPair returns a sink and the client's end of its connection. bare is false
// for a connection that is no socket, as TLS is none.
func sinkPair(t *testing.T, cfg SinkConfig, bare bool) (*Sink, net.Conn, *ownerProbe) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	_ = client.(*net.TCPConn).SetReadBuffer(16 << 10)
	cfg.SendBuffer = 16 << 10
	cfg = cfg.withDefaults()
	if err := tune(&cfg, server); err != nil {
		t.Fatal(err)
	}
	if !bare {
		server = struct{ net.Conn }{server}
	}
	o := newOwnerProbe()
	return newSink(&cfg, server, o), client, o
}

// bothKinds runs the test with a bare socket and with something else.
func bothKinds(t *testing.T, test func(t *testing.T, bare bool)) {
	t.Run("socket", func(t *testing.T) { test(t, true) })
	t.Run("wrapped", func(t *testing.T) { test(t, false) })
}

func TestSinkWritesAtOnce(t *testing.T) {
	s, client, _ := sinkPair(t, SinkConfig{}, true)
	if n, err := s.Send([]byte("hello")); n != 0 || err != nil {
		t.Fatalf("got %d, %v; want nothing pending", n, err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(client, b); err != nil || string(b) != "hello" {
		t.Fatalf("got %q, %v", b, err)
	}
}

func TestSinkKeepsAndDrains(t *testing.T) {
	bothKinds(t, func(t *testing.T, bare bool) {
		s, client, o := sinkPair(t, SinkConfig{}, bare)
		page := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB: whatever its size, taken whole
		if n, err := s.Send(page); n == 0 || err != nil {
			t.Fatalf("got %d, %v; want something pending", n, err)
		}
		page[0] = 'x' // the sink has a copy of what it keeps
		for i := range 10 {
			if n, err := s.Send([]byte("more")); n == 0 || err != nil {
				t.Fatalf("frame %d: got %d, %v", i, n, err)
			}
		}
		got := make([]byte, len(page)+40)
		if _, err := io.ReadFull(client, got); err != nil {
			t.Fatal(err)
		}
		if want := bytes.Repeat([]byte("more"), 10); !bytes.Equal(got[len(page):], want) {
			t.Errorf("got %q behind the page, want %q", got[len(page):], want)
		}
		<-o.drained
		if n, err := s.Send([]byte("again")); err != nil || bare && n != 0 {
			t.Fatalf("after draining: got %d, %v", n, err)
		}
		if _, err := io.ReadFull(client, got[:5]); err != nil || string(got[:5]) != "again" {
			t.Fatalf("got %q, %v", got[:5], err)
		}
	})
}

func TestSinkIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		cfg   SinkConfig
		frame int
		most  int
	}{
		"frames":         {SinkConfig{MaxFrames: 8}, 10, 8},
		"bytes":          {SinkConfig{MaxBytes: 10_000}, 1000, 10},
		"default frames": {SinkConfig{}, 1, 64},
		"default bytes":  {SinkConfig{}, 64 << 10, 4},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _ := sinkPair(t, test.cfg, true)
			if _, err := s.Send(make([]byte, 4<<20)); err != nil {
				t.Fatal(err)
			}
			for i := range test.most {
				if _, err := s.Send(make([]byte, test.frame)); err != nil {
					t.Fatalf("frame %d of %d: %v", i+1, test.most, err)
				}
			}
			if _, err := s.Send(make([]byte, test.frame)); !errors.Is(err, actors.ErrSlow) {
				t.Errorf("past the bound: got %v, want ErrSlow", err)
			}
		})
	}
}

func TestSinkStalls(t *testing.T) {
	bothKinds(t, func(t *testing.T, bare bool) {
		s, _, o := sinkPair(t, SinkConfig{Stall: 50 * time.Millisecond}, bare)
		if _, err := s.Send(make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
		if why := <-o.closed; why != actors.EndSlow {
			t.Errorf("got %v, want EndSlow", why)
		}
		if _, err := s.Send([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		s.End(actors.EndSlow)
	})
}

// A client that is slow but reads is not stalled.
func TestSinkIsPatient(t *testing.T) {
	s, client, o := sinkPair(t, SinkConfig{Stall: 200 * time.Millisecond}, true)
	const size = 1 << 20
	if _, err := s.Send(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	b := make([]byte, 64<<10)
	for n := 0; n < size; {
		k, err := io.ReadAtLeast(client, b, min(len(b), size-n))
		if err != nil {
			t.Fatal(err)
		}
		n += k
		time.Sleep(30 * time.Millisecond) // slower in all than Stall allows for one write
	}
	<-o.drained
	if time.Since(start) < 200*time.Millisecond {
		t.Skip("too fast to show anything")
	}
}

func TestSinkEnds(t *testing.T) {
	bothKinds(t, func(t *testing.T, bare bool) {
		s, client, _ := sinkPair(t, SinkConfig{}, bare)
		page := bytes.Repeat([]byte("p"), 1<<20)
		if _, err := s.Send(page); err != nil {
			t.Fatal(err)
		}
		s.End(actors.EndDrain)
		s.End(actors.EndSlow)
		if _, err := s.Send([]byte("late")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after End: got %v, want ErrClosed", err)
		}
		got, err := io.ReadAll(client)
		if want := string(page) + fmt.Sprintf("bye %d", actors.EndDrain); err != nil || string(got) != want {
			t.Errorf("got %d bytes ending in %q, %v; want the page and the farewell", len(got), got[max(0, len(got)-10):], err)
		}
	})
}

// A client that takes nothing is cut after the grace.
func TestSinkEndsWithoutTheClient(t *testing.T) {
	s, client, _ := sinkPair(t, SinkConfig{Grace: 50 * time.Millisecond}, true)
	if _, err := s.Send(make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	s.End(actors.EndSlow)
	closed := func() bool {
		_, err := s.conn.Write(nil)
		return errors.Is(err, net.ErrClosed)
	}
	for deadline := time.Now().Add(10 * time.Second); !closed(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still open")
		}
	}
	_ = client.Close()
}

// Frames of several senders go out whole.
func TestSinkDoesNotMix(t *testing.T) {
	bothKinds(t, func(t *testing.T, bare bool) {
		s, client, _ := sinkPair(t, SinkConfig{MaxFrames: 1 << 20, MaxBytes: 1 << 30}, bare)
		const senders, frames, size = 8, 20, 777
		var wg sync.WaitGroup
		for i := range senders {
			wg.Add(1)
			go func() {
				defer wg.Done()
				frame := bytes.Repeat([]byte{byte('a' + i)}, size)
				for range frames {
					if _, err := s.Send(frame); err != nil {
						t.Error(err)
						return
					}
				}
			}()
		}
		b := make([]byte, size)
		for range senders * frames {
			if _, err := io.ReadFull(client, b); err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(b, b[:1]); n != size {
				t.Fatalf("a frame of %c has only %d of %d bytes", b[0], n, size)
			}
		}
		wg.Wait()
	})
}

func TestSinkClientGone(t *testing.T) {
	s, client, o := sinkPair(t, SinkConfig{}, true)
	_ = client.(*net.TCPConn).SetLinger(0)
	_ = client.Close()
	gone := func() bool {
		_, err := s.Send(make([]byte, 1000))
		return err != nil
	}
	for deadline := time.Now().Add(10 * time.Second); !gone(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no error")
		}
	}
	s.End(actors.EndGone)
	select {
	case why := <-o.closed:
		t.Errorf("closed with %v: Send has said it already", why)
	default:
	}
}

func BenchmarkSinkSend(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	server, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, client) }()
	cfg := SinkConfig{MaxFrames: 1 << 30, MaxBytes: 1 << 30}.withDefaults()
	s := newSink(&cfg, server, newOwnerProbe())
	defer s.Shut()
	frame := make([]byte, 120)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Send(frame); err != nil {
			b.Fatal(err)
		}
	}
}

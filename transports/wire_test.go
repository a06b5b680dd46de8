package transports_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/transports"
	"reddot/transports/streams"
)

// wireProbe is a protocol that hands out its Socket, and a Hub that remembers
// nothing.
type wireProbe struct {
	opened chan *streams.Socket
}

func (p *wireProbe) Receive(s *streams.Socket, b []byte) bool {
	if string(b) == "open" {
		p.opened <- s
	}
	if string(b) == "panic" {
		panic("as it was told")
	}
	return true
}

func (p *wireProbe) AppendEnd(b []byte, _ *streams.Socket, why actors.End, sent bool) []byte {
	return fmt.Appendf(b, "bye %d %v", why, sent)
}

func (p *wireProbe) Attach(*gateway.Conn) {}

// A rig is a Socket and the client's end of its connection.
type rig struct {
	*streams.Socket
	streams *streams.Streams
	client  net.Conn
}

// wires are the kinds of Wires: in a loop, plain and with TLS, and portable with
// a bare socket, with TLS, and with something else.
var wires = []string{"loop", "loop tls", "socket", "socket tls", "wrapped"}

// noSocket is a connection whose descriptor nobody sees.
type noSocket struct{ net.Conn }

// CloseWrite closes one half, as a tls.Conn does.
func (c noSocket) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

func everyWire(t *testing.T, test func(t *testing.T, kind string)) {
	t.Helper()
	eachWire(t, wires, test)
}

func eachWire(t *testing.T, kinds []string, test func(t *testing.T, kind string)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

// newRig makes the kernel's buffers small, so that a client which does not read
// is noticed soon, unless cfg has a size for one.
func newRig(t testing.TB, cfg streams.SinkConfig, kind string) *rig {
	t.Helper()
	return newRigOf(t, cfg, kind, nil)
}

// newRigAround lets something around the probe be the protocol.
func newRigAround(t testing.TB, cfg streams.SinkConfig, kind string, protocol func(*wireProbe) streams.Protocol) *rig {
	t.Helper()
	return newRigWith(t, cfg, kind, nil, protocol)
}

// newRigOf is newRig for a client whose bytes count into a budget.
func newRigOf(t testing.TB, cfg streams.SinkConfig, kind string, budget *transports.Budget) *rig {
	t.Helper()
	return newRigWith(t, cfg, kind, budget, func(p *wireProbe) streams.Protocol { return p })
}

func newRigWith(t testing.TB, cfg streams.SinkConfig, kind string, budget *transports.Budget, protocol func(*wireProbe) streams.Protocol) *rig {
	t.Helper()
	setBuffers := cfg.SendBuffer == 0
	if setBuffers {
		cfg.SendBuffer = 16 << 10
	}
	gate, err := transports.NewGate(transports.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	probe := &wireProbe{opened: make(chan *streams.Socket, 1)}
	loop := streams.Loop(nil)
	if strings.HasPrefix(kind, "loop") {
		loop = newLoop(t, kind)
	}
	r := &rig{streams: streams.NewStreams(streams.StreamsConfig{Sink: cfg, Loop: loop, Budget: budget}, probe, gate, slog.New(slog.DiscardHandler))}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	secure := strings.HasSuffix(kind, "tls")
	if secure {
		ln = secureListener(t, ln)
	}
	if r.client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if setBuffers {
		_ = tcpOf(r.client).SetReadBuffer(16 << 10)
	}
	_ = r.client.SetDeadline(time.Now().Add(20 * time.Second))
	if kind == "wrapped" {
		server = noSocket{server}
	}
	if secure {
		client := tls.Client(r.client, trusting)
		r.client = client
		done := make(chan error, 1)
		go func() { done <- client.Handshake() }()
		if err := errors.Join(server.(*tls.Conn).Handshake(), <-done); err != nil {
			t.Fatal(err)
		}
	}
	place, err := r.streams.AdmitFrom(clientAddress, "other", clientCaller, testUser)
	if err != nil {
		t.Fatal(err)
	}
	if err := place.Open(server, []byte("open"), streams.Opening{Protocol: protocol(probe)}); err != nil {
		t.Fatal(err)
	}
	r.Socket = <-probe.opened
	t.Cleanup(func() {
		_ = r.client.Close()
		until(t, "leave", r.isOver)
	})
	return r
}

// Who the client of a rig is.
var (
	clientAddress = netip.MustParseAddr("192.0.2.7")
	clientCaller  = &transports.Principal{ID: "user:alice", App: "default", Kind: transports.UserToken, User: "alice"}
)

func (r *rig) isOver() bool { return r.streams.Open()["other"] == 0 }

func TestWireWritesAtOnce(t *testing.T) {
	for _, kind := range []string{"loop", "loop tls", "socket"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, streams.SinkConfig{}, kind)
			if n, err := r.Send([]byte("hello")); n != 0 || err != nil {
				t.Fatalf("got %d, %v; want nothing pending", n, err)
			}
			b := make([]byte, 5)
			if _, err := io.ReadFull(r.client, b); err != nil || string(b) != "hello" {
				t.Fatalf("got %q, %v", b, err)
			}
		})
	}
}

func TestWireKeepsAndDrains(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{}, kind)
		page := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB: whatever its size, taken whole
		if n, err := r.Send(page); n == 0 || err != nil {
			t.Fatalf("got %d, %v; want something pending", n, err)
		}
		page[len(page)-1] = 'x' // the wire has a copy of what it keeps
		for i := range 10 {
			if n, err := r.Send([]byte("more")); n == 0 || err != nil {
				t.Fatalf("frame %d: got %d, %v", i, n, err)
			}
		}
		got := make([]byte, len(page)+40)
		if _, err := io.ReadFull(r.client, got); err != nil {
			t.Fatal(err)
		}
		if want := append([]byte("f"), bytes.Repeat([]byte("more"), 10)...); !bytes.Equal(got[len(page)-1:], want) {
			t.Errorf("got %q at the page's end, want %q", got[len(page)-1:], want)
		}
		until(t, "drain", func() bool { n, err := r.Send(nil); return n == 0 && err == nil })
		if n, err := r.Send([]byte("again")); err != nil || kind != "wrapped" && kind != "socket tls" && n != 0 {
			t.Fatalf("after draining: got %d, %v", n, err)
		}
		if _, err := io.ReadFull(r.client, got[:5]); err != nil || string(got[:5]) != "again" {
			t.Fatalf("got %q, %v", got[:5], err)
		}
	})
}

func TestWireIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		cfg   streams.SinkConfig
		frame int
		most  int
	}{
		"bytes":         {streams.SinkConfig{MaxBytes: 10_000}, 1000, 10},
		"default bytes": {streams.SinkConfig{}, 64 << 10, 4},
		"small frames":  {streams.SinkConfig{MaxBytes: 100_000}, 10, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			everyWire(t, func(t *testing.T, kind string) {
				r := newRig(t, test.cfg, kind)
				if _, err := r.Send(make([]byte, 4<<20)); err != nil {
					t.Fatal(err)
				}
				if kind == "loop tls" && name != "small frames" {
					test.most-- // records have heads
				}
				for i := range test.most {
					if _, err := r.Send(make([]byte, test.frame)); err != nil {
						t.Fatalf("frame %d of %d: %v", i+1, test.most, err)
					}
				}
				if name == "small frames" {
					return // their number is no bound
				}
				var err error
				for range 2 {
					if err == nil {
						_, err = r.Send(make([]byte, test.frame))
					}
				}
				if !errors.Is(err, actors.ErrSlow) {
					t.Errorf("past the bound: got %v, want ErrSlow", err)
				}
			})
		})
	}
}

func TestWireStalls(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{Stall: 50 * time.Millisecond}, kind)
		if _, err := r.Send(make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
		until(t, "the end", r.isOver)
		if _, err := r.Send([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		r.Close(actors.EndSlow)
	})
}

// A burst of small frames is no matter, however many they are and however long
// the reader's processor is elsewhere.
func TestWireTakesBursts(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{}, kind)
		const frames, size = 2000, 40
		for i := range frames {
			if _, err := r.Send(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
				t.Fatalf("frame %d: %v", i, err)
			}
		}
		got := make([]byte, frames*size)
		if _, err := io.ReadFull(r.client, got); err != nil {
			t.Fatal(err)
		}
		for i := range frames {
			if got[i*size] != byte(i) || got[(i+1)*size-1] != byte(i) {
				t.Fatalf("frame %d is not what was sent", i)
			}
		}
	})
}

// A client that is slow but reads is not stalled.
func TestWireWaitsForSlowReader(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{Stall: time.Second}, kind)
		const size = 512 << 10
		if _, err := r.Send(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		b := make([]byte, 64<<10)
		for n := 0; n < size; {
			k, err := io.ReadAtLeast(r.client, b, min(len(b), size-n))
			if err != nil {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			n += k
			time.Sleep(150 * time.Millisecond) // slower in all than Stall allows for one write
		}
		until(t, "drain", func() bool { n, err := r.Send(nil); return n == 0 && err == nil })
		if time.Since(start) < time.Second {
			t.Error("too fast to show anything")
		}
	})
}

// What a prompt client has read does not count as waiting because other chunks
// were written together with it and are not through.
func TestWireForgetsWhatIsRead(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{MaxBytes: 180 << 10}, kind)
		const first, small, large = 128 << 10, 20 << 10, 150 << 10
		for _, size := range []int{first, small, large} {
			if _, err := r.Send(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.ReadFull(r.client, make([]byte, first+small+1)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Send(make([]byte, large)); err != nil {
			t.Errorf("nothing waits behind what is being written, and yet: %v", err)
		}
	})
}

func TestWireEnds(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{Grace: 15 * time.Second}, kind)
		page := bytes.Repeat([]byte("p"), 1<<20)
		if _, err := r.Send(page); err != nil {
			t.Fatal(err)
		}
		r.Close(actors.EndDrain)
		r.Close(actors.EndSlow)
		if _, err := r.Send([]byte("late")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after End: got %v, want ErrClosed", err)
		}
		got, err := io.ReadAll(r.client)
		if want := string(page) + fmt.Sprintf("bye %d true", actors.EndDrain); err != nil || string(got) != want {
			t.Errorf("got %d bytes ending in %q, %v; want the page and the end", len(got), got[max(0, len(got)-10):], err)
		}
	})
}

// What the client still sends does not keep it from reading the end.
func TestWireEndsWhileTheClientTalks(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{Linger: 5 * time.Second}, kind)
		r.Close(actors.EndDrain)
		for range 20 {
			if _, err := r.client.Write(make([]byte, 10_000)); err != nil {
				t.Fatalf("the connection was cut: %v", err)
			}
		}
		if got, err := io.ReadAll(r.client); err != nil || string(got) != fmt.Sprintf("bye %d false", actors.EndDrain) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// A client that takes nothing is cut after the grace, one that does not close
// after the linger.
func TestWireEndsWithoutTheClient(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{Grace: 50 * time.Millisecond}, kind)
		if _, err := r.Send(make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
		r.Close(actors.EndSlow)
		until(t, "the grace is over", r.isOver)
		r = newRig(t, streams.SinkConfig{Linger: 50 * time.Millisecond}, kind)
		r.Close(actors.EndSlow)
		until(t, "the linger is over", r.isOver)
	})
}

// Frames of several senders go out whole, and each one's in order: 10 MB by a
// socket that is full nearly all the time.
func TestWireDoesNotMix(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{MaxBytes: 1 << 30, SendBuffer: 32 << 10}, kind)
		const senders, frames, size = 8, 1600, 777
		var wg sync.WaitGroup
		for i := range senders {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for n := range frames {
					frame := bytes.Repeat([]byte{byte('a' + i)}, size)
					frame[1], frame[2] = byte(n>>8), byte(n)
					if _, err := r.Send(frame); err != nil {
						t.Error(err)
						return
					}
				}
			}()
		}
		b := make([]byte, size)
		var next [senders]int
		for range senders * frames {
			if _, err := io.ReadFull(r.client, b); err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(b[3:], b[:1]); n != size-3 {
				t.Fatalf("a frame of %c has only %d of %d bytes", b[0], n, size-3)
			}
			sender := b[0] - 'a'
			if n := int(b[1])<<8 | int(b[2]); n != next[sender] {
				t.Fatalf("%c: got frame %d, want %d", b[0], n, next[sender])
			}
			next[sender]++
		}
		wg.Wait()
	})
}

func TestWireClientGone(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{}, kind)
		_ = tcpOf(r.client).SetLinger(0)
		_ = tcpOf(r.client).Close()
		until(t, "an error", func() bool { _, err := r.Send(make([]byte, 1000)); return err != nil })
		r.Close(actors.EndGone)
		until(t, "the end", r.isOver)
	})
}

// A client that closes its half is gone, and so is one that was cut off while
// nothing is written.
func TestWireHalfClosed(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{}, kind)
		if err := r.client.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		until(t, "the end", r.isOver)
	})
}

// A protocol that panics takes nobody with it.
func TestWirePanics(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRig(t, streams.SinkConfig{}, kind)
		if _, err := r.client.Write([]byte("panic")); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r.client); err != nil || string(got) != fmt.Sprintf("bye %d false", actors.EndFailed) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// Sending to a socket with room makes no garbage.
func BenchmarkWireSend(b *testing.B) {
	for _, kind := range wires {
		b.Run(kind, func(b *testing.B) {
			r := newRig(b, streams.SinkConfig{SendBuffer: 64 << 10}, kind)
			go func() { _, _ = io.Copy(io.Discard, r.client) }()
			frame := make([]byte, 120)
			b.ReportAllocs()
			for b.Loop() {
				n, err := r.Send(frame)
				for ; n > 0 && err == nil; n, err = r.Send(nil) {
					runtime.Gosched() // the client has its turn
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a client sends in one flight with the end of its handshake is not lost.
func TestWireHearsEarlyRecords(t *testing.T) {
	for _, kind := range []string{"loop tls", "socket tls"} {
		t.Run(kind, func(t *testing.T) {
			for range 20 {
				hearEarly(t, kind)
			}
		})
	}
}

// joinedConn holds what is written back until two flights are there.
type joinedConn struct {
	net.Conn
	held []byte
	n    int
}

// Write implements net.Conn.
func (c *joinedConn) Write(b []byte) (int, error) {
	if c.n++; c.n == 1 { // ClientHello
		return c.Conn.Write(b)
	}
	if c.held = append(c.held, b...); c.n == 2 {
		return len(b), nil
	}
	_, err := c.Conn.Write(c.held)
	c.held = nil
	return len(b), err
}

func hearEarly(t *testing.T, kind string) {
	gate, err := transports.NewGate(transports.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	probe := &wireProbe{opened: make(chan *streams.Socket, 1)}
	loop := streams.Loop(nil)
	if kind == "loop tls" {
		loop = newLoop(t, kind)
	}
	all := streams.NewStreams(streams.StreamsConfig{Loop: loop}, probe, gate, slog.New(slog.DiscardHandler))
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := secureListener(t, plain)
	defer func() { _ = ln.Close() }()
	raw, err := net.Dial("tcp", plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config := trusting.Clone()
	config.MaxVersion = tls.VersionTLS13
	client := tls.Client(&joinedConn{Conn: raw}, config)
	done := make(chan error, 1)
	go func() { _, err := client.Write([]byte("open")); done <- err }()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(server.(*tls.Conn).Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	place, err := all.AdmitFrom(netip.Addr{}, "other", nil, testUser)
	if err != nil {
		t.Fatal(err)
	}
	if err := place.Open(server, nil, streams.Opening{Protocol: probe}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-probe.opened:
	case <-time.After(5 * time.Second):
		t.Fatal("the first bytes are lost")
	}
	_ = raw.Close()
	until(t, "leave", func() bool { return all.Open()["other"] == 0 })
}

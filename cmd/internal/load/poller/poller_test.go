package poller

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// heard is a peer that records what it hears.
type heard struct {
	got bytes.Buffer
	end error
}

func (h *heard) Received(b []byte) { h.got.Write(b) }
func (h *heard) Closed(err error)  { h.end = err }

// until waits with the poller for something to be true.
func until(t *testing.T, p Poller, what string, done func() bool) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(late) {
			t.Fatalf("%s: not in time", what)
		}
		if err := p.Wait(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
}

// Each kind of poller keeps what is written before it has connected, stops reading
// and goes on, tells who has closed, and calls nothing after Shut.
func TestPollers(t *testing.T) {
	for name, open := range map[string]func() (Poller, error){
		"epoll":      newEpoll,
		"goroutines": func() (Poller, error) { return newGoPoller(nil), nil },
	} {
		t.Run(name, func(t *testing.T) {
			p, err := open()
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close() }()
			testPoller(t, p)
		})
	}
}

func testPoller(t *testing.T, p Poller) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var h heard
	link, err := p.Open(netip.Addr{}, l.Addr().String(), &h)
	if err != nil {
		t.Fatal(err)
	}
	link.Write([]byte("early"))
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	read := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(server, make([]byte, len("early")))
		read <- err
	}()
	until(t, p, "what was written early", func() bool { return len(read) > 0 })
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	send := func(words string) {
		if _, err := io.WriteString(server, words); err != nil {
			t.Fatal(err)
		}
	}
	send("one")
	until(t, p, "one", func() bool { return h.got.String() == "one" })
	link.Pause()
	send("two")
	for range 3 {
		if err := p.Wait(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	paused := h.got.String()
	link.Resume()
	until(t, p, "two", func() bool { return h.got.String() == "onetwo" })
	// A goroutine may have read on before it was told to pause, once.
	if _, ok := p.(*goPoller); !ok && paused != "one" {
		t.Errorf("got %q while it did not read", paused)
	}
	_ = server.Close()
	until(t, p, "the end", func() bool { return h.end != nil })
	if !errors.Is(h.end, io.EOF) {
		t.Errorf("got %v, want EOF", h.end)
	}
	var quiet heard
	if link, err = p.Open(netip.Addr{}, l.Addr().String(), &quiet); err != nil {
		t.Fatal(err)
	}
	link.Shut()
	if err := p.Wait(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if quiet.end != nil || quiet.got.Len() > 0 {
		t.Errorf("heard %v after Shut", quiet.end)
	}
}

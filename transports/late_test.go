package transports_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/transports/streams"
)

// A lateReceiver notes what comes, before the end and after.
type lateReceiver struct {
	*wireProbe

	mu    sync.Mutex
	heard strings.Builder
}

func (h *lateReceiver) Receive(s *streams.Socket, b []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard.Write(b)
	return h.wireProbe.Receive(s, b)
}

func (h *lateReceiver) ReceiveLate(s *streams.Socket, b []byte) bool { return h.Receive(s, b) }

func (h *lateReceiver) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.heard.String(), text)
}

// What a client sends before it has heard of the end is read, also where nothing
// can be written to it any more.
func TestWireReceivesLate(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		var h *lateReceiver
		open := func() *rig {
			return newRigAround(t, streams.SinkConfig{Linger: 5 * time.Second}, kind, func(p *wireProbe) streams.Protocol {
				h = &lateReceiver{wireProbe: p}
				return h
			})
		}
		r := open()
		r.Close(0)
		if _, err := r.client.Write([]byte("goodbye")); err != nil {
			t.Fatal(err)
		}
		until(t, "the goodbye behind the end", func() bool { return h.has("goodbye") })
		if _, err := r.client.Write([]byte(" and more")); err != nil {
			t.Fatal(err)
		}
		until(t, "the rest of it", func() bool { return h.has("goodbye and more") })
		for range 20 {
			r := open()
			if _, err := r.client.Write([]byte("goodbye")); err != nil {
				t.Fatal(err)
			}
			_ = tcpOf(r.client).SetLinger(0) // a reset
			_ = tcpOf(r.client).Close()
			for range 3 {
				_, _ = r.Send([]byte("x"))
			}
			r.Close(0)
			until(t, "leave", r.isOver)
			if !h.has("goodbye") {
				t.Fatal("the goodbye before a reset was not read")
			}
		}
	})
}

// One that does not close is closed by the server all the same.
func TestWireReceivesLateWithinBounds(t *testing.T) {
	everyWire(t, func(t *testing.T, kind string) {
		r := newRigAround(t, streams.SinkConfig{Linger: 20 * time.Millisecond, Grace: 20 * time.Millisecond}, kind, func(p *wireProbe) streams.Protocol {
			return &lateReceiver{wireProbe: p}
		})
		if _, err := r.Send(make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
		r.Close(0)
		until(t, "leave", r.isOver)
	})
}

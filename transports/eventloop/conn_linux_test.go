package eventloop

import (
	"log/slog"
	"net"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"reddot/actors"
	"reddot/transports/streams"
)

// An event for a connection that is gone is not taken for one of its successor
// in the same slot, with the same descriptor.
func TestStaleEvent(t *testing.T) {
	h := newHouse(t, streams.SinkConfig{})
	defer func() { _ = h.ln.Close(); _ = h.loop.Close() }()
	open := func() (net.Conn, *conn) {
		t.Helper()
		c, err := net.Dial("tcp", h.ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		h.mu.Lock()
		n := len(h.seen)
		h.mu.Unlock()
		_, _ = c.Write([]byte("x"))
		var id uint64
		until(t, "begin", func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.seen) > n {
				id = h.seen[n]
			}
			return id != 0
		})
		return c, h.loop.find(id).(*conn)
	}
	client, old := open()
	var e unix.EpollEvent
	setID(&e, old.ID())
	e.Events = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLHUP
	_ = client.Close()
	until(t, "leave", func() bool { return h.streams.Open()["other"] == 0 })
	client, c := open()
	defer client.Close()
	if uint32(c.ID()) != uint32(old.ID()) || c.ID() == old.ID() {
		t.Fatalf("got the ids %x and %x, want the same slot and another generation", old.ID(), c.ID())
	}
	c.loop().handle(&e, make([]byte, 10))
	if _, err := c.Send([]byte("still there")); err != nil {
		t.Errorf("an event of before has ended it: %v", err)
	}
	_ = client.Close()
	until(t, "leave", func() bool { return h.streams.Open()["other"] == 0 })
}

// Why a connection ends that takes nothing, or does not go.
func TestLate(t *testing.T) {
	h := newHouse(t, streams.SinkConfig{})
	defer func() { _ = h.ln.Close(); _ = h.loop.Close() }()
	client, err := net.Dial("tcp", h.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = client.Write([]byte("x"))
	until(t, "begin", func() bool { return h.any() != nil })
	c := h.loop.find(h.any().ID()).(*conn)
	long := time.Now().Add(-time.Hour)
	busy := func(moved time.Time) *outbox {
		o := &outbox{progress: moved}
		o.Force(1, c)
		o.Add([]byte{1})
		return o
	}
	c.mu.Lock()
	for _, test := range []struct {
		name  string
		out   *outbox
		flags flags
		why   actors.End
		over  bool
	}{
		{"nothing waits", nil, registered, 0, false},
		{"stalled", busy(long), registered, actors.EndSlow, true},
		{"has moved", busy(time.Now()), registered, 0, false},
		{"grace", busy(long), registered | ended, actors.EndGone, true},
		{"linger", nil, registered | ended, actors.EndGone, true},
		{"a late answer stalls", busy(long), registered | ended | keep, actors.EndGone, true},
		{"rests", nil, registered | ended | keep | resting, 0, false},
	} {
		c.out, c.flags = test.out, test.flags
		if why, over := c.timedOut(); over != test.over || over && why != test.why {
			t.Errorf("%s: got %v, %v; want %v, %v", test.name, why, over, test.why, test.over)
		}
	}
	c.out, c.flags = nil, registered
	c.mu.Unlock()
	_ = client.Close()
	until(t, "leave", func() bool { return h.streams.Open()["other"] == 0 })
}

// A connection's share of the loop is small, and stays so.
func TestSize(t *testing.T) {
	if size := unsafe.Sizeof(conn{}); size > 128 {
		t.Errorf("a connection has %d bytes, want at most 128", size)
	}
}

// A few connections share the first loop, more are spread, and a place that is
// free is taken again.
func TestTogether(t *testing.T) {
	l, err := New(Config{Loops: 3}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for i := range firstLoopConns {
		if place := l.choose(); place != 0 {
			t.Fatalf("connection %d is in loop %d", i, place)
		}
	}
	got := [3]int{}
	for range 300 {
		got[l.choose()]++
	}
	if got != [3]int{100, 100, 100} {
		t.Errorf("the others are spread as %v", got)
	}
	l.loops[0].carries.Store(firstLoopConns - 1)
	if place := l.choose(); place != 0 {
		t.Errorf("the place in the first loop is not taken")
	}
}

package eventloop

import (
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/transports"
	"reddot/transports/streams"
)

// frameSize is that of the frames in these tests: the Socket's id, over and
// over, so that a frame for one connection is not taken for another's.
const frameSize = 1 << 10

func frameOf(id uint64) []byte {
	b := make([]byte, 0, frameSize)
	for len(b) < frameSize {
		b = binary.BigEndian.AppendUint64(b, id)
	}
	return b
}

// A house is a server whose connections are all in a Loop. Clients send a byte
// to begin; then each Socket is sent frames with its own id by whoever likes.
type house struct {
	streams *streams.Streams
	loop    *Loop
	ln      net.Listener

	mu   sync.Mutex
	live []*streams.Socket // also some that are gone
	seen []uint64
	used [2]atomic.Bool // by loop
}

func (h *house) Attach(*gateway.Conn) {}

func (h *house) Receive(s *streams.Socket, b []byte) bool {
	if s.Received() == len(b) { // the first
		if c, ok := h.loop.find(s.ID()).(*conn); ok {
			h.used[c.place].Store(true)
		}
		h.mu.Lock()
		if h.seen = append(h.seen, s.ID()); len(h.live) < 64 {
			h.live = append(h.live, s)
		} else {
			h.live[rand.IntN(len(h.live))] = s
		}
		h.mu.Unlock()
		_, _ = s.Send(frameOf(s.ID()))
	}
	if s.Received() > 40<<10 {
		s.Close(actors.EndProtocol)
		return false
	}
	return true
}

func (h *house) AppendEnd(b []byte, s *streams.Socket, _ actors.End, _ bool) []byte {
	return append(b, frameOf(s.ID())...)
}

func newHouse(t testing.TB, cfg streams.SinkConfig) *house {
	t.Helper()
	gate, err := transports.NewGate(transports.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{}
	if h.loop, err = New(Config{Loops: 2}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	h.loop.firstLoopConns = 4
	h.streams = streams.NewStreams(streams.StreamsConfig{Sink: cfg, Loop: h.loop}, h, gate, slog.New(slog.DiscardHandler))
	if h.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go h.accept(t)
	return h
}

func (h *house) accept(t testing.TB) {
	for {
		c, err := h.ln.Accept()
		if err != nil {
			return
		}
		place, err := h.streams.AdmitFrom(netip.Addr{}, "other", nil, actors.UserKey("default", "alice"))
		if err != nil {
			t.Error(err)
			return
		}
		if err := place.Open(c, nil, streams.Opening{Protocol: h}); err != nil {
			_ = c.Close() // its client was quick to go
			place.Release()
		}
	}
}

func (h *house) any() *streams.Socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.live) == 0 {
		return nil
	}
	return h.live[rand.IntN(len(h.live))]
}

// publish sends frames to anybody, also to those who are gone, until done.
func (h *house) publish(done *atomic.Bool) {
	for !done.Load() {
		s := h.any()
		if s == nil {
			runtime.Gosched()
			continue
		}
		switch _, err := s.Send(frameOf(s.ID())); {
		case errors.Is(err, actors.ErrSlow):
			s.Close(actors.EndSlow)
		case err != nil && rand.IntN(2) == 0:
			s.Close(actors.EndGone)
		case rand.IntN(200) == 0:
			s.Close(actors.EndDrain)
		}
	}
}

// visit is one client's life.
func (h *house) visit(t *testing.T, how int) {
	nc, err := net.Dial("tcp", h.ln.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	c := nc.(*net.TCPConn)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if how == 0 { // gone before it has said anything
		return
	}
	_, _ = c.Write([]byte("x"))
	if how == 1 { // takes nothing
		_ = c.SetReadBuffer(4 << 10)
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		return
	}
	check := make([]byte, 8)
	id := uint64(0)
	for n := rand.IntN(64); n >= 0; n-- {
		if _, err := io.ReadFull(c, check); err != nil {
			return // the server has ended it
		}
		got := binary.BigEndian.Uint64(check)
		if id == 0 {
			id = got
		}
		if got != id {
			t.Errorf("the client of %x was sent a frame of %x", id, got)
			return
		}
	}
	switch how {
	case 2:
		_ = c.SetLinger(0) // a reset
	case 3:
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	case 4:
		_, _ = c.Write(make([]byte, 100<<10)) // a flood
		_, _ = io.Copy(io.Discard, c)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// Thousands come and go in every way there is, while others write to them, also
// to those that are gone and whose descriptors others have. Nothing is left of
// them.
func TestChurn(t *testing.T) {
	visits := 4000
	if testing.Short() {
		visits = 400
	}
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	h := newHouse(t, streams.SinkConfig{MaxBytes: 16 << 10, SendBuffer: 4 << 10,
		Stall: 200 * time.Millisecond, Grace: 100 * time.Millisecond, Linger: 100 * time.Millisecond})
	before := heap()
	var done atomic.Bool
	var publishers, clients sync.WaitGroup
	for range 2 {
		publishers.Go(func() { h.publish(&done) })
	}
	next := make(chan int)
	for range 32 {
		clients.Go(func() {
			for how := range next {
				h.visit(t, how%6)
			}
		})
	}
	for i := range visits {
		next <- i
	}
	close(next)
	clients.Wait()
	done.Store(true)
	publishers.Wait()
	until(t, "all leave", func() bool { return h.streams.Open()["other"] == 0 })
	if len(h.seen) < visits/2 {
		t.Errorf("only %d of %d connections have begun", len(h.seen), visits)
	}
	for _, id := range h.seen {
		if h.loop.find(id) != nil {
			t.Fatalf("there is still a Socket %x", id)
		}
	}
	for i, one := range h.loop.loops {
		until(t, "the last connection is counted out", func() bool { return one.carries.Load() == 0 })
		if !h.used[i].Load() {
			t.Errorf("loop %d has carried nothing", i)
		}
	}
	h.live, h.seen = nil, nil
	until(t, "memory is free", func() bool { return heap() < before+256<<10 })
	_ = h.ln.Close()
	if err := h.loop.Close(); err != nil {
		t.Error(err)
	}
	until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
	until(t, "descriptors are closed", func() bool { return descriptors(t) <= fds })
}

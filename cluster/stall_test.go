package cluster_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// A valve stands before a node's port for links, and can let nothing through:
// connections stay open, and what is sent waits.
type valve struct {
	ln     net.Listener
	target atomic.Pointer[string]
	shut   atomic.Bool
	over   chan struct{}
	work   sync.WaitGroup
}

func newValve(t *testing.T) *valve {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &valve{ln: ln, over: make(chan struct{})}
	v.work.Go(v.accept)
	t.Cleanup(func() {
		close(v.over)
		_ = ln.Close()
		v.work.Wait()
	})
	return v
}

func (v *valve) accept() {
	for {
		c, err := v.ln.Accept()
		if err != nil {
			return
		}
		v.work.Go(func() {
			defer func() { _ = c.Close() }()
			target := v.target.Load()
			if target == nil {
				return // the node has not started yet
			}
			o, err := net.Dial("tcp", *target)
			if err != nil {
				return
			}
			defer func() { _ = o.Close() }()
			done := make(chan struct{}, 2)
			v.work.Go(func() { v.pump(o, c); done <- struct{}{} })
			v.work.Go(func() { v.pump(c, o); done <- struct{}{} })
			select {
			case <-done:
			case <-v.over:
			}
		})
	}
}

func (v *valve) pump(dst io.Writer, src io.Reader) {
	b := make([]byte, 32<<10)
	for {
		n, err := src.Read(b)
		for v.shut.Load() {
			select {
			case <-v.over:
				return
			case <-time.After(time.Millisecond):
			}
		}
		if _, werr := dst.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// TestStalledLink lets the link of two nodes stand still while gossip goes on:
// nobody is taken for dead, whoever asks for a user of the other node has an
// answer soon that says what to do, whoever watches one is sent away, and when the link is there again all goes on,
// once.
func TestStalledLink(t *testing.T) {
	w := newWorld(t, 0)
	var valves []*valve
	for range 2 {
		v := newValve(t)
		valves = append(valves, v)
		n := w.start(func(n *cluster.Node) { n.AdvertiseLinks(v.ln.Addr().String()) })
		addr := n.LinksAddr()
		v.target.Store(&addr)
	}
	w.settled()
	a, b := w.nodes[0], w.nodes[1]
	name := w.userOf(b, 0)
	publish(t, a, name, "1")
	behind, own := actorstest.Attach(t, a, name), actorstest.Attach(t, a, w.userOf(a, 0))
	behind.Want(t, "counts rev=1 unread=1")
	own.Want(t, "counts rev=0 unread=0")
	for _, v := range valves {
		v.shut.Store(true)
	}
	shut := time.Now()
	m := newMessage("2")
	first, last := time.Duration(0), time.Duration(0)
	for time.Since(shut) < 8*time.Second {
		began := time.Now()
		_, err := try(a, request(name, m))
		if actors.AsError(err).Code != actors.Unavailable {
			t.Fatalf("got %v, want unavailable", err)
		}
		if last = time.Since(began); first == 0 {
			first = last
		}
	}
	t.Logf("the first answer after %v, the last after %v: %v", first.Round(time.Millisecond), last.Round(time.Millisecond), a.Ready())
	if first > cluster.Lease+2*time.Second {
		t.Errorf("the first answer came after %v", first)
	}
	if last > 2*time.Second {
		t.Errorf("an answer came after %v, though the link had long been known to be down", last)
	}
	wait(t, "the connection whose user is behind the link to be sent away", func() bool { _, ended := behind.Ended(); return ended })
	if _, ended := own.Ended(); ended {
		t.Error("a connection whose user is here was sent away")
	}
	for _, v := range valves {
		v.shut.Store(false)
	}
	healed := time.Now()
	for {
		got, err := try(a, request(name, m))
		if err == nil {
			if got.Rev != 2 {
				t.Errorf("rev %d, want 2: it was done %d times", got.Rev, got.Rev-1)
			}
			break
		}
		if time.Since(healed) > 10*time.Second {
			t.Fatal(err)
		}
	}
	t.Logf("it is there again after %v", time.Since(healed).Round(time.Millisecond))
	select {
	case err := <-w.failed:
		t.Error(err)
	default:
	}
	if s := a.Status(t.Context()); len(s.Members) != 2 {
		t.Errorf("%d members", len(s.Members))
	}
}

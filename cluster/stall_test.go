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
	shut   atomic.Bool // both ways
	in     atomic.Bool // shut towards the node
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
			o, err := net.Dial("tcp", v.behind())
			if err != nil {
				return
			}
			defer func() { _ = o.Close() }()
			done := make(chan struct{}, 2)
			v.work.Go(func() { v.pump(o, c, &v.in); done <- struct{}{} })
			v.work.Go(func() { v.pump(c, o, nil); done <- struct{}{} })
			select {
			case <-done:
			case <-v.over:
			}
		})
	}
}

// behind returns where the node takes links: it is linked to while it starts.
func (v *valve) behind() string {
	for {
		if addr := v.target.Load(); addr != nil {
			return *addr
		}
		select {
		case <-v.over:
			return ""
		case <-time.After(time.Millisecond):
		}
	}
}

func (v *valve) pump(dst io.Writer, src io.Reader, way *atomic.Bool) {
	b := make([]byte, 32<<10)
	for {
		n, err := src.Read(b)
		for v.shut.Load() || way != nil && way.Load() {
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
// nobody is taken for dead, and whoever asks for a user of the other node has an
// answer soon that says what to do. After some seconds one of the two owns nothing
// any more, says why and sends its clients away, and the other answers for all
// users. When the link is there again all goes on, once.
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
	for time.Since(shut) < 4500*time.Millisecond {
		began := time.Now()
		_, err := try(a, request(name, m))
		if actors.AsError(err).Code != actors.Unavailable {
			t.Fatalf("got %v, want unavailable", err)
		}
		if last = time.Since(began); first == 0 {
			first = last
		}
	}
	t.Logf("the first answer after %v, the last after %v", first.Round(time.Millisecond), last.Round(time.Millisecond))
	if first > cluster.Lease+2*time.Second {
		t.Errorf("the first answer came after %v", first)
	}
	if last > 2*time.Second {
		t.Errorf("an answer came after %v, though the link had long been known to be down", last)
	}
	if a.Ready() != nil || b.Ready() != nil {
		t.Errorf("one of them gives up at once: %v, %v", a.Ready(), b.Ready())
	}
	if _, ended := own.Ended(); ended {
		t.Error("a connection whose user is here was sent away")
	}
	goesOn, yields := w.yielded(a, b)
	t.Logf("after %v: %v", time.Since(shut).Round(time.Millisecond), yields.Ready())
	if got := ask(t, goesOn, request(name, m)); got.Rev != 2 {
		t.Errorf("rev %d, want 2", got.Rev)
	}
	if yields == a {
		wait(t, "connections to be sent away", func() bool {
			_, ended := own.Ended()
			_, too := behind.Ended()
			return ended && too
		})
	} else {
		behind.WaitRev(t, 2) // it attached again
	}
	for _, v := range valves {
		v.shut.Store(false)
	}
	healed := time.Now()
	w.settled()
	t.Logf("it is there again after %v", time.Since(healed).Round(time.Millisecond))
	for i, n := range w.nodes {
		if err := n.Ready(); err != nil {
			t.Errorf("%s: %v", n.Name(), err)
		}
		if got := publish(t, n, name, "more"); got.Rev != uint64(3+i) {
			t.Errorf("rev %d, want %d", got.Rev, 3+i)
		}
	}
	select {
	case err := <-w.failed:
		t.Error(err)
	default:
	}
	if s := a.Status(t.Context()); len(s.Members) != 2 {
		t.Errorf("%d members", len(s.Members))
	}
}

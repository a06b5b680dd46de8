package gateway

import (
	"fmt"
	"testing"
	"unsafe"

	"reddot/actors"
)

// counted is a tape that notes the types and cursors of what it is sent, and the counts.
type counted struct{ tape }

func (s *counted) AppendPush(b []byte, p *actors.Push) []byte {
	for _, e := range p.Events {
		b = fmt.Appendf(b, "%s%d:%s ", e.Type, e.To.Seq, e.Counts)
	}
	return b
}

// hiddenConn is a connection that has seen everything up to 3, and is not seen.
func hiddenConn(t *testing.T) (*Gateway, *mail, *counted, *Conn) {
	t.Helper()
	g, r := newGate(t)
	s := &counted{}
	c := NewConn(actors.Attachment{Key: "udefault/alice", Sink: s, Format: s, After: &actors.Cursor{Lineage: 1, Seq: 3}})
	g.Attach(c)
	a := r.sent[0].(*actors.Attach)
	c.greet(&actors.Greeting{Conn: a.Conn, Turn: a.Turn, At: *a.After, Head: *a.After, Recovered: true})
	c.SetVisible(false, true)
	return g, r, s, c
}

func event(seq uint64) *actors.Push {
	p := span(seq-1, seq)
	p.Events[0].Type, p.Events[0].Counts = "message", fmt.Appendf(nil, "%d", seq)
	return p
}

// TestConflated: one whom nobody sees is told the counts once a tick, at its own
// cursor, and all that happened when it is seen again.
func TestConflated(t *testing.T) {
	g, r, s, c := hiddenConn(t)
	want := func(what string) {
		t.Helper()
		if s.got != what {
			t.Errorf("got %q, want %q", s.got, what)
		}
		s.got = ""
	}
	tick := func() { g.home.Send(g.pid, &Tick{}) }
	for seq := uint64(4); seq <= 50; seq++ {
		c.push(event(seq))
	}
	want("")
	tick()
	want("counts3:50 ")
	tick()
	want("")
	hole := event(51)
	hole.Hole, hole.Events[0].Type = true, "counts"
	c.push(hole)
	c.push(event(50)) // late
	tick()
	want("counts3:51 ")
	if upto, _ := c.mark(); upto != 0 {
		t.Error("what was held back counts as delivered")
	}
	c.push(event(52))
	c.SetVisible(true, true)
	pull, ok := r.sent[len(r.sent)-1].(*actors.Pull)
	if !ok || pull.After.Seq != 3 {
		t.Fatalf("got %T %+v, want a pull after 3", r.sent[len(r.sent)-1], pull)
	}
	c.push(event(53))
	c.page(&actors.PageRead{Turn: pull.Turn, Push: event(52)})
	want("message52:52 message53:53 ")
	tick()
	want("")
}

// TestConflatedAgain: one that is attached again while nobody sees it is told the counts
// at once if it has missed something, and pulls nothing.
func TestConflatedAgain(t *testing.T) {
	g, r, s, c := hiddenConn(t)
	c.push(event(4))
	n := len(r.sent)
	g.home.Send(g.pid, &actors.Gone{Key: c.Key})
	a, ok := r.sent[n].(*actors.Attach)
	if !ok || a.After.Seq != 3 {
		t.Fatalf("got %+v", r.sent[n])
	}
	for seq := uint64(5); seq < 5+2*waitingPushes; seq++ {
		c.push(event(seq)) // before the greeting
	}
	c.greet(&actors.Greeting{Conn: a.Conn, Turn: a.Turn, At: *a.After, Head: actors.Cursor{Lineage: 1, Seq: 4}, Recovered: true, Counts: []byte("4")})
	g.home.Send(g.pid, &Tick{})
	if want := fmt.Sprintf("counts3:4 counts3:%d ", 4+2*waitingPushes); s.got != want || len(r.sent) != n+1 {
		t.Errorf("got %q and %d messages, want %q and none", s.got, len(r.sent)-n-1, want)
	}
}

// TestHidden: where nothing is conflated, one whom nobody sees is told everything.
func TestHidden(t *testing.T) {
	_, _, s, c := hiddenConn(t)
	c.SetVisible(false, false)
	c.push(event(4))
	if s.got != "message4:4 " || c.visible() {
		t.Errorf("got %q", s.got)
	}
}

// TestConnSize: there are very many, and the allocator has no class between 128 bytes
// and 144.
func TestConnSize(t *testing.T) {
	if size := unsafe.Sizeof(Conn{}); size > 128 {
		t.Errorf("a Conn has %d bytes, want at most 128", size)
	}
}

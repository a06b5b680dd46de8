package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

var tapeForm = actors.NewForm()

// tape is a sink and a format: it notes the seqs that it is sent.
type tape struct {
	got    string
	ended  string
	err    error
	panics bool
}

func (s *tape) Send(b []byte) (int, error) { s.got += string(b); return 0, s.err }
func (s *tape) End(why actors.End)         { s.ended = why.String() }
func (s *tape) Form() actors.Form          { return tapeForm }
func (s *tape) AppendBeat(b []byte) []byte { return b }
func (s *tape) AppendPush(b []byte, p *actors.Push) []byte {
	if s.panics {
		panic("a format that panics")
	}
	for _, e := range p.Events {
		b = fmt.Appendf(b, "%d ", e.To.Seq)
	}
	return b
}

// mail is a Router that notes what is sent.
type mail struct {
	actors.Router
	sent []any
}

func (r *mail) Send(_ actors.Key, m any) { r.sent = append(r.sent, m) }

func newGate(t *testing.T) (*Gateway, *mail) {
	r := &mail{}
	quiet := actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })
	h := &actors.Home{System: actor.NewActorSystem(quiet), Router: r, Log: slog.New(slog.DiscardHandler), Metrics: actors.NewMetrics(nil)}
	t.Cleanup(h.System.Shutdown)
	return Start(h, 1)[0], r
}

func span(from, to uint64) *actors.Push {
	p := &actors.Push{From: actors.Cursor{Lineage: 1, Seq: from}, To: actors.Cursor{Lineage: 1, Seq: to}}
	for s := from + 1; s <= to; s++ {
		p.Events = append(p.Events, actors.PushEvent{To: actors.Cursor{Lineage: 1, Seq: s}})
	}
	return p
}

// TestConnPushes gives a connection pushes that overlap, that it has seen and
// that leave a gap.
func TestConnPushes(t *testing.T) {
	g, r := newGate(t)
	s := &tape{}
	c := NewConn(actors.Attachment{Key: "udefault/alice", Sink: s, Format: s, After: &actors.Cursor{Lineage: 1, Seq: 3}})
	g.Attach(c)
	a := r.sent[0].(*actors.Attach)
	c.push(span(3, 4)) // before the greeting
	greet := &actors.Greeting{Conn: a.Conn, Turn: a.Turn, At: *a.After, Head: actors.Cursor{Lineage: 1, Seq: 3}, Recovered: true}
	c.greet(greet)
	c.greet(greet)
	for _, p := range []*actors.Push{span(3, 4), span(2, 6), span(5, 7), span(6, 7)} {
		c.push(p)
	}
	if s.got != "4 5 6 7 " {
		t.Fatalf("got %q, want 4 to 7, each once", s.got)
	}
	c.push(span(8, 9))
	ask, ok := r.sent[len(r.sent)-1].(*actors.Pull)
	if !ok || ask.After.Seq != 7 {
		t.Fatalf("got %+v, want a pull after 7", r.sent[len(r.sent)-1])
	}
	c.push(span(9, 10))
	c.page(&actors.PageRead{Conn: ask.Conn, Turn: ask.Turn - 1, Push: span(7, 20)}) // void
	c.page(&actors.PageRead{Conn: ask.Conn, Turn: ask.Turn, Push: span(7, 9)})
	if s.got != "4 5 6 7 8 9 10 " {
		t.Fatalf("got %q, want 4 to 10", s.got)
	}
}

// TestConnEnds holds which reason a connection ends with, and that its user
// learns of it.
func TestConnEnds(t *testing.T) {
	for want, s := range map[string]*tape{
		"slow":   {err: actors.ErrSlow},
		"gone":   {err: errors.New("reset by peer")},
		"failed": {panics: true},
	} {
		g, r := newGate(t)
		c := NewConn(actors.Attachment{Key: "udefault/alice", Sink: s, Format: s})
		g.Attach(c)
		a := r.sent[0].(*actors.Attach)
		c.greet(&actors.Greeting{Conn: a.Conn, Turn: a.Turn})
		if d, ok := r.sent[len(r.sent)-1].(*actors.Detach); s.ended != want || !ok || d.Conn != a.Conn {
			t.Errorf("ended with %q, want %q; then %+v, want a detach", s.ended, want, r.sent[len(r.sent)-1])
		}
	}
}

// mute is a tape whose client answers no heartbeat.
type mute struct{ tape }

func (*mute) Beat() bool { return false }

// A client that leaves its heartbeats unanswered is gone; one that has none to
// answer is not asked.
func TestConnBeats(t *testing.T) {
	g, r := newGate(t)
	dead, quiet := &mute{}, &tape{}
	for _, s := range []struct {
		actors.Sink
		actors.Format
	}{{dead, dead}, {quiet, quiet}} {
		c := NewConn(actors.Attachment{Key: "udefault/alice", Sink: s.Sink, Format: s.Format})
		g.Attach(c)
		a := r.sent[len(r.sent)-1].(*actors.Attach)
		c.greet(&actors.Greeting{Conn: a.Conn, Turn: a.Turn})
		c.beat(nil) // the form has none
		if s.Sink == actors.Sink(dead) && dead.ended != "" {
			t.Fatal("a connection without heartbeats was ended")
		}
		c.beat([]byte("beat"))
	}
	if dead.ended != "gone" || quiet.ended != "" || quiet.got == "" {
		t.Errorf("ended with %q and %q", dead.ended, quiet.ended)
	}
}

// TestGhost tells a user that greets a connection which has left: its attach
// came in behind its detach.
func TestGhost(t *testing.T) {
	g, r := newGate(t)
	g.greet(&actors.Greeting{Key: "udefault/alice", Conn: 7})
	if len(r.sent) != 1 || r.sent[0].(*actors.Detach).Conn != 7 {
		t.Fatalf("got %+v, want a detach of 7", r.sent)
	}
	g.greet(&actors.Greeting{Conn: 7, Refused: actors.EndTooMany})
	if len(r.sent) != 1 {
		t.Fatalf("got %+v for one that never came in", r.sent)
	}
}

// watcher watches a connection and tells who has ended.
type watcher struct {
	watch chan *actor.PID
	ended chan *actor.PID
}

func (w *watcher) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.PID:
		c.Watch(m)
		w.watch <- m
	case *actor.Terminated:
		w.ended <- m.Who
	}
}

// TestConnIsAnActor sends to a connection by its address, watches it, and
// watches it again when it is gone.
func TestConnIsAnActor(t *testing.T) {
	g, r := newGate(t)
	s := &tape{}
	c := NewConn(actors.Attachment{Key: "udefault/alice", Sink: s, Format: s})
	if pid := c.PID(); pid != nil {
		t.Errorf("got the address %v before it has come in", pid)
	}
	g.Attach(c)
	a := r.sent[0].(*actors.Attach)
	root, pid := g.home.System.Root, c.PID()
	w := &watcher{watch: make(chan *actor.PID, 2), ended: make(chan *actor.PID, 2)}
	watching := root.Spawn(actor.PropsFromProducer(func() actor.Actor { return w }))
	root.Send(pid, &actors.Greeting{Conn: a.Conn, Turn: a.Turn})
	root.Send(pid, span(0, 1))
	if s.got == "" {
		t.Error("a push to the address did not come")
	}
	root.Send(watching, pid)
	<-w.watch
	root.Stop(pid)
	if who := <-w.ended; !who.Equal(pid) || s.ended != "gone" {
		t.Errorf("got the end of %v, and %q at the sink; want %v and gone", who, s.ended, pid)
	}
	root.Send(watching, pid)
	<-w.watch
	if who := <-w.ended; !who.Equal(pid) {
		t.Errorf("got the end of %v for one that is gone, want %v", who, pid)
	}
	if len(g.watchers) != 0 {
		t.Errorf("%d connections are still watched", len(g.watchers))
	}
	root.Send(actor.NewPID("conn/7", "1"), span(0, 1)) // no such gateway: a dead letter
}

package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
)

// A client is a connection with its sink, whose user has greeted it.
type client struct {
	*tape
	c *Conn
}

func attach(t *testing.T, g *Gateway, r *mail, user string, with ...func(*actors.Attachment)) *client {
	t.Helper()
	s := &tape{}
	a := actors.Attachment{Key: actors.UserKey("default", user), Sink: s, Format: s}
	for _, fn := range with {
		fn(&a)
	}
	c := NewConn(a)
	g.Attach(c)
	m, ok := r.sent[len(r.sent)-1].(*actors.Attach)
	if !ok || m.Key != a.Key {
		t.Fatalf("got %+v, want an attach", r.sent[len(r.sent)-1])
	}
	tell(g, &actors.Greeting{Key: a.Key, Conn: m.Conn, Turn: m.Turn, At: actors.Cursor{Lineage: 1, Seq: 3}, Head: actors.Cursor{Lineage: 1, Seq: 3}, Recovered: true})
	return &client{tape: s, c: c}
}

func tell(g *Gateway, m any) { g.home.Send(g.pid, m) }

// take returns what users were sent since the last call, in short.
func (r *mail) take() string {
	var list []string
	for _, m := range r.sent {
		switch m := m.(type) {
		case *actors.Attach:
			after := "the present"
			if m.After != nil {
				after = fmt.Sprint(m.After.Seq)
			}
			list = append(list, fmt.Sprintf("attach %s after %s, turn %d", m.Key.Name(), after, m.Turn))
		case *actors.Detach:
			list = append(list, fmt.Sprintf("detach %s upto %d", m.Key.Name(), m.Upto))
		case *actors.Reached:
			list = append(list, fmt.Sprintf("%s reached %d", m.Key.Name(), m.Upto))
		case *actors.Pull:
			list = append(list, fmt.Sprintf("pull %s after %d", m.Key.Name(), m.After.Seq))
		}
	}
	r.sent = nil
	slices.Sort(list)
	return strings.Join(list, "; ")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func pushTo(user string, from, to uint64) *actors.Push {
	p := span(from, to)
	p.Key = actors.UserKey("default", user)
	return p
}

// TestFanOut: a push reaches the connections of its user, and no others.
func TestFanOut(t *testing.T) {
	g, r := newGate(t)
	a, b, other := attach(t, g, r, "alice"), attach(t, g, r, "alice"), attach(t, g, r, "bob")
	tell(g, pushTo("alice", 3, 4))
	want(t, "both", a.got+b.got+other.got, "4 4 ")
	a.c.Close(actors.EndGone)
	tell(g, pushTo("alice", 4, 5))
	want(t, "one is gone", a.got+b.got, "4 4 5 ")
	tell(g, pushTo("nobody", 0, 1))
	tell(g, &actors.Kick{Key: actors.UserKey("default", "alice"), Why: actors.EndDisconnected})
	want(t, "the kicked", a.ended+b.ended+other.ended, "gonedisconnected")
	tell(g, pushTo("bob", 3, 4))
	want(t, "the other", other.got, "4 ")
}

// TestReattach: when a user's actor has ended, or its shard has moved, its connections
// ask for it again from where their clients stand; answers to what they asked before
// are void.
func TestReattach(t *testing.T) {
	g, r := newGate(t)
	a := attach(t, g, r, "alice")
	attach(t, g, r, "bob")
	tell(g, pushTo("alice", 3, 5))
	r.take()
	id := a.c.id
	tell(g, &actors.Gone{Key: actors.UserKey("default", "alice")})
	want(t, "the user has ended", r.take(), "attach alice after 5, turn 2")
	tell(g, &actors.Greeting{Conn: id, Turn: 1, At: actors.Cursor{Lineage: 1, Seq: 9}, Reset: true})
	tell(g, pushTo("alice", 5, 6)) // waits for the greeting
	want(t, "before the greeting", a.got, "4 5 ")
	at := actors.Cursor{Lineage: 1, Seq: 5}
	tell(g, &actors.Greeting{Conn: id, Turn: 2, At: at, Head: at, Recovered: true})
	want(t, "after it", a.got, "4 5 6 ")

	var shards actors.ShardSet
	shards.Add(actors.ShardOf(actors.UserKey("default", "bob")))
	tell(g, &actors.Reattach{Shards: &shards})
	want(t, "a shard has moved", r.take(), "attach bob after 3, turn 2")
}

// TestRefused: a user that takes no more connections ends the one that came, with its
// reason, and hears no more of it than that.
func TestRefused(t *testing.T) {
	g, r := newGate(t)
	s := &tape{}
	g.Attach(NewConn(actors.Attachment{Key: "udefault/alice", Sink: s, Format: s}))
	m := r.sent[0].(*actors.Attach)
	want(t, "a new one", r.take(), "attach alice after the present, turn 1")
	tell(g, m.Refusal(actors.EndTooMany))
	want(t, "its end", s.ended, "too_many")
	want(t, "then", r.take(), "detach alice upto 0")
}

// TestDrain: a node that goes down ends its connections some at a time, and takes no new
// ones in.
func TestDrain(t *testing.T) {
	g, r := newGate(t)
	var all []*client
	for range 5 {
		all = append(all, attach(t, g, r, "alice"))
	}
	ended := func() (n int) {
		for _, c := range all {
			if c.ended == "drain" {
				n++
			}
		}
		return n
	}
	for _, wantLeft := range []int{3, 1, 0} {
		left := -1
		tell(g, &EndWhere{Why: actors.EndDrain, Most: 2, Close: true, Reply: func(n int) { left = n }})
		if left != wantLeft || ended() != 5-wantLeft {
			t.Errorf("%d are left and %d ended, want %d left", left, ended(), wantLeft)
		}
	}
	r.take()
	s := &tape{}
	g.Attach(NewConn(actors.Attachment{Key: "udefault/bob", Sink: s, Format: s}))
	want(t, "a new one", s.ended, "drain")
	want(t, "its user hears", r.take(), "detach bob upto 0")
}

// TestEndWhere: only those that match are ended, here by how they came.
func TestEndWhere(t *testing.T) {
	g, r := newGate(t)
	once := attach(t, g, r, "alice", func(a *actors.Attachment) { a.Once = true })
	stays := attach(t, g, r, "alice")
	tell(g, &EndWhere{Why: actors.EndToken, Match: (*Conn).Once})
	want(t, "ended", once.ended+stays.ended, "token")
	var users []actors.Key
	tell(g, &Users{App: "default", Reply: func(k []actors.Key) { users = k }})
	if len(users) != 1 || users[0].Name() != "alice" {
		t.Errorf("got %v", users)
	}
	tell(g, &Users{App: "other", Reply: func(k []actors.Key) { users = k }})
	if len(users) != 0 {
		t.Errorf("another app has %v", users)
	}
}

// TestReached: a user is told up to where its connection has written, once each time it
// is news, and what is not told yet with its end.
func TestReached(t *testing.T) {
	g, r := newGate(t)
	a := attach(t, g, r, "alice")
	ticks := func() string {
		r.take()
		for range markTicks {
			tell(g, &Tick{})
		}
		return r.take()
	}
	want(t, "nothing is written", ticks(), "")
	tell(g, pushTo("alice", 3, 5))
	want(t, "written", ticks(), "alice reached 5")
	want(t, "no news", ticks(), "")
	tell(g, pushTo("alice", 5, 6))
	a.c.Close(actors.EndGone)
	want(t, "its end", r.take(), "detach alice upto 6")
}

// TestSlots: an id never stands for another connection, though its place is used again.
func TestSlots(t *testing.T) {
	g, r := newGate(t)
	a := attach(t, g, r, "alice")
	id := a.c.id
	a.c.Close(actors.EndGone)
	b := attach(t, g, r, "alice")
	if len(g.slots) != 1 || b.c.id == id {
		t.Errorf("%d places; the ids are %x and %x", len(g.slots), id, b.c.id)
	}
	r.take()
	tell(g, &actors.PageRead{Conn: id, Turn: 1}) // for the one that has left: it can't be read
	tell(g, &actors.Greeting{Key: b.c.Key, Conn: id, Turn: 1})
	want(t, "the one that is there", b.ended, "")
	want(t, "the user hears that the other is gone", r.take(), "detach alice upto 0")
}

// TestOnce: a long poll ends as soon as there was something to send.
func TestOnce(t *testing.T) {
	g, r := newGate(t)
	a := attach(t, g, r, "alice", func(a *actors.Attachment) { a.Once = true })
	want(t, "nothing is new", a.got+a.ended, "")
	tell(g, pushTo("alice", 3, 4))
	want(t, "something is", a.got+a.ended, "4 gone")
}

// TestQueueOverflow: pushes that wait for a page are bounded; what did not fit is read
// from the journal, and nothing is lost or told twice.
func TestQueueOverflow(t *testing.T) {
	g, r := newGate(t)
	a := attach(t, g, r, "alice")
	tell(g, pushTo("alice", 4, 5)) // 4 is missing
	m := r.sent[len(r.sent)-1].(*actors.Pull)
	last := uint64(5)
	for range 2*waitingPushes + 1 {
		tell(g, pushTo("alice", last, last+1))
		last++
	}
	r.take()
	tell(g, &actors.PageRead{Conn: m.Conn, Turn: m.Turn, Push: span(3, 5)})
	want(t, "the page, then the rest is asked for", a.got+r.take(), "4 5 pull alice after 5")
	tell(g, &actors.PageRead{Conn: m.Conn, Turn: m.Turn + 1, Push: span(5, last)})
	tell(g, pushTo("alice", last, last+1))
	var all strings.Builder
	for n := uint64(4); n <= last+1; n++ {
		fmt.Fprintf(&all, "%d ", n)
	}
	want(t, "in the end", a.got, all.String())
}

// TestExchange: sessions whose users live on other nodes ask again when their node is
// lost or their shard moves, and each hears its end once.
func TestExchange(t *testing.T) {
	g, _ := newGate(t)
	h := g.home
	key := actors.UserKey("default", "alice")
	know := func() *heardLink {
		l := &heardLink{}
		h.Send(h.Exchange, &actors.Register{RemoteSession: actors.RemoteSession{Link: l, Key: key, Node: "n2", Turn: 1}})
		return l
	}
	var shards, none actors.ShardSet
	shards.Add(actors.ShardOf(key))
	none.Add((actors.ShardOf(key) + 1) % actors.Shards)
	for what, c := range map[string]struct {
		told any
		lost int
	}{
		"its node is lost":       {&actors.NodeLost{Node: "n2"}, 1},
		"another node":           {&actors.NodeLost{Node: "n3"}, 0},
		"its shard moves":        {&actors.Reattach{Shards: &shards}, 1},
		"another shard":          {&actors.Reattach{Shards: &none}, 0},
		"its user has ended":     {&actors.Notice{Link: 1, Kind: actors.NoticeLost, Turn: 1, N: 1}, 1},
		"it was taken over":      {&actors.Notice{Link: 1, Kind: actors.NoticeReplaced, Turn: 1, N: 1}, 0},
		"it has gone by itself":  {&actors.Unregister{ID: 1}, 0},
		"a notice of no session": {&actors.Notice{Link: 7, Kind: actors.NoticeLost, Turn: 1, N: 1}, 0},
	} {
		l := know()
		h.Send(h.Exchange, c.told)
		if l.lost != c.lost {
			t.Errorf("%s: asked again %d times, want %d", what, l.lost, c.lost)
		}
		known := c.lost == 0 && what != "it was taken over" && what != "it has gone by itself"
		h.Send(h.Exchange, &actors.NodeLost{Node: "n2"})
		if again := l.lost - c.lost; again != map[bool]int{true: 1}[known] {
			t.Errorf("%s: it hears %d times of a later loss", what, again)
		}
	}
}

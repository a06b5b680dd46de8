package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// TestResume resumes by the cursor of another connection, and by its own.
func TestResume(t *testing.T) {
	n := newNode(t, newJournal(t))
	p := actorstest.Attach(t, n, "alice")
	publish(t, n, "alice", "1")
	p.Want(t, "counts rev=0 unread=0", "message rev=1 unread=1")
	cursor := p.Last().Cursor
	p.Close()
	for i := range 5 {
		publish(t, n, "alice", fmt.Sprint(i))
	}
	q := actorstest.Attach(t, n, "alice", actorstest.After(cursor))
	q.WaitRev(t, 6)
	wantAll(t, n, q, "alice", 1, 6)
	// From the very beginning, before anything was known of the user.
	r := actorstest.Attach(t, n, "alice", actorstest.After(actors.Cursor{}))
	r.WaitRev(t, 6)
	wantAll(t, n, r, "alice", 0, 6)
	// With nothing missed nothing is told.
	s := actorstest.Attach(t, n, "alice", actorstest.After(q.Last().Cursor))
	publish(t, n, "alice", "7")
	s.Want(t, "message rev=7 unread=7")
}

// TestForeignCursor gets a reset, and goes on from there.
func TestForeignCursor(t *testing.T) {
	n := newNode(t, newJournal(t))
	a := publish(t, n, "alice", "1")
	for name, c := range map[string]actors.Cursor{
		"lineage": {Lineage: a.Cursor.Lineage + 1, Seq: 1},
		"future":  {Lineage: a.Cursor.Lineage, Seq: 9},
	} {
		p := actorstest.Attach(t, n, "alice", actorstest.After(c))
		p.Want(t, fmt.Sprintf("reset rev=%d unread=%[1]d", a.Rev))
		a = publish(t, n, "alice", name)
		p.Want(t, fmt.Sprintf("message rev=%d unread=%[1]d", a.Rev))
	}
}

// TestTooOldCursor gets a reset when the history no longer reaches back.
func TestTooOldCursor(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j, func(c *cluster.Config) { c.Limits.RetainEvents = 10; c.Limits.Messages = 5 })
	first := publish(t, n, "alice", "1").Cursor
	var last actors.Answer
	for i := range 100 {
		last = publish(t, n, "alice", fmt.Sprint(i))
	}
	if kept := j.Stored(user("alice")); kept > 70 {
		t.Fatalf("%d events of 101 are kept; want 10, those of 5 messages, and what came since the last snapshot", kept)
	}
	actorstest.Attach(t, n, "alice", actorstest.After(first)).Want(t, "reset rev=101 unread=5")
	last.Cursor.Seq -= 5
	p := actorstest.Attach(t, n, "alice", actorstest.After(last.Cursor))
	p.WaitRev(t, 101)
	wantAll(t, n, p, "alice", 96, 101)
}

// TestSlowSink sends a client that reads slowly what it missed, in pages: what
// is pending never grows beyond one page.
func TestSlowSink(t *testing.T) {
	n := newNode(t, newJournal(t), func(c *cluster.Config) {
		c.Limits.InboxBytes = 256 << 20
		c.Limits.RetainBytes = 256 << 20
		c.Limits.RetainEvents = 5000
	})
	const missed, size = 1000, 64 << 10
	body := strings.Repeat("x", size)
	for range missed {
		publish(t, n, "alice", body)
	}
	p := actorstest.New("alice", actorstest.After(actors.Cursor{}))
	p.Hold()
	p.Attach(n)
	defer p.Close()
	for i := 0; p.Last().Cursor.Seq < missed; i++ {
		p.Until(t, "a page", func() bool { return true })
		wait(t, "a page", func() bool { now, _ := p.Pending(); return now > 0 })
		if i == 3 {
			publish(t, n, "alice", body) // live, and behind the pages
		}
		p.Drain()
	}
	wait(t, "the last one", func() bool { p.Drain(); return p.Last().Rev == missed+1 && p.Last().Cursor.Seq == missed+1 })
	wantAll(t, n, p, "alice", 0, missed+1)
	if _, most := p.Pending(); most > 600<<10 {
		t.Fatalf("%d bytes were pending, want about one page of 256 KiB and a message", most)
	}
}

// TestTooManyConnections refuses the one beyond the limit, until one leaves.
func TestTooManyConnections(t *testing.T) {
	n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Limits.Connections = 2 })
	a, b := actorstest.Attach(t, n, "alice"), actorstest.Attach(t, n, "alice")
	a.Want(t, "counts rev=0 unread=0")
	b.Want(t, "counts rev=0 unread=0")
	actorstest.Attach(t, n, "alice").WantEnd(t, actors.EndTooMany)
	a.Close()
	wait(t, "a place", func() bool {
		c := actorstest.Attach(t, n, "alice")
		c.Until(t, "an answer", func() bool { return true })
		wait(t, "an answer", func() bool { _, over := c.Ended(); return over || len(c.Events()) > 0 })
		_, over := c.Ended()
		return !over
	})
}

// TestLongPoll ends with the first thing that it sends.
func TestLongPoll(t *testing.T) {
	n := newNode(t, newJournal(t))
	once := func(a *actors.Attachment) { a.Once = true }
	p := actorstest.Attach(t, n, "alice", once)
	p.Want(t, "counts rev=0 unread=0")
	p.WantEnd(t, actors.EndGone)
	q := actorstest.Attach(t, n, "alice", once, actorstest.After(actors.Cursor{}))
	a := publish(t, n, "alice", "1")
	q.Want(t, "message rev=1 unread=1")
	q.WantEnd(t, actors.EndGone)
	publish(t, n, "alice", "2")
	r := actorstest.Attach(t, n, "alice", once, actorstest.After(a.Cursor))
	r.Want(t, "message rev=2 unread=2")
	r.WantEnd(t, actors.EndGone)
	wait(t, "no connections", func() bool {
		return string(ask(t, n, cmd("alice", &actors.Connections{})).Body) == `{"connections":[]}`
	})
}

// TestClosedBeforeAttach leaves nothing behind of a connection that was closed
// before it came in, or at the same time.
func TestClosedBeforeAttach(t *testing.T) {
	n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Idle = time.Millisecond })
	p := actorstest.New("alice")
	p.Close()
	p.Attach(n)
	var wg sync.WaitGroup
	for range 500 {
		p := actorstest.New("alice")
		wg.Go(func() { p.Attach(n) })
		wg.Go(p.Close)
	}
	wg.Wait()
	wait(t, "no connections", func() bool { return len(n.Connected(t.Context(), actors.DefaultApp)) == 0 })
	wait(t, "no connections", func() bool {
		return string(ask(t, n, cmd("alice", &actors.Connections{})).Body) == `{"connections":[]}`
	})
}

// TestAttachRaces attaches, stalls, drains, drops and resumes connections while
// messages come in, and while the journal fails: each chain of connections
// that resume each other sees everything once, in order.
func TestAttachRaces(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j, func(c *cluster.Config) {
		c.Limits.RetainEvents = 100_000
		c.Limits.RetainBytes = 1 << 30
		c.Limits.Messages = 10_000
		c.Idle = time.Millisecond
	})
	const users, writers, each, chains = 3, 3, 400, 5
	var publishing, following sync.WaitGroup
	over := make(chan struct{})
	for u := range users {
		name := fmt.Sprint("user", u)
		for range writers {
			publishing.Go(func() {
				for range each {
					if err := insist(n, name, "x"); err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
				}
			})
		}
		for c := range chains {
			following.Go(func() { follow(t, n, name, int64(u*100+c), writers*each, over) })
		}
	}
	publishing.Go(func() {
		for range 10 {
			time.Sleep(10 * time.Millisecond)
			j.Fail(fmt.Errorf("the disk is gone"))
		}
	})
	publishing.Wait()
	close(over)
	following.Wait()
}

// follow follows a user over many connections, each resuming the last, and
// checks what they were sent together.
func follow(t *testing.T, n *cluster.Node, name string, seed int64, total int, over chan struct{}) {
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	at := actors.Cursor{}
	events, seen := 0, map[string]bool{}
	for done := false; !done; {
		select {
		case <-over:
			done = true
		default:
		}
		p := actorstest.New(name, actorstest.After(at))
		if rng.IntN(2) == 0 {
			p.Hold()
		}
		p.Attach(n)
		for range rng.IntN(5) {
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
			p.Drain()
		}
		if done {
			for late := time.Now().Add(actorstest.Patience); events+len(p.Events()) < total; p.Drain() {
				if time.Now().After(late) {
					t.Errorf("%s: stuck at %d events of %d, %+v", name, events+len(p.Events()), total, p.Last())
					return
				}
				time.Sleep(time.Millisecond)
			}
			if p.Last().Rev != 0 && int(p.Last().Rev) != total {
				t.Errorf("%s: rev %d at the end, want %d", name, p.Last().Rev, total)
			}
		}
		p.Close()
		for _, e := range p.Events() {
			if e.Type != "message" || e.Cursor.Seq <= at.Seq || seen[e.ID] {
				t.Errorf("%s: %v at %d behind %d", name, e, e.Cursor.Seq, at.Seq)
				return
			}
			at, seen[e.ID] = e.Cursor, true
			events++
		}
	}
	if events != total {
		t.Errorf("%s: %d events, want %d", name, events, total)
	}
}

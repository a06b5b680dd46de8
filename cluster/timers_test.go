package cluster_test

import (
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// TestTimers lets a message become due, another expire and a third come back
// from snooze, for a user who is connected: each is told at once.
func TestTimers(t *testing.T) {
	clock := actorstest.NewClock()
	n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Now = clock.Now })
	p := actorstest.Attach(t, n, "alice")
	p.Want(t, "counts rev=0 unread=0")
	due := newMessage("due")
	due.SendAt = clock.Now() + 10_000
	if a := ask(t, n, request("alice", due)); a.Outcome != actors.Scheduled {
		t.Fatalf("got %v, want scheduled", a.Outcome)
	}
	short := newMessage("short")
	short.ExpiresAt = clock.Now() + 20_000
	ask(t, n, request("alice", short))
	back := publish(t, n, "alice", "back")
	p.Want(t, "message rev=1 unread=1", "message rev=2 unread=2")
	ask(t, n, cmd("alice", &actors.Mark{To: actors.MarkSnoozed, IDs: []actors.ID{back.ID}, Until: clock.Now() + 30_000}))
	p.Want(t, "state snoozed rev=3 unread=1")
	clock.Advance(9 * time.Second)
	p.WantNothing(t)
	clock.Advance(time.Second)
	p.Want(t, "message rev=4 unread=2")
	if got := p.Last(); got.ID != actors.ID(due.Id).String() || got.Content != "due" {
		t.Fatalf("got %+v, want the one that was due", got)
	}
	clock.Advance(10 * time.Second)
	p.Want(t, "state expired rev=5 unread=1")
	clock.Advance(10 * time.Second)
	p.Want(t, "state unseen rev=6 unread=2")
}

// TestTimersByTheClock needs no more than a second by the machine's clock.
func TestTimersByTheClock(t *testing.T) {
	n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Timers = 0 })
	p := actorstest.Attach(t, n, "alice")
	p.Want(t, "counts rev=0 unread=0")
	m := newMessage("x")
	m.SendAt = time.Now().UnixMilli() + 100
	ask(t, n, request("alice", m))
	p.Want(t, "message rev=1 unread=1")
	if late := time.Since(time.UnixMilli(m.SendAt)); late < 0 || late > time.Second {
		t.Fatalf("due %v late", late)
	}
}

// TestTimersAfterRestart starts another node on the same journal: what was due
// in between, and what is due later, comes although nobody asks for the user.
func TestTimersAfterRestart(t *testing.T) {
	clock := actorstest.NewClock()
	j := newJournal(t)
	now := func(c *cluster.Config) { c.Now = clock.Now; c.Idle = time.Millisecond }
	n := newNode(t, j, now)
	var ids []actors.ID
	for i := range 5 {
		m := newMessage("x")
		m.SendAt = clock.Now() + int64(i+1)*10_000
		ask(t, n, request("alice", m))
		ids = append(ids, actors.ID(m.Id))
	}
	// The first timer is that of a message which is gone.
	ask(t, n, cmd("alice", &actors.Retract{ID: ids[0]}))
	stop(t, n)
	clock.Advance(20 * time.Second)

	n = newNode(t, j, now)
	wait(t, "the second", func() bool { return j.Stored(user("alice")) == 7 })
	wait(t, "sleep", func() bool { return n.Awake() == 0 })
	for i := range 3 {
		clock.Advance(10 * time.Second)
		wait(t, "the next", func() bool { return j.Stored(user("alice")) == 8+i })
		wait(t, "sleep", func() bool { return n.Awake() == 0 })
	}
	if a := ask(t, n, cmd("alice", &actors.Counts{})); a.Rev != 4 {
		t.Fatalf("rev %d: %s, want 4 messages", a.Rev, a.Counts)
	}
}

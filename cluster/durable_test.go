package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// TestNothingLeavesUndurable holds back the journal: no answer of any kind and
// no push comes out before it goes on.
func TestNothingLeavesUndurable(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j)
	p := actorstest.Attach(t, n, "alice")
	p.Want(t, "counts rev=0 unread=0")
	a := publish(t, n, "alice", "one")
	p.Want(t, "message rev=1 unread=1")

	j.Hold()
	m := newMessage("two")
	answers := []<-chan actors.Answer{later(n, request("alice", m))}
	j.WaitQueued(1)
	answers = append(answers,
		later(n, request("alice", m)), // its repeat
		later(n, cmd("alice", &actors.Counts{})),
		later(n, cmd("alice", &actors.List{Limit: 10})),
		later(n, cmd("alice", &actors.Find{ID: a.ID})),
		later(n, cmd("alice", &actors.Mark{To: actors.MarkArchived, IDs: []actors.ID{actors.NewID()}})), // a no-op
		later(n, cmd("alice", &actors.Replay{After: a.Cursor, Limit: 10})),
	)
	late := actorstest.Attach(t, n, "alice")
	// Another user's answer comes when the journal has settled all before it.
	time.Sleep(50 * time.Millisecond)
	for i, c := range answers {
		select {
		case a := <-c:
			t.Fatalf("answer %d came before it was durable: %+v", i, a)
		default:
		}
	}
	p.WantNothing(t)
	late.WantNothing(t)

	j.Release()
	for i, c := range answers {
		if a := <-c; a.Err != nil || a.Rev != 2 {
			t.Fatalf("answer %d: %+v", i, a)
		}
	}
	p.Want(t, "message rev=2 unread=2")
	late.Want(t, "counts rev=2 unread=2")
}

// TestJournalFails lets a batch fail: those who asked are told that the
// outcome is unknown, connections come back with their cursor, and nothing is
// lost or doubled.
func TestJournalFails(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j)
	p := actorstest.Attach(t, n, "alice")
	slow := actorstest.Attach(t, n, "alice")
	p.Want(t, "counts rev=0 unread=0")
	slow.Want(t, "counts rev=0 unread=0")
	revs := uint64(0)
	for i := range 30 {
		if i%3 == 1 {
			j.Hold()
			j.Fail(errors.New("the disk is gone"))
			query := later(n, cmd("alice", &actors.List{Limit: 10}))
			done := later(n, request("alice", newMessage(fmt.Sprint(i))))
			j.WaitQueued(1)
			second := later(n, cmd("alice", &actors.Counts{}))
			j.Release()
			for _, c := range []<-chan actors.Answer{done, query, second} {
				if a := <-c; a.Err != nil { // Ask repeats it under its key
					t.Fatal(a.Err)
				}
			}
		} else {
			publish(t, n, "alice", fmt.Sprint(i))
		}
		revs++
	}
	if a := ask(t, n, cmd("alice", &actors.Counts{})); a.Rev != revs {
		t.Fatalf("rev %d after %d publishes", a.Rev, revs)
	}
	for _, p := range []*actorstest.Probe{p, slow} {
		p.WaitRev(t, revs)
		wantAll(t, n, p, "alice", 0, revs)
	}
}

// TestJournalBusy lets the journal refuse: nothing is done, and later all is.
func TestJournalBusy(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j)
	p := actorstest.Attach(t, n, "alice")
	p.Want(t, "counts rev=0 unread=0")
	j.Refuse(actors.Errorf(actors.Busy, "full"))
	if _, err := try(n, request("alice", newMessage("x"))); actors.AsError(err).Code != actors.Busy {
		t.Fatalf("got %v, want busy", err)
	}
	j.Refuse(nil)
	publish(t, n, "alice", "y")
	p.Want(t, "message rev=1 unread=1")
}

// TestOutboxBusy fills the outbox: what is beyond it is refused at once.
func TestOutboxBusy(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j, func(c *cluster.Config) { c.Limits.Outbox = 8 })
	publish(t, n, "alice", "x")
	j.Hold()
	var answers []<-chan actors.Answer
	for i := range 8 {
		answers = append(answers, later(n, request("alice", newMessage("x"))))
		j.WaitQueued(i + 1)
	}
	if _, err := try(n, request("alice", newMessage("y"))); actors.AsError(err).Code != actors.Busy {
		t.Fatalf("got %v, want busy", err)
	}
	j.Release()
	for _, c := range answers {
		if a := <-c; a.Err != nil {
			t.Fatal(a.Err)
		}
	}
	publish(t, n, "alice", "z")
}

// TestPanic lets a turn panic: the actor is recovered from the journal with
// its connections, and nobody else notices.
func TestPanic(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j)
	p, other := actorstest.Attach(t, n, "alice"), actorstest.Attach(t, n, "bob")
	p.Want(t, "counts rev=0 unread=0")
	other.Want(t, "counts rev=0 unread=0")
	var wg sync.WaitGroup
	for _, name := range []string{"alice", "bob"} {
		for w := range 4 {
			wg.Go(func() {
				for i := range 25 {
					if name == "alice" && w == 0 && i%5 == 2 {
						j.Panic("alice")
					}
					if err := insist(n, name, "x"); err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	for name, p := range map[string]*actorstest.Probe{"alice": p, "bob": other} {
		p.WaitRev(t, 100)
		wantAll(t, n, p, name, 0, 100)
	}
}

// TestPanicBehindWrites lets a turn panic while writes before it are under way:
// those are answered as done, and the one that panicked is not.
func TestPanicBehindWrites(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j)
	publish(t, n, "alice", "0")
	j.Hold()
	first := later(n, request("alice", newMessage("1")))
	j.WaitQueued(1)
	j.Panic("alice")
	second := later(n, request("alice", newMessage("2")))
	wait(t, "the panic", func() bool { return !j.Panics() })
	third := later(n, request("alice", newMessage("3")))
	j.Release()
	ids := map[actors.ID]bool{}
	for _, c := range []<-chan actors.Answer{first, second, third} {
		a := <-c
		if a.Err != nil || a.ID.IsZero() || a.Rev == 0 {
			t.Fatalf("got %+v, want an answer after a repeat", a)
		}
		ids[a.ID] = true
	}
	if a := ask(t, n, cmd("alice", &actors.Counts{})); a.Rev != 4 || len(ids) != 3 {
		t.Fatalf("rev %d after 4 publishes, %d ids", a.Rev, len(ids))
	}
}

// TestPanicOnAttach lets the turn panic in which a connection comes in: it is
// ended with «come back», not left hanging.
func TestPanicOnAttach(t *testing.T) {
	j := newJournal(t)
	clock := actorstest.NewClock()
	n := newNode(t, j, func(c *cluster.Config) { c.Now = clock.Now; c.Timers = time.Hour })
	m := newMessage("x")
	m.ExpiresAt = clock.Now() + 1000
	ask(t, n, request("alice", m))
	clock.Advance(time.Minute)
	j.Panic("alice") // what has expired is journaled before the attach
	p := actorstest.Attach(t, n, "alice")
	p.WantEnd(t, actors.EndFailed)
	actorstest.Attach(t, n, "alice").Want(t, "counts rev=2 unread=0")
}

// stuck is a store whose reads wait on demand.
type stuck struct {
	*actorstest.Journal
	on   atomic.Bool
	gate chan struct{}
}

func (s *stuck) Events(ctx context.Context, key actors.Key, first, last uint64, fn func(uint64, []byte) bool) error {
	if s.on.Load() {
		<-s.gate
	}
	return s.Journal.Events(ctx, key, first, last, fn)
}

// TestEditOutlivesActivation lets the user fall asleep while an edit waits for
// the old content: the next activation goes on with it.
func TestEditOutlivesActivation(t *testing.T) {
	j := &stuck{Journal: newJournal(t), gate: make(chan struct{})}
	n := newNode(t, j, func(c *cluster.Config) { c.Idle = time.Millisecond })
	a := publish(t, n, "alice", "old")
	j.on.Store(true)
	done := later(n, cmd("alice", &actors.Edit{ID: a.ID, Patch: []byte(`{"title":"new"}`)}))
	wait(t, "alice to wake", func() bool { return n.Awake() == 1 })
	wait(t, "alice to sleep", func() bool { return n.Awake() == 0 })
	j.on.Store(false)
	close(j.gate)
	if a := <-done; a.Err != nil || a.Rev != 2 {
		t.Fatalf("got %+v, want an edit", a)
	}
}

// TestEditAcrossPassivation edits while users fall asleep all the time.
func TestEditAcrossPassivation(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j, func(c *cluster.Config) { c.Idle = time.Millisecond })
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			name := fmt.Sprint("user", w)
			for i := range 50 {
				a, err := try(n, request(name, newMessage("x")))
				if err == nil {
					_, err = try(n, cmd(name, &actors.Edit{ID: a.ID, Patch: fmt.Appendf(nil, `{"title":"%d"}`, i)}))
				}
				if err != nil {
					t.Errorf("%s, edit %d: %v", name, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// TestPassivationUnderFire lets users fall asleep all the time while they are
// written to: no request vanishes, nothing is lost or done twice.
func TestPassivationUnderFire(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j, func(c *cluster.Config) { c.Idle = time.Millisecond; c.Limits.Messages = 100_000 })
	const users, writers, each = 20, 4, 150
	var wg sync.WaitGroup
	for u := range users {
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if _, err := try(n, request(fmt.Sprint("user", u), newMessage("x"))); err != nil {
						t.Errorf("user %d: %v", u, err)
						return
					}
					if (i+w)%10 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
	}
	wg.Wait()
	for u := range users {
		if a := ask(t, n, cmd(fmt.Sprint("user", u), &actors.Counts{})); a.Rev != writers*each {
			t.Fatalf("user %d: rev %d after %d messages: %s", u, a.Rev, writers*each, a.Counts)
		}
	}
	wait(t, "all to sleep", func() bool { return n.Awake() == 0 })
}

// TestManyWriters lets many write to one user who is watched.
func TestManyWriters(t *testing.T) {
	n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Limits.Messages = 100_000; c.Limits.RetainBytes = 1 << 30 })
	probes := []*actorstest.Probe{actorstest.Attach(t, n, "alice"), actorstest.Attach(t, n, "alice"), actorstest.Attach(t, n, "alice")}
	for _, p := range probes {
		p.Want(t, "counts rev=0 unread=0")
	}
	const writers, each = 50, 60
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := try(n, request("alice", newMessage("x"))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, p := range probes {
		p.WaitRev(t, writers*each)
		wantAll(t, n, p, "alice", 0, writers*each)
	}
}

// TestConnectedStaysAwake holds that a user with a connection does not sleep.
func TestConnectedStaysAwake(t *testing.T) {
	n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Idle = time.Millisecond })
	p := actorstest.Attach(t, n, "alice")
	p.Want(t, "counts rev=0 unread=0")
	publish(t, n, "bob", "x")
	wait(t, "bob to sleep", func() bool { return n.Awake() == 1 })
	publish(t, n, "alice", "x")
	p.Want(t, "message rev=1 unread=1")
	p.Close()
	wait(t, "alice to sleep", func() bool { return n.Awake() == 0 })
}

// unreadable is a journal that can't be read, and says so at once.
type unreadable struct{ *actorstest.Journal }

func (unreadable) Load(context.Context, actors.Key, func([]byte) error, func([]byte) error) error {
	return errors.New("no disk")
}

// TestUnreadable asks many users at once who can't be woken: each is answered,
// and the node goes on.
func TestUnreadable(t *testing.T) {
	n := newNode(t, unreadable{newJournal(t)})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 50 {
				if _, err := try(n, cmd(fmt.Sprint("user", (i+k)%40), &actors.Counts{})); actors.AsError(err).Code != actors.Unavailable {
					t.Errorf("got %v, want unavailable", err)
				}
			}
		})
	}
	wg.Wait()
}

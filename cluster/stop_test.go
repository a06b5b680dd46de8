package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// TestStopEnds ends all connections, and takes no new ones in.
func TestStopEnds(t *testing.T) {
	n := newNode(t, newJournal(t))
	p, q := actorstest.Attach(t, n, "alice"), actorstest.Attach(t, n, "bob")
	stop(t, n)
	p.WantEnd(t, actors.EndDrain)
	q.WantEnd(t, actors.EndDrain)
}

// TestStop stops a node under fire: every request is answered, and what was
// acknowledged is there on the next node.
func TestStop(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j)
	p := actorstest.Attach(t, n, "user0")
	var wg sync.WaitGroup
	var stored [5]atomic.Int64
	over := make(chan struct{})
	for u := range stored {
		for range 3 {
			wg.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
					}
					if _, err := try(n, request(fmt.Sprint("user", u), newMessage("x"))); err == nil {
						stored[u].Add(1)
					} else if actors.AsError(err).Code != actors.Unavailable {
						t.Error(err)
					}
				}
			})
		}
	}
	wait(t, "some work", func() bool { return stored[0].Load() > 50 })
	stop(t, n)
	close(over)
	wg.Wait()
	p.WantEnd(t, actors.EndDrain)

	n = newNode(t, j)
	for u := range stored {
		if a := ask(t, n, cmd(fmt.Sprint("user", u), &actors.Counts{})); int64(a.Rev) != stored[u].Load() {
			t.Fatalf("user %d: %d were acknowledged, the journal has %d", u, stored[u].Load(), a.Rev)
		}
	}
}

// TestStopInVain says so when the journal does not come to its end.
func TestStopInVain(t *testing.T) {
	j := newJournal(t)
	n := newNode(t, j)
	publish(t, n, "alice", "x")
	j.Hold()
	asking, hangUp := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Ask(asking, request("alice", newMessage("y"))) }()
	j.WaitQueued(1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := n.Stop(ctx); err == nil {
		t.Fatal("stopped, with a write under way")
	}
	select {
	case err := <-done:
		t.Fatalf("answered with a write under way: %v", err)
	default:
	}
	j.Release()
	hangUp()
	if err := <-done; err != nil && actors.AsError(err).Code != actors.Unavailable {
		t.Fatal(err)
	}
}

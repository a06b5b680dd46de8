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

// TestDrain ends connections a share at a time, and takes no new ones in.
func TestDrain(t *testing.T) {
	n := newNode(t, newJournal(t))
	var probes []*actorstest.Probe
	for i := range 100 {
		probes = append(probes, actorstest.Attach(t, n, fmt.Sprint("user", i)))
	}
	for _, p := range probes {
		p.Want(t, "counts rev=0 unread=0")
	}
	left := func() int {
		l := 0
		for _, p := range probes {
			if _, over := p.Ended(); !over {
				l++
			}
		}
		return l
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Drain(t.Context(), time.Second)
	}()
	steps := map[int]bool{}
	for over := false; !over; time.Sleep(5 * time.Millisecond) {
		select {
		case <-done:
			over = true
		default:
		}
		steps[left()] = true
	}
	if left() != 0 || len(steps) < 5 {
		t.Fatalf("%d are left, after %d steps", left(), len(steps))
	}
	for _, p := range probes {
		p.WantEnd(t, actors.EndDrain)
	}
	actorstest.Attach(t, n, "late").WantEnd(t, actors.EndDrain)
}

// TestDrainAtOnce ends all when there is no time.
func TestDrainAtOnce(t *testing.T) {
	n := newNode(t, newJournal(t))
	p, q := actorstest.Attach(t, n, "alice"), actorstest.Attach(t, n, "bob")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.Drain(ctx, time.Hour)
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

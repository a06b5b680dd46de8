package cluster_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// TestDoze lets connected users let go of their inbox all the time while they
// are written to, read, and joined by other connections: each connection sees
// everything once, and the counts stay exact.
func TestDoze(t *testing.T) {
	figures := prometheus.NewRegistry()
	n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Idle = 12 * time.Millisecond; c.Metrics = figures })
	const users, each = 10, 60
	probes := make([]*actorstest.Probe, users)
	for u := range probes {
		probes[u] = actorstest.Attach(t, n, fmt.Sprint("user", u))
		probes[u].Want(t, "counts rev=0 unread=0")
	}
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			for i := range each {
				if _, err := try(n, request(fmt.Sprint("user", u), newMessage("x"))); err != nil {
					t.Errorf("user %d: %v", u, err)
					return
				}
				switch i % 4 {
				case u % 4:
					time.Sleep(8 * time.Millisecond) // long enough to doze
				case 2:
					actorstest.Attach(t, n, fmt.Sprint("user", u)).Close()
				}
			}
		})
	}
	wg.Wait()
	for u, p := range probes {
		p.WaitRev(t, each)
		wantAll(t, n, p, fmt.Sprint("user", u), 0, each)
	}
	before := figure(t, figures, "reddot_actors_dozes_total")
	if before == 0 {
		t.Error("nobody has dozed: the test shows nothing")
	}
	wait(t, "all to doze", func() bool { return figure(t, figures, "reddot_actors_dozes_total") >= users })
	if a := ask(t, n, cmd("user0", &actors.Mark{To: actors.MarkRead})); a.Rev != each+1 {
		t.Errorf("rev %d after all was read, want %d", a.Rev, each+1)
	}
	for _, p := range probes {
		p.Close()
	}
	wait(t, "all to sleep", func() bool { return n.Awake() == 0 })
}

// figure returns the value of a counter.
func figure(t testing.TB, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestDozeAtOnce connects more users than may stay awake: each is greeted, lets
// go of its inbox, and has it again when something happens.
func TestDozeAtOnce(t *testing.T) {
	figures := prometheus.NewRegistry()
	n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Awake = 2; c.Metrics = figures })
	const users = 10
	probes := make([]*actorstest.Probe, users)
	for u := range probes {
		probes[u] = actorstest.Attach(t, n, fmt.Sprint("user", u))
		probes[u].Want(t, "counts rev=0 unread=0")
	}
	wait(t, "those too many to doze", func() bool { return figure(t, figures, "reddot_actors_dozes_total") >= users-2 })
	for u, p := range probes {
		publish(t, n, fmt.Sprint("user", u), "x")
		p.WaitRev(t, 1)
		wantAll(t, n, p, fmt.Sprint("user", u), 0, 1)
	}
}

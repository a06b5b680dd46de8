package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// A crowd publishes to users and watches them, on whichever nodes there are,
// while the nodes come and go.
type crowd struct {
	t         *testing.T
	mu        sync.Mutex
	live      []*cluster.Node
	published []atomic.Int64 // acknowledged, by user
	over      atomic.Bool
	seen      atomic.Bool // the last publish is acknowledged: watch until all is seen
	work      sync.WaitGroup
	slowest   atomic.Int64
	dead      map[*cluster.Node]chan struct{}
}

func crowdUser(u int) string { return fmt.Sprint("user", u) }

func (c *crowd) set(nodes []*cluster.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = append([]*cluster.Node(nil), nodes...)
}

func (c *crowd) any(rng *rand.Rand) *cluster.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live[rng.IntN(len(c.live))]
}

func newCrowd(t *testing.T, nodes []*cluster.Node, users, watchers int, seed uint64) *crowd {
	c := &crowd{t: t, published: make([]atomic.Int64, users)}
	c.set(nodes)
	for u := range users {
		c.work.Go(func() { c.publish(u, rand.New(rand.NewPCG(seed, uint64(u)))) })
		for i := range watchers {
			c.work.Go(func() { c.watch(u, rand.New(rand.NewPCG(seed, uint64(1000*(i+1)+u)))) })
		}
	}
	return c
}

// kill ends a node as SIGKILL would: whoever asks it gets no answer.
func (c *crowd) kill(n *cluster.Node) {
	n.Kill()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.killed(n))
}

// killed returns what is closed when the node was killed. The caller holds mu.
func (c *crowd) killed(n *cluster.Node) chan struct{} {
	if c.dead == nil {
		c.dead = make(map[*cluster.Node]chan struct{})
	}
	if c.dead[n] == nil {
		c.dead[n] = make(chan struct{})
	}
	return c.dead[n]
}

// ask asks a node; a node that lives has to answer in time.
func (c *crowd) ask(n *cluster.Node, r *actors.Request) error {
	ctx, cancel := context.WithTimeout(context.Background(), actorstest.Patience)
	defer cancel()
	c.mu.Lock()
	killed := c.killed(n)
	c.mu.Unlock()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-killed:
			cancel()
		case <-done:
		}
	}()
	err := n.Ask(ctx, r)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		c.t.Errorf("%s has never answered", n.Name())
	}
	return err
}

// publish publishes one message after the other; each until it is acknowledged.
func (c *crowd) publish(u int, rng *rand.Rand) {
	for !c.over.Load() {
		m := newMessage(fmt.Sprint(c.published[u].Load()))
		began := time.Now()
		for {
			err := c.ask(c.any(rng), request(crowdUser(u), m))
			if err == nil {
				break
			}
			if code := actors.AsError(err).Code; !code.Temporary() {
				c.t.Errorf("%s: %v", crowdUser(u), err)
				return
			}
			if time.Since(began) > time.Minute {
				c.t.Errorf("%s: no acknowledgement in a minute: %v", crowdUser(u), err)
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		c.slowest.Store(max(c.slowest.Load(), int64(time.Since(began))))
		c.published[u].Add(1)
		time.Sleep(time.Duration(rng.IntN(4)) * time.Millisecond)
	}
}

// watch follows a user from the beginning, over one connection after the
// other, and holds that it sees each change once and in order.
func (c *crowd) watch(u int, rng *rand.Rand) {
	var at actors.Cursor
	rev := uint64(0)
	for {
		p := actorstest.New(crowdUser(u), actorstest.After(at))
		p.Attach(c.any(rng))
		done := func() bool { return c.seen.Load() && rev == uint64(c.published[u].Load()) }
		read := 0
		quiet := time.Now()
		for !done() {
			events := p.Events()
			for _, e := range events[read:] {
				if e.Type == "reset" {
					c.t.Errorf("%s: a reset", crowdUser(u))
				}
				if e.Rev < rev || e.Rev == rev && e.Type == "message" && e.Cursor != at {
					c.t.Errorf("%s: rev %d behind %d: twice, or out of order", crowdUser(u), e.Rev, rev)
				}
				if e.Type == "message" {
					if seq := e.Content; seq != fmt.Sprint(rev) {
						c.t.Errorf("%s: sees message %s at %+v (rev %d), want %d, the last was at %+v: a gap, or twice; %d events of this connection: %v", crowdUser(u), seq, e.Cursor, e.Rev, rev, at, len(events), events[:min(len(events), 5)])
						p.Close()
						return
					}
					rev++
				}
				at = e.Cursor
			}
			if len(events) > read {
				quiet = time.Now()
			}
			read = len(events)
			if _, ended := p.Ended(); ended || c.t.Failed() {
				break
			}
			if c.seen.Load() && time.Since(quiet) > 15*time.Second {
				c.t.Errorf("%s: stands still at %d of %d", crowdUser(u), rev, c.published[u].Load())
				p.Close()
				return
			}
			time.Sleep(time.Millisecond)
		}
		p.Close()
		if done() || c.t.Failed() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// end stops the publishers, lets all be seen, and holds that every count is
// what was acknowledged.
func (c *crowd) end() {
	c.t.Helper()
	c.over.Store(true)
	c.mu.Lock()
	nodes := c.live
	c.mu.Unlock()
	for u := range c.published {
		n := int64(-1)
		wait(c.t, "the last acknowledgement", func() bool { // publishers end with an acknowledgement
			m := c.published[u].Load()
			same := m == n
			n = m
			time.Sleep(20 * time.Millisecond)
			return same
		})
	}
	c.seen.Store(true)
	c.work.Wait()
	total := int64(0)
	for u := range c.published {
		want := c.published[u].Load()
		total += want
		for _, n := range nodes {
			a := ask(c.t, n, cmd(crowdUser(u), &actors.Counts{}))
			if int64(a.Rev) != want || !strings.HasPrefix(string(a.Counts), fmt.Sprintf(`{"unread":%d,`, want)) {
				c.t.Errorf("%s by %s: rev %d, %s, want %d", crowdUser(u), n.Name(), a.Rev, a.Counts, want)
			}
		}
	}
	c.t.Logf("%d publishes acknowledged, the slowest after %v", total, time.Duration(c.slowest.Load()).Round(time.Millisecond))
}

// TestKilled kills one node of three, as by SIGKILL: its users answer again
// soon, and nothing is lost or doubled.
func TestKilled(t *testing.T) {
	w := newWorld(t, 3)
	c := newCrowd(t, w.nodes, 12, 3, 1)
	wait(t, "some work", func() bool { return c.published[0].Load() > 50 })
	victim := w.nodes[1]
	w.drop(victim)
	c.set(w.nodes)
	began := time.Now()
	c.kill(victim)
	w.settled()
	t.Logf("taken over after %v", time.Since(began).Round(time.Millisecond))
	wait(t, "more work", func() bool { return c.published[0].Load() > 200 })
	c.end()
}

// TestLeave lets nodes leave and join under load: no request fails.
func TestLeave(t *testing.T) {
	w := newWorld(t, 3)
	c := newCrowd(t, w.nodes, 12, 3, 2)
	wait(t, "some work", func() bool { return c.published[0].Load() > 50 })
	for range 2 {
		first := w.nodes[0]
		w.drop(first)
		c.set(w.nodes)
		if err := first.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		stop(t, first)
		w.settled()
		w.start()
		w.settled()
		c.set(w.nodes)
	}
	c.end()
	if slow := time.Duration(c.slowest.Load()); slow > 2*time.Second {
		t.Errorf("a publish took %v", slow)
	}
}

// TestCut cuts a node off: it acknowledges nothing and says why, the others
// take its users over; when it can be reached again it is told that it is out.
func TestCut(t *testing.T) {
	w := newWorld(t, 3)
	c := newCrowd(t, w.nodes, 12, 3, 3)
	wait(t, "some work", func() bool { return c.published[0].Load() > 50 })
	alone := w.nodes[0]
	w.drop(alone)
	c.set(w.nodes)
	began := time.Now()
	w.network.Cut([]*cluster.Node{alone}, w.nodes)
	w.settled()
	t.Logf("taken over after %v", time.Since(began).Round(time.Millisecond))
	wait(t, "the lone node to give up", func() bool { return alone.Ready() != nil })
	if _, err := try(alone, request("user1", newMessage("x"))); actors.AsError(err).Code != actors.Unavailable {
		t.Errorf("a node that is cut off answers %v", err)
	}
	t.Log(alone.Ready())
	w.network.Heal()
	select {
	case err := <-w.failed:
		if !strings.HasPrefix(err.Error(), alone.Name()+": fenced out") {
			t.Errorf("got %v, want that %s is fenced out", err, alone.Name())
		}
	case <-time.After(actorstest.Patience):
		t.Error("the node was not told that it is out")
	}
	stop(t, alone)
	c.end()
}

// TestStorm lets a cluster go through a random sequence of kills, cuts, leaves
// and joins under load. Nothing acknowledged is lost, nothing comes twice, and
// everybody sees all.
func TestStorm(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("STORM_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	steps := 4
	if testing.Short() {
		steps = 2
	}
	t.Logf("STORM_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, 3)
	c := newCrowd(t, w.nodes, 8, 3, seed)
	for range steps {
		victim := w.nodes[rng.IntN(len(w.nodes))]
		w.drop(victim)
		c.set(w.nodes)
		switch rng.IntN(3) {
		case 0:
			t.Log("kill", victim.Name())
			c.kill(victim)
		case 1:
			t.Log("leave", victim.Name())
			if err := victim.Leave(t.Context()); err != nil {
				t.Error(err)
			}
			stop(t, victim)
		case 2:
			t.Log("cut", victim.Name())
			w.network.Cut([]*cluster.Node{victim}, w.nodes)
			w.settled()
			w.network.Heal()
			select {
			case <-w.failed:
			case <-time.After(actorstest.Patience):
				t.Error("the node was not told that it is out")
			}
			stop(t, victim)
		}
		if rng.IntN(2) == 0 {
			w.settled()
		}
		t.Log("join")
		w.start()
		w.settled()
		c.set(w.nodes)
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond) // let them work
	}
	c.end()
}

package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/cluster"
)

// cappers publish to one user, each one message under its own key, by whichever nodes
// there are, until the answer is certain.
type cappers struct {
	crowd
	outcomes [5]atomic.Int64
}

func (c *cappers) publish(n int, to string, rng *rand.Rand) {
	m := newMessage(fmt.Sprint("m", n))
	m.Policy = &actors.Policy{Name: "promo", Version: 1, Body: []byte(`{"caps":[{"max":3,"per":"24h"}]}`)}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		r := request(to, m)
		r.Once = actors.CallersOnce("backend", strconv.Itoa(n))
		err := c.ask(c.any(rng), r)
		if err == nil {
			c.outcomes[r.Answer.Outcome].Add(1)
			r.Release()
			return
		}
		if code := actors.AsError(err).Code; !code.Temporary() || time.Since(began) > time.Minute {
			c.t.Errorf("publish %d: %v", n, err)
			return
		}
	}
}

// TestCapAcrossMoves: a cap of 3 in 24 hours lets exactly 3 of 1,000 through who publish by
// three nodes at once, while the user's node leaves, and the next one is killed.
func TestCapAcrossMoves(t *testing.T) {
	const senders, name = 1000, "alice"
	w := newWorld(t, 3)
	c := &cappers{crowd: crowd{t: t}}
	c.set(w.nodes)
	home := func() *cluster.Node {
		for _, n := range w.nodes {
			if n.Name() == w.nodes[0].Owner(actors.ShardOf(user(name))) {
				return n
			}
		}
		t.Fatal("nobody owns the user")
		return nil
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	gate := make(chan struct{}) // a sender for each token
	var work sync.WaitGroup
	for n := range senders {
		work.Go(func() {
			<-gate
			c.publish(n, name, rand.New(rand.NewPCG(seed, uint64(n))))
		})
	}
	let := func(n int) {
		for range n {
			gate <- struct{}{}
		}
	}
	let(senders / 4)
	for _, end := range []func(*cluster.Node){
		func(n *cluster.Node) {
			if err := n.Leave(t.Context()); err != nil {
				t.Error(err)
			}
			stop(t, n)
		},
		c.kill,
	} {
		n := home()
		w.drop(n)
		go let(senders / 4) // they meet the move
		end(n)
		c.set(w.nodes)
		w.settled()
		w.start()
		w.settled()
		c.set(w.nodes)
	}
	let(senders - 3*(senders/4))
	work.Wait()
	if d, f := c.outcomes[actors.Delivered].Load(), c.outcomes[actors.Filtered].Load(); d != 3 || f != senders-3 {
		t.Errorf("%d were delivered, %d filtered", d, f)
	}
	for _, n := range w.nodes {
		if a := ask(t, n, cmd(name, &actors.Counts{})); !strings.HasPrefix(string(a.Counts), `{"unread":3,`) {
			t.Errorf("%s counts %s", n.Name(), a.Counts)
		}
	}
}

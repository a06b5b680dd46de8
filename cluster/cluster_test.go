package cluster_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// A world is a cluster in one process, on one journal.
type world struct {
	t       testing.TB
	journal *actorstest.Journal
	network *cluster.Network
	nodes   []*cluster.Node
	failed  chan error
	started int
	told    func(string)
	store   cluster.Store // in place of the journal

	presence actors.PresenceEvents
}

var secret = bytes.Repeat([]byte{7}, 32)

// newWorld returns a running cluster of nodes a, b, c ….
func newWorld(t testing.TB, nodes int) *world {
	t.Helper()
	w := &world{t: t, journal: newJournal(t), network: cluster.NewNetwork(), failed: make(chan error, 10)}
	for range nodes {
		w.start()
	}
	if nodes > 0 {
		w.settled()
	}
	return w
}

// start starts one more node.
func (w *world) start(with ...func(*cluster.Node)) *cluster.Node {
	w.t.Helper()
	name := fmt.Sprintf("%c", 'a'+w.started)
	w.started++
	cfg := config(w.t)
	cfg.Name, cfg.Program = name, "test"
	// A watcher that was away for a while must still find all.
	cfg.Limits = actors.Limits{InboxLimits: actors.InboxLimits{Messages: 1 << 20, RetainEvents: 1 << 20, RetainBytes: 1 << 30, InboxBytes: 1 << 30}}
	if _, bench := w.t.(*testing.B); bench {
		cfg.Log, cfg.Limits = nil, actors.Limits{}
	}
	cfg.Failed = func(err error) { w.failed <- fmt.Errorf("%s: %w", name, err) }
	cfg.Changed, cfg.Presence = w.told, w.presence
	cfg.Limits.Connections = 10_000
	cfg.Cluster = &cluster.ClusterConfig{Bind: "127.0.0.1:0", Key: secret}
	for _, n := range w.nodes {
		cfg.Cluster.Join = append(cfg.Cluster.Join, n.GossipAddr())
	}
	var store cluster.Store = w.journal
	if w.store != nil {
		store = w.store
	}
	n, err := cluster.New(cfg, store)
	if err != nil {
		w.t.Fatal(err)
	}
	w.network.Join(n)
	for _, fn := range with {
		fn(n)
	}
	if err := n.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { stop(w.t, n) })
	w.nodes = append(w.nodes, n)
	return n
}

// drop takes a node out of the list: it is gone.
func (w *world) drop(n *cluster.Node) {
	w.nodes = slices.DeleteFunc(w.nodes, func(o *cluster.Node) bool { return o == n })
}

// settled waits until the nodes of the list own all shards, and agree on whose
// each is.
func (w *world) settled() {
	w.t.Helper()
	wait(w.t, "the nodes to agree", func() bool {
		all := 0
		for _, n := range w.nodes {
			all += n.Shards()
			if len(n.Peers()) != len(w.nodes)-1 {
				return false
			}
			for shard := range uint16(actors.Shards) {
				if n.Owner(shard) != w.nodes[0].Owner(shard) {
					return false
				}
			}
		}
		return all == actors.Shards
	})
}

// userOf returns the name of a user whom the node owns.
func (w *world) userOf(n *cluster.Node, from int) string {
	for i := from; ; i++ {
		if name := fmt.Sprint("user", i); n.Owner(actors.ShardOf(user(name))) == n.Name() {
			return name
		}
	}
}

// TestAnywhere publishes on one node to a user of another, whose connection is
// on the first, on his own, and on a third.
func TestAnywhere(t *testing.T) {
	w := newWorld(t, 3)
	a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
	bob := w.userOf(b, 0)
	probes := []*actorstest.Probe{actorstest.Attach(t, a, bob), actorstest.Attach(t, b, bob), actorstest.Attach(t, c, bob)}
	for _, p := range probes {
		p.Want(t, "counts rev=0 unread=0")
	}
	for i, n := range w.nodes {
		if got := publish(t, n, bob, fmt.Sprint(i)); got.Rev != uint64(i+1) || got.Outcome != actors.Delivered {
			t.Fatalf("%s answers %+v", n.Name(), got)
		}
	}
	for _, p := range probes {
		p.WaitRev(t, 3)
		wantAll(t, a, p, bob, 0, 3)
	}
	if a := ask(t, c, cmd(bob, &actors.Connections{})); bytes.Count(a.Body, []byte(`"transport"`)) != 3 {
		t.Fatalf("got %s, want three connections", a.Body)
	}
	ask(t, a, cmd(bob, &actors.Disconnect{Why: actors.EndDisconnected}))
	for _, p := range probes {
		p.WantEnd(t, actors.EndDisconnected)
	}
}

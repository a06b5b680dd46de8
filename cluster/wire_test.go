package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// TestRollingUpgrade runs a node that speaks the first wire version alone beside
// one of the present program, as during an upgrade: they speak the older one, and
// what the older program does not know it refuses with an error, and goes on. Two
// of the present program speak the newest.
func TestRollingUpgrade(t *testing.T) {
	w := newWorld(t, 0)
	older := w.start(func(n *cluster.Node) { n.SetVersions(1, 1) })
	newer, third := w.start(), w.start()
	w.settled()
	if a, b := older.Wire(newer.Name()), newer.Wire(older.Name()); a != 1 || b != 1 {
		t.Fatalf("they speak versions %d and %d, want 1", a, b)
	}
	if v := newer.Wire(third.Name()); v != cluster.WireMost || v < 2 {
		t.Fatalf("two of the present program speak version %d", v)
	}
	name := w.userOf(older, 0)
	p := actorstest.Attach(t, newer, name)
	p.Want(t, "counts rev=0 unread=0")
	publish(t, newer, name, "1")
	err := newer.AskUnknown(older.Name(), user(name))
	if e := actors.AsError(err); e.Code != actors.Unavailable || !strings.Contains(e.Detail, "older program") {
		t.Errorf("a command of the future: %v", err)
	}
	publish(t, older, name, "2")
	p.WaitRev(t, 2)
	wantAll(t, newer, p, name, 0, 2)
	if got := older.Wire(newer.Name()); got != 1 {
		t.Errorf("the link has gone")
	}
}

// TestTooNew does not link nodes that have no wire version in common.
func TestTooNew(t *testing.T) {
	w := newWorld(t, 1)
	log := &linesLog{}
	n := w.start(func(n *cluster.Node) { n.SetVersions(7, 9); n.SetLog(log.logger()) })
	wait(t, "a refusal", func() bool {
		return log.has(fmt.Sprintf("speaks the wire versions 1 to %d", cluster.WireMost)) || log.has("speaks the wire versions 7 to 9")
	})
	if n.Wire("a") != 0 {
		t.Error("they are linked")
	}
}

// TestOtherKey lets nobody in who does not know the cluster's secret.
func TestOtherKey(t *testing.T) {
	w := newWorld(t, 2)
	cfg := config(t)
	cfg.Name = "stranger"
	cfg.Cluster = &cluster.ClusterConfig{Bind: "127.0.0.1:0", Key: []byte("another secret of 32 bytes ......"[:32]), Join: []string{w.nodes[0].GossipAddr()}}
	n, err := cluster.New(cfg, w.journal)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stop(t, n)
	publish(t, w.nodes[0], "alice", "1")
	time.Sleep(time.Second) // it tries
	if n.Ready() == nil || n.Shards() != 0 {
		t.Errorf("the stranger is ready, with %d shards", n.Shards())
	}
	w.settled()
	publish(t, w.nodes[1], "alice", "2")
}

// TestClusterConfig refuses what can't be safe.
func TestClusterConfig(t *testing.T) {
	j := newJournal(t)
	for name, c := range map[string]cluster.ClusterConfig{
		"plain text for all": {Bind: "0.0.0.0:0"},
		"short key":          {Bind: "127.0.0.1:0", Key: []byte("x")},
		"no port":            {Bind: "127.0.0.1"},
		"long name":          {Bind: "127.0.0.1:0", Name: strings.Repeat("x", 65)},
	} {
		cfg := config(t)
		cfg.Cluster = &c
		if _, err := cluster.New(cfg, j); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestStoreGone lets the store vanish: nodes say so, keep their shards, and
// are ready again when it is back.
func TestStoreGone(t *testing.T) {
	w := newWorld(t, 2)
	w.journal.FailRecords(errors.New("no route to host"))
	for _, n := range w.nodes {
		wait(t, "a node that says so", func() bool { return n.Ready() != nil })
		if err := n.Ready(); !strings.Contains(err.Error(), "can't reach the store") {
			t.Errorf("%s: %v", n.Name(), err)
		}
	}
	w.journal.FailRecords(nil)
	for _, n := range w.nodes {
		wait(t, "a node that is ready", func() bool { return n.Ready() == nil })
	}
	w.settled()
	publish(t, w.nodes[0], "alice", "1")
}

// TestTwo kills one node of two: the other one, which is no majority, goes on,
// since the store tells it that nobody else lives.
func TestTwo(t *testing.T) {
	w := newWorld(t, 2)
	publish(t, w.nodes[0], "alice", "1")
	victim := w.nodes[0]
	w.drop(victim)
	victim.Kill()
	w.settled()
	if a := publish(t, w.nodes[0], "alice", "2"); a.Rev != 2 {
		t.Errorf("rev %d, want 2", a.Rev)
	}
}

// TestTwoCut cuts two nodes off from each other: one of them goes on.
func TestTwoCut(t *testing.T) {
	w := newWorld(t, 2)
	w.network.Cut(w.nodes[:1], w.nodes[1:])
	var goesOn, ends *cluster.Node
	wait(t, "one to go on, and one to stop", func() bool {
		for i, n := range w.nodes {
			if n.Shards() == actors.Shards && w.nodes[1-i].Ready() != nil {
				goesOn, ends = n, w.nodes[1-i]
			}
		}
		return goesOn != nil
	})
	if _, err := try(ends, request("alice", newMessage("x"))); actors.AsError(err).Code != actors.Unavailable {
		t.Errorf("the other one answers %v", err)
	}
	publish(t, goesOn, "alice", "1")
	w.network.Heal()
	if err := <-w.failed; !strings.HasPrefix(err.Error(), ends.Name()+": fenced out") {
		t.Errorf("got %v, want that %s is fenced out", err, ends.Name())
	}
}

// TestThaw lets a node that stood still take its shards again.
func TestThaw(t *testing.T) {
	w := newWorld(t, 2)
	n := w.nodes[0]
	name := w.userOf(n, 0)
	p := actorstest.Attach(t, w.nodes[1], name)
	p.Want(t, "counts rev=0 unread=0")
	publish(t, n, name, "1")
	n.Thaw()
	publish(t, w.nodes[1], name, "2")
	p.WaitRev(t, 2)
	wantAll(t, n, p, name, 0, 2)
	w.settled()
}

// TestTell tells the other nodes, and asks them.
func TestTell(t *testing.T) {
	w := newWorld(t, 0)
	var told atomic.Int64
	w.told = func(what string) {
		if what == "credentials" {
			told.Add(1)
		}
	}
	for range 3 {
		w.start()
	}
	w.settled()
	w.nodes[0].NotifyChanged("credentials")
	wait(t, "two nodes to be told", func() bool { return told.Load() == 2 })
	actorstest.Attach(t, w.nodes[1], "alice").Want(t, "counts rev=0 unread=0")
	actorstest.Attach(t, w.nodes[2], "bob").Want(t, "counts rev=0 unread=0")
	if keys := w.nodes[0].Connected(t.Context(), actors.DefaultApp); len(keys) != 2 {
		t.Errorf("%v are connected, want alice and bob", keys)
	}
	s := w.nodes[0].Status(t.Context())
	shards, conns := 0, 0
	owned := map[int]bool{}
	for _, m := range s.Members {
		shards += m.Shards
		for _, set := range m.Owned {
			next := 0
			for text := range strings.SplitSeq(set.Shards, ",") {
				first, last := -1, -1
				if n, _ := fmt.Sscanf(text, "%d-%d", &first, &last); n == 1 {
					last = first
				}
				if first < next || last < first {
					t.Errorf("%q in %s", text, set.Shards)
				}
				for next = last + 2; first <= last; first++ { // or else the two are one range
					owned[first] = true
				}
			}
		}
		conns += m.Connections
		if m.State != "ready" || len(m.Links) != 2 || !m.Links[0].Up {
			t.Errorf("%+v", m)
		}
	}
	if len(owned) != actors.Shards {
		t.Errorf("the ranges name %d shards", len(owned))
	}
	if len(s.Members) != 3 || shards != actors.Shards || conns != 2 {
		t.Errorf("%d members own %d shards and hold %d connections", len(s.Members), shards, conns)
	}
}

// TestHotUser has one user with very many connections on all nodes: each is
// told once, and a push crosses once a gateway.
func TestHotUser(t *testing.T) {
	w := newWorld(t, 3)
	const each, messages = 300, 20
	var probes []*actorstest.Probe
	for i := range 3 * each {
		probes = append(probes, actorstest.Attach(t, w.nodes[i%3], "hot"))
	}
	for _, p := range probes {
		p.Want(t, "counts rev=0 unread=0")
	}
	for i := range messages {
		publish(t, w.nodes[i%3], "hot", fmt.Sprint(i))
	}
	for _, p := range probes {
		p.WaitRev(t, messages)
	}
	wantAll(t, w.nodes[0], probes[1], "hot", 0, messages)
}

// FuzzLink gives a node anything that a peer might send.
func FuzzLink(f *testing.F) {
	for kind := range int32(22) {
		f.Add(kind, []byte{})
		f.Add(kind, []byte{8, 1})
		f.Add(kind, append([]byte{10, 8}, "ua/alice"...))
	}
	f.Fuzz(func(t *testing.T, kind int32, body []byte) {
		n := newNode(t, newJournal(t), func(c *cluster.Config) { c.Log = nil })
		take := n.FakeLink()
		_ = take(kind, body)
		_ = take(kind, body)
	})
}

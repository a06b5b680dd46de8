package cluster_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/cluster"
)

// startWith starts a further node with another configuration, beside a world; it
// need not come to own anything.
func (w *world) startWith(name string, with func(*cluster.Config), then ...func(*cluster.Node)) (*cluster.Node, *linesLog) {
	w.t.Helper()
	log := &linesLog{}
	cfg := config(w.t)
	cfg.Name, cfg.Log = name, log.logger()
	cfg.Cluster = &cluster.ClusterConfig{Bind: "127.0.0.1:0", Key: secret}
	for _, n := range w.nodes {
		cfg.Cluster.Join = append(cfg.Cluster.Join, n.GossipAddr())
	}
	with(&cfg)
	n, err := cluster.New(cfg, w.journal)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, fn := range then {
		fn(n)
	}
	if err := n.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { stop(w.t, n) })
	return n, log
}

// setting lets all nodes of a world have a setting that must be alike.
func setting(name, value string) func() []cluster.Setting {
	return func() []cluster.Setting {
		return []cluster.Setting{{Name: name, Value: value, Alike: true}, {Name: "origins", Value: value}}
	}
}

// TestUnlike starts nodes that can't be of one cluster with those that run: each
// owns nothing, and says which setting differs from whose. Those that run go on, and
// say the same.
func TestUnlike(t *testing.T) {
	w := newWorld(t, 0)
	said := &linesLog{}
	w.start(func(n *cluster.Node) {
		n.SetSettings(setting("inbox.messages", "13"))
		n.SetLog(said.logger())
	})
	w.settled()
	was := w.epochs()
	for i, c := range []struct {
		name, want string
		with       func(*cluster.Config)
		here       string // what the node that runs says
	}{
		{"another cluster name", `cluster.name is "blue" here and "reddot" on a, which uses the same database`, func(c *cluster.Config) { c.Cluster.Name = "blue" },
			`cluster.name is \"reddot\" here and \"blue\" on x0`},
		{"another key", "cluster.key is another one here than on a, which uses the same database", func(c *cluster.Config) {
			c.Cluster.Key = []byte("another secret of 32 bytes ......"[:32])
		}, "cluster.key is another one here than on x1"},
		{"another limit", "inbox.messages is 5 here and 13 there", func(c *cluster.Config) { c.Cluster.Settings = setting("inbox.messages", "5") },
			"inbox.messages is 13 here and 5 there"},
		{"a wrong address of links", "look at cluster.advertise_peers", func(c *cluster.Config) {
			c.Cluster.AdvertisePeers, c.Cluster.Settings = "127.0.0.1:9", setting("inbox.messages", "13")
		}, "127.0.0.1:9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, _ := w.startWith(fmt.Sprint("x", i), c.with)
			defer stop(t, n)
			wait(t, "it to say why", func() bool {
				err := n.Ready()
				return err != nil && strings.Contains(err.Error(), c.want) && strings.Contains(actors.AsError(err).Detail, c.want)
			})
			wait(t, "the other one to say it, too", func() bool { return said.has(c.here) })
			if n.Shards() != 0 {
				t.Errorf("it owns %d shards", n.Shards())
			}
		})
	}
	if now := w.epochs(); fmt.Sprint(now) != fmt.Sprint(was) || w.nodes[0].Ready() != nil {
		t.Errorf("shards moved: %v", w.nodes[0].Ready())
	}
	publish(t, w.nodes[0], "alice", "1")
	w.wantNoFailure()
}

// TestWrongGossipAddress lets a node give an address for gossip at which it is not:
// its links hold, so it takes part; both say that gossip fails, and what to look at.
func TestWrongGossipAddress(t *testing.T) {
	w := newWorld(t, 0)
	said := &linesLog{}
	w.start(func(n *cluster.Node) { n.SetLog(said.logger()) })
	w.settled()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	links := ln.Addr().String()
	_ = ln.Close()
	_, log := w.startWith("lost", func(c *cluster.Config) {
		c.Cluster.Advertise, c.Cluster.Join = "127.0.0.99:9", nil
		c.Cluster.Peers, c.Cluster.AdvertisePeers = links, links
	})
	for _, l := range []*linesLog{said, log} {
		wait(t, "both to say so", func() bool {
			return l.has("gossip between two servers fails") && l.has("look at cluster.advertise") && l.has("127.0.0.99")
		})
	}
	w.wantNoFailure()
}

// TestOtherSettings lets nodes differ in what harms nobody: they are together,
// and say so.
func TestOtherSettings(t *testing.T) {
	w := newWorld(t, 0)
	w.start(func(n *cluster.Node) {
		n.SetSettings(func() []cluster.Setting { return []cluster.Setting{{Name: "origins", Value: "a"}} })
	})
	n, log := w.startWith("other", func(c *cluster.Config) {
		c.Cluster.Settings = func() []cluster.Setting {
			return []cluster.Setting{{Name: "origins", Value: "b"}, {Name: "inbox.colour", Value: "of a newer program", Alike: true}}
		}
	})
	w.nodes = append(w.nodes, n)
	w.settled()
	if !log.has("settings differ between servers") || !log.has("settings=origins") {
		t.Error("nobody says that they differ")
	}
}

// TestClocksApart lets the clock of a node be five minutes ahead: both say so, and
// name the other.
func TestClocksApart(t *testing.T) {
	w := newWorld(t, 0)
	said := &linesLog{}
	w.start(func(n *cluster.Node) { n.SetLog(said.logger()) })
	n, log := w.startWith("fast", func(c *cluster.Config) {
		c.Now = func() int64 { return time.Now().Add(5 * time.Minute).UnixMilli() }
	})
	w.nodes = append(w.nodes, n)
	w.settled()
	wait(t, "both to say so", func() bool {
		return said.has("node=fast by=5m0s where=ahead") && log.has("node=a by=5m0s where=behind")
	})
}

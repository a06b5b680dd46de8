package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// broadcast publishes a message to all users of the app.
func broadcast(t *testing.T, n *cluster.Node, title string) actors.ID {
	t.Helper()
	return broadcastTo(t, n, &actors.Audience{All: true}, title)
}

func broadcastTo(t *testing.T, n *cluster.Node, to *actors.Audience, title string) actors.ID {
	t.Helper()
	m := newMessage(title)
	m.Shared = true
	r := actors.NewRequest(actors.LogKey(actors.DefaultApp), &actors.Broadcast{Message: m, Audience: to})
	r.Once = actors.EdgeOnce(actors.ID(m.Id))
	return ask(t, n, r).ID
}

// TestBroadcastEverywhere broadcasts by each node of a cluster, to users of all nodes, with
// connections on others: when it is answered every user's count has it, wherever it is asked,
// and so it has after nodes came and went.
func TestBroadcastEverywhere(t *testing.T) {
	w := newWorld(t, 3)
	w.settled()
	var users []string
	var probes []*actorstest.Probe
	for i := range 12 {
		name := fmt.Sprint("user", i)
		users = append(users, name)
		publish(t, w.nodes[i%3], name, "hello")
		p := actorstest.Attach(t, w.nodes[(i+1)%3], name)
		p.Want(t, "counts rev=1 unread=1")
		probes = append(probes, p)
	}
	counted := func(rev uint64) {
		t.Helper()
		for i, name := range users {
			for _, n := range w.nodes {
				if a := ask(t, n, cmd(name, &actors.Counts{})); a.Rev != rev {
					t.Fatalf("%s is at rev %d, want %d: %s", name, a.Rev, rev, a.Counts)
				}
			}
			probes[i].WaitRev(t, rev)
		}
	}
	all := []*actors.Audience{{All: true}, {Segment: &actors.Segment{Name: "known", Version: 1, Where: "'known' in tags && attributes.at <= now"}}, {List: "known"}}
	for i, name := range users {
		p := &actors.Profile{Tags: []string{"known"}, Attributes: []*actors.Attribute{{Name: "at", Value: &actors.Attribute_Time{Time: 1}}}}
		ask(t, w.nodes[i%3], cmd(name, &actors.SetProfile{Profile: p}))
		ask(t, w.nodes[i%3], cmd(name, &actors.JoinList{List: "known"}))
	}
	for i, n := range w.nodes {
		broadcastTo(t, n, all[i], fmt.Sprint("from ", i))
		counted(uint64(i) + 2)
	}
	broadcastTo(t, w.nodes[1], &actors.Audience{Segment: &actors.Segment{Name: "known", Version: 2, Where: "'known' not in tags"}}, "for nobody")
	counted(4)
	fourth := w.start()
	w.settled()
	counted(4)
	id := broadcast(t, fourth, "from the fourth")
	counted(5)
	gone := w.nodes[0]
	w.drop(gone)
	stop(t, gone)
	w.settled()
	for i := range users { // connections of the node that has gone
		if _, ended := probes[i].Ended(); ended {
			probes[i] = actorstest.Attach(t, fourth, users[i], actorstest.After(probes[i].Last().Cursor))
			broadcastsSeen(t, probes[i])
		}
	}
	r := actors.NewRequest(actors.LogKey(actors.DefaultApp), &actors.Retract{ID: id})
	ask(t, fourth, r)
	counted(6)
}

// broadcastsSeen holds that a connection which resumes at the head is told nothing again.
func broadcastsSeen(t *testing.T, p *actorstest.Probe) {
	t.Helper()
	if es := p.Events(); slices.ContainsFunc(es, func(e actorstest.Event) bool { return e.Type == "message" }) {
		t.Fatalf("told again: %v", es)
	}
}

// TestNewcomersEverywhere: a message for those who join later reaches them on whichever node they
// are, wherever it was published, and also once their nodes have changed.
func TestNewcomersEverywhere(t *testing.T) {
	w := newWorld(t, 2)
	w.settled()
	broadcastTo(t, w.nodes[0], &actors.Audience{All: true}, "for those of then")
	broadcastTo(t, w.nodes[0], &actors.Audience{All: true, Newcomers: true}, "welcome")
	broadcastTo(t, w.nodes[1], &actors.Audience{Segment: &actors.Segment{Name: "known", Version: 1, Where: "'known' in tags"}, Newcomers: true}, "for the known")
	want := map[string]int{}
	for i := range 8 {
		looked, connected, known := fmt.Sprint("looked", i), fmt.Sprint("connected", i), fmt.Sprint("known", i)
		want[looked], want[connected], want[known] = 1, 1, 2
		actorstest.Attach(t, w.nodes[i%2], connected).WaitRev(t, 1)
		ask(t, w.nodes[i%2], cmd(known, &actors.SetProfile{Profile: &actors.Profile{Tags: []string{"known"}}}))
	}
	counted := func() {
		t.Helper()
		for user, unread := range want {
			for _, n := range w.nodes {
				if a := ask(t, n, cmd(user, &actors.Counts{})); !strings.Contains(string(a.Counts), fmt.Sprintf(`"unread":%d,`, unread)) {
					t.Errorf("%s has %s, want %d unread", user, a.Counts, unread)
				}
			}
		}
	}
	counted()
	w.start()
	w.settled()
	counted()
}

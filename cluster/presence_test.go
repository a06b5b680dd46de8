package cluster_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/topic"
	"reddot/cluster"
)

// presenceOf is what is told of a user's presence.
type presenceOf struct {
	Online, Visible bool
	Transports      []string
	LastSeen        time.Time `json:"last_seen"`
}

func presence(t *testing.T, n *cluster.Node, name string) (p presenceOf) {
	t.Helper()
	if err := json.Unmarshal(ask(t, n, cmd(name, &actors.Presence{})).Body, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPresence asks for users who were never here, are here, doze, have just
// gone, sleep, and were here before a restart. Nobody is woken or read for it.
func TestPresence(t *testing.T) {
	figures, clock, j := prometheus.NewRegistry(), actorstest.NewClock(), newJournal(t)
	with := func(c *cluster.Config) { c.Idle, c.Now, c.Metrics = 24*time.Millisecond, clock.Now, figures }
	n := newNode(t, j, with)
	loads := func() float64 { return figure(t, figures, "reddot_actors_loads_total") }
	want := func(online bool, seen int64) {
		t.Helper()
		before := loads()
		p := presence(t, n, "alice")
		if p.Online != online || p.Visible != online || seen != 0 && p.LastSeen.UnixMilli() != seen || seen == 0 && !p.LastSeen.IsZero() {
			t.Errorf("got %+v, want online %v, seen at %d", p, online, seen)
		}
		if now := loads(); now != before {
			t.Errorf("the inbox was read %v times", now-before)
		}
	}
	want(false, 0)
	if n.Awake() != 0 || j.Writes() != 0 {
		t.Errorf("to ask for a stranger woke %d actors, and wrote %d times", n.Awake(), j.Writes())
	}
	p := actorstest.Attach(t, n, "alice")
	p.Want(t, "counts rev=0 unread=0")
	want(true, clock.Now())
	wait(t, "alice to doze", func() bool { return figure(t, figures, "reddot_actors_dozes_total") > 0 })
	clock.Advance(time.Hour)
	want(true, clock.Now())
	writes := j.Writes()
	p.Close()
	gone := clock.Now()
	wait(t, "alice to have gone", func() bool { return !presence(t, n, "alice").Online })
	clock.Advance(time.Minute)
	want(false, gone)
	wait(t, "alice to sleep", func() bool { return n.Awake() == 0 })
	if got := j.Writes() - writes; got != 1 {
		t.Errorf("that alice was there was written %d times, want once", got)
	}
	want(false, gone)
	if n.Awake() != 0 {
		t.Error("asking woke alice")
	}
	publish(t, n, "alice", "x") // awake again, without a connection
	before := loads()
	if p := presence(t, n, "alice"); p.Online || p.LastSeen.UnixMilli() != gone || loads() != before {
		t.Errorf("awake: got %+v", p)
	}
	stop(t, n)
	figures = prometheus.NewRegistry()
	n = newNode(t, j, with)
	want(false, gone)
}

// TestPresenceAtStop: who leaves just before an orderly stop was seen then.
func TestPresenceAtStop(t *testing.T) {
	clock, j := actorstest.NewClock(), newJournal(t)
	with := func(c *cluster.Config) { c.Now = clock.Now }
	n := newNode(t, j, with)
	for i := range 20 {
		p := actorstest.Attach(t, n, fmt.Sprint("user", i))
		p.Want(t, "counts rev=0 unread=0")
		if i%2 == 0 {
			p.Close()
		}
	}
	clock.Advance(time.Second) // the others are sent away
	stop(t, n)
	n = newNode(t, j, with)
	for i := range 20 {
		p := presence(t, n, fmt.Sprint("user", i))
		if ago := clock.Now() - p.LastSeen.UnixMilli(); p.Online || ago < 0 || ago > 1000 {
			t.Errorf("user%d: got %+v", i, p)
		}
	}
}

// TestPresenceAfterCrash: at least what was delivered last tells when a user was seen.
func TestPresenceAfterCrash(t *testing.T) {
	clock, j := actorstest.NewClock(), newJournal(t)
	n := actorstest.NewNode(t, j, clock, actors.Limits{})
	p := actorstest.Attach(t, n, "alice")
	publish := actors.NewRequest(user("alice"), &actors.Publish{Message: newMessage("x")})
	if err := n.Ask(t.Context(), publish); err != nil {
		t.Fatal(err)
	}
	p.WaitRev(t, 1)
	clock.Advance(time.Second)
	gone := clock.Now()
	p.Close() // the mark is written
	wait(t, "the mark to be written", func() bool { return j.Writes() == 2 })
	j.Flush()
	n.Stop()
	clock.Advance(time.Hour)
	n = actorstest.NewNode(t, j, clock, actors.Limits{})
	defer n.Stop()
	r := actors.NewRequest(user("alice"), &actors.Presence{})
	if err := n.Ask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"online":false,"visible":false,"transports":[],"last_seen":%s}`, actors.AppendTime(nil, gone))
	if string(r.Answer.Body) != want {
		t.Errorf("got %s, want %s", r.Answer.Body, want)
	}
}

// presences is a session that is told who is online.
type presences struct {
	mu   sync.Mutex
	told map[string][]bool
}

// Deliver implements topic.Subscriber.
func (p *presences) Deliver(push *topic.Push, _ []*topic.Subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range push.Messages {
		var e struct{ Online bool }
		if err := json.Unmarshal(m.Payload, &e); err != nil {
			panic(err) // ours
		}
		p.told[m.Topic] = append(p.told[m.Topic], e.Online)
	}
}

// Is implements topic.Subscriber.
func (*presences) Is(string, string) bool { return false }

func (p *presences) want(t *testing.T, name string, want ...bool) {
	t.Helper()
	of := func() []bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.Clone(p.told["$presence/"+name])
	}
	wait(t, fmt.Sprint(name, " to be told as ", want), func() bool { return len(of()) >= len(want) })
	if got := of(); !slices.Equal(got, want) {
		t.Errorf("%s: told %v, want %v", name, got, want)
	}
}

// TestPresenceEvents tells on one node who comes and goes on another, while a third
// owns the user; of those whose nodes die, too. Who is connected to a node that lives
// stays online.
func TestPresenceEvents(t *testing.T) {
	w := newWorld(t, 0)
	w.presence = actors.PresenceEvents{Events: true, OfflineAfter: 500 * time.Millisecond}
	for range 3 {
		w.start(func(n *cluster.Node) { n.SetGrace(2 * time.Second) })
	}
	w.settled()
	a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
	heard := &presences{told: map[string][]bool{}}
	c.Topics().Subscribe(actors.DefaultApp, &topic.Subscription{Filter: "$presence/#", Subscriber: heard}, "", "")
	known := make(chan struct{})
	c.Topics().Announce(func() { close(known) })
	<-known

	attach := func(n *cluster.Node, name string) *actorstest.Probe {
		p := actorstest.Attach(t, n, name)
		p.Want(t, "counts rev=0 unread=0")
		return p
	}
	bob := w.userOf(b, 0)
	p := attach(a, bob)
	heard.want(t, bob, true)
	p.SetVisible(false)
	heard.want(t, bob, true, true) // and unseen
	p.Close()
	heard.want(t, bob, true, true, false)

	bob = w.userOf(b, 100) // his connection's node dies
	attach(a, bob)
	alice := w.userOf(a, 200) // so do both of hers
	attach(a, alice)
	amy := w.userOf(a, 300) // and the one that owns her
	p = attach(b, amy)
	for _, name := range []string{bob, alice, amy} {
		heard.want(t, name, true)
	}
	w.drop(a)
	a.Kill()
	w.settled()
	heard.want(t, bob, true, false)
	heard.want(t, alice, true, false)
	p.Close()
	heard.want(t, amy, true, false)
}

// TestPresenceEventsAfterRestart: who was online when the only node ended, and has not
// come back, is told to be offline by the next.
func TestPresenceEventsAfterRestart(t *testing.T) {
	j := newJournal(t)
	with := func(c *cluster.Config) {
		c.Presence = actors.PresenceEvents{Events: true, OfflineAfter: 500 * time.Millisecond}
	}
	n := newNode(t, j, with)
	for i := range 20 {
		actorstest.Attach(t, n, fmt.Sprint("user", i)).Want(t, "counts rev=0 unread=0")
	}
	online := func() int {
		list, err := j.ListRecords(t.Context(), actors.OnlineKind, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	wait(t, "all to be told", func() bool { return online() == 20 })
	stop(t, n)
	if got := online(); got != 20 {
		t.Errorf("%d are marked to be online after the stop", got)
	}
	cfg := config(t)
	with(&cfg)
	n, err := cluster.New(cfg, j)
	if err != nil {
		t.Fatal(err)
	}
	n.SetGrace(time.Second)
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	p := actorstest.Attach(t, n, "user7")
	p.Want(t, "counts rev=0 unread=0")
	wait(t, "all others to be told", func() bool { return online() == 1 })
}

package cluster_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/actorstest"
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

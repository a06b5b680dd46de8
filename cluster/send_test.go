package cluster_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

func startSend(t *testing.T, n *cluster.Node, m *actors.Message, users []string) actors.Key {
	t.Helper()
	key := actors.SendKey(actors.DefaultApp, actors.ID(m.Id))
	r := actors.NewRequest(key, &actors.StartSend{Message: m, Users: users})
	r.Once = actors.EdgeOnce(actors.ID(m.Id))
	if a := ask(t, n, r); a.ID != actors.ID(m.Id) {
		t.Fatalf("the send is answered with %v", a.ID)
	}
	return key
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("user", i)
	}
	return out
}

// found waits until what the send says of itself has a part.
func found(t *testing.T, n *cluster.Node, key actors.Key, m *actors.Message, want string) {
	t.Helper()
	var got string
	defer func() {
		if t.Failed() {
			t.Logf("the send says %s", got)
		}
	}()
	wait(t, want, func() bool {
		got = string(ask(t, n, actors.NewRequest(key, &actors.Find{ID: actors.ID(m.Id)})).Body)
		return strings.Contains(got, want)
	})
}

// flaky is a store that is full for some users now and then.
type flaky struct {
	*actorstest.Journal
	calls atomic.Int64
	on    atomic.Bool
}

func (f *flaky) Append(w *actors.Write) error {
	if f.on.Load() && w.Stream.Key.Kind() == actors.KindUser && f.calls.Add(1)%3 == 0 {
		return actors.Errorf(actors.Busy, "full")
	}
	return f.Journal.Append(w)
}

// TestSend delivers to 1,000 users, some of whom are busy, across a crash:
// everyone has it exactly once.
func TestSend(t *testing.T) {
	clock := actorstest.NewClock()
	j := &flaky{Journal: newJournal(t)}
	j.on.Store(true)
	with := func(c *cluster.Config) { c.Now = clock.Now }
	n := newNode(t, j, with)
	p := actorstest.Attach(t, n, "user7")
	m, users := newMessage("hello"), names(1000)
	key := startSend(t, n, m, users)
	wait(t, "some to have it", func() bool { f, _ := j.Tallies(t.Context(), actors.ID(m.Id)); return f[actors.TallyAccepted] > 100 })
	// It crashes: what was not journaled is forgotten.
	j.Fail(fmt.Errorf("power is out"))
	stop(t, n)
	p.WantEnd(t, actors.EndDrain)

	n = newNode(t, j, with)
	for range 20 { // rounds of those who were busy
		clock.Advance(time.Minute)
		time.Sleep(20 * time.Millisecond)
	}
	j.on.Store(false)
	clock.Advance(time.Minute)
	found(t, n, key, m, `"state":"delivered","recipients":1000,"funnel":{"accepted":1000,`)
	for _, name := range users {
		if a := ask(t, n, cmd(name, &actors.Counts{})); a.Rev != 1 {
			t.Fatalf("%s: %s", name, a.Counts)
		}
	}
}

// TestSendEditRetract edits a send and takes it back: every user follows.
func TestSendEditRetract(t *testing.T) {
	clock := actorstest.NewClock()
	j := newJournal(t)
	n := newNode(t, j, func(c *cluster.Config) { c.Now = clock.Now; c.Limits.RetainEvents = 2 })
	p := actorstest.Attach(t, n, "user3")
	p.Want(t, "counts rev=0 unread=0")
	m := newMessage("hello")
	key := startSend(t, n, m, names(100))
	found(t, n, key, m, `"state":"delivered"`)
	p.Want(t, "message rev=1 unread=1")
	ask(t, n, cmd("user3", &actors.Mark{To: actors.MarkRead}))
	p.Want(t, "state read rev=2 unread=0")
	found(t, n, key, m, `"accepted":100,"delivered":0,"seen":1,"read":1`)

	ask(t, n, actors.NewRequest(key, &actors.Edit{ID: actors.ID(m.Id), Patch: []byte(`{"title":"new"}`)}))
	p.Want(t, "update rev=3 unread=0")
	found(t, n, key, m, `"title":"new"`)
	found(t, n, key, m, `"state":"delivered"`)
	ask(t, n, actors.NewRequest(key, &actors.Retract{ID: actors.ID(m.Id)}))
	p.Want(t, "retract rev=4 unread=0")
	found(t, n, key, m, `"state":"retracted"`)
	if _, err := try(n, actors.NewRequest(key, &actors.Retract{ID: actors.ID(m.Id)})); actors.AsError(err).Code != actors.NotFound {
		t.Fatalf("retracted twice: %v", err)
	}
	// A user's snapshot does not disown what the send answers for.
	for range 20 {
		publish(t, n, "user3", strings.Repeat("x", 500))
	}
	if owner, err := j.Owner(t.Context(), actors.ID(m.Id)); owner != key {
		t.Fatalf("%q answers for the message, want the send: %v", owner, err)
	}
	// When no inbox can hold it any more, it is forgotten.
	clock.Advance(31 * 24 * time.Hour)
	wait(t, "the end", func() bool { return j.Stored(key) == 0 })
}

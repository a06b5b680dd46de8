package user_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// watched is a node on which somebody is told who is online, and waits end when the
// test says so.
type watched struct {
	t     *testing.T
	j     *actorstest.Journal
	node  *actorstest.Node
	clock *actorstest.Clock
	key   actors.Key

	mu    sync.Mutex
	told  []string
	since []time.Time
	revs  []int64
	waits []func()
}

// offlineAfter is longer than a test lasts: it is not slept through.
const offlineAfter = time.Hour

func newWatched(t *testing.T, on bool) *watched {
	w := &watched{t: t, j: actorstest.NewJournal(), clock: actorstest.NewClock(), key: actors.UserKey(actors.DefaultApp, "alice")}
	t.Cleanup(w.j.Close)
	w.start(on)
	return w
}

func (w *watched) start(on bool) {
	w.waits = nil
	w.node = actorstest.NewNode(w.t, w.j, w.clock, actors.Limits{}, func(n *actorstest.Node) {
		n.Home.Presence = actors.PresenceEvents{Events: on, OfflineAfter: offlineAfter}
		n.Home.Delay = func(d time.Duration, fn func()) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.waits = append(w.waits, fn)
		}
		n.Subscribe("$presence/+", w.hear)
		n.Subscribe("#", func(m *actors.TopicMessage) { w.t.Errorf("by # came %s", m.Topic) })
	})
	w.t.Cleanup(w.node.Stop)
}

func (w *watched) hear(m *actors.TopicMessage) {
	var e struct {
		Online, Visible *bool
		Transports      []string
		Since           time.Time
		Rev             int64
	}
	if err := json.Unmarshal(m.Payload, &e); err != nil || e.Online == nil || e.Visible == nil || e.Transports == nil || *e.Visible && !*e.Online {
		w.t.Errorf("%s: %v", m.Payload, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	told := fmt.Sprint(m.Topic, " ", *e.Online)
	if *e.Online && !*e.Visible {
		told += ", unseen"
	}
	w.told = append(w.told, told)
	w.since, w.revs = append(w.since, e.Since), append(w.revs, e.Rev)
	if n := len(w.revs); n > 1 && w.revs[n-1] <= w.revs[n-2] {
		w.t.Errorf("the revs do not rise: %v", w.revs)
	}
}

// want holds when exactly that was told so far, and nothing is under way.
func (w *watched) want(want ...any) {
	w.t.Helper()
	list := []string{}
	for _, on := range want {
		list = append(list, fmt.Sprint("$presence/alice ", on))
	}
	w.eventually(fmt.Sprint(list), func() bool { return len(w.told) >= len(list) })
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.told, list) {
		w.t.Fatalf("told %v, want %v", w.told, list)
	}
}

func (w *watched) eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(actorstest.Patience); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		done, told := ok(), fmt.Sprint(w.told)
		w.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain for %s; told %s", what, told)
		}
	}
}

// settle lets the user take in what was sent, and the store what was written.
func (w *watched) settle() {
	w.t.Helper()
	for range 2 {
		r := actors.NewRequest(w.key, &actors.Counts{})
		if err := w.node.Ask(w.t.Context(), r); err != nil {
			w.t.Fatal(err)
		}
		w.j.Flush()
	}
}

// gone waits until the user knows that no connection is left.
func (w *watched) gone() {
	w.t.Helper()
	w.eventually("a wait", func() bool { return len(w.waits) > 0 })
}

// over ends all waits.
func (w *watched) over() {
	w.mu.Lock()
	waits := w.waits
	w.waits = nil
	w.mu.Unlock()
	for _, fn := range waits {
		fn()
	}
}

func (w *watched) attach() *actorstest.Probe {
	p := actorstest.Attach(w.t, w.node, "alice")
	p.Want(w.t, "counts rev=0 unread=0")
	return p
}

// TestPresenceEvents tells once that a user has come, and once that the user has gone:
// not while another connection is left, nor of one that is back in time, nor when the
// user would go to sleep.
func TestPresenceEvents(t *testing.T) {
	w := newWatched(t, true)
	a := w.attach()
	w.want(true)
	b := w.attach()
	a.Close()
	w.settle()
	w.over()
	w.want(true)
	b.Close()
	w.gone()
	c := w.attach() // back in time
	w.over()
	w.want(true)
	gone := w.clock.Now()
	c.Close()
	w.gone()
	w.clock.Advance(time.Minute)
	w.node.Send(w.key, &actors.Passivate{})
	w.over()
	w.want(true, false)
	if got := w.since[1].UnixMilli(); got != gone {
		t.Errorf("offline since %d, want since the last connection went: %d", got, gone)
	}
	w.attach().Close()
	w.gone()
	w.over()
	w.want(true, false, true, false)
}

// unseen is told of one who is online, and whom nobody sees.
const unseen = "true, unseen"

// TestPresenceEventsOfSight tells once that nobody sees a user any more, after a while, and
// once that somebody does, at once: also of one who dozes, and across a crash.
func TestPresenceEventsOfSight(t *testing.T) {
	w := newWatched(t, true)
	a := w.attach()
	w.want(true)
	b := w.attach()
	a.SetVisible(false)
	w.settle()
	w.over()
	w.want(true) // the other one is seen

	gone := w.clock.Now()
	b.Close()
	w.gone()
	w.clock.Advance(time.Minute)
	w.over()
	w.want(true, unseen)
	if got := w.since[1].UnixMilli(); got != gone {
		t.Errorf("unseen since %d, want since the connection went that was seen: %d", got, gone)
	}
	c := w.attach() // a new one is seen
	w.want(true, unseen, true)
	c.SetVisible(false)
	w.gone()
	c.SetVisible(true) // in time
	w.settle()
	c.SetVisible(false)
	w.settle()
	early := w.waits[0]
	early()
	w.want(true, unseen, true)
	w.over()
	w.want(true, unseen, true, unseen)

	w.node.Send(w.key, &actors.Doze{})
	a.SetVisible(true)
	w.want(true, unseen, true, unseen, true)
	c.Close()
	w.settle()
	w.over()
	w.want(true, unseen, true, unseen, true)
	a.SetVisible(false)
	w.gone()
	a.Close() // the wait for who has gone begins anew
	w.settle()
	w.waits[0]()
	w.want(true, unseen, true, unseen, true)
	w.over()
	w.want(true, unseen, true, unseen, true, false)
}

// TestPresenceEventsOfSightAfterCrash: that nobody sees a user outlives the process, and is told
// once.
func TestPresenceEventsOfSightAfterCrash(t *testing.T) {
	w := newWatched(t, true)
	w.attach().SetVisible(false)
	w.eventually("a wait, or an event of one unseen", func() bool { return len(w.waits) > 0 || len(w.told) > 0 && w.told[0] != "$presence/alice true" })
	w.settle()
	w.over()
	w.eventually("to be unseen", func() bool { return len(w.told) > 0 && w.told[len(w.told)-1] == "$presence/alice "+unseen })
	w.told, w.since, w.revs = nil, nil, nil
	w.node.Stop()
	w.start(true)
	w.node.Send(w.key, &actors.Recover{Key: w.key})
	w.gone()
	w.attach() // it says nothing, and so it is seen
	w.want(true)
}

// TestPresenceEventsAfterCrash: what was told last outlives the process.
func TestPresenceEventsAfterCrash(t *testing.T) {
	w := newWatched(t, true)
	w.attach()
	w.want(true)
	crash := func() {
		w.node.Stop()
		w.start(true)
		w.node.Send(w.key, &actors.Recover{Key: w.key})
	}
	crash()
	w.gone()
	p := w.attach() // back in time
	w.over()
	w.want(true)
	p.Close()
	w.gone()
	crash()
	w.gone()
	w.over()
	w.want(true, false)
	crash()
	w.over()
	w.want(true, false)
}

// TestPresenceEventsOfMoved: who has come or gone while another node takes the user
// over is told once, by the one or the other.
func TestPresenceEventsOfMoved(t *testing.T) {
	w := newWatched(t, true)
	w.j.Hold()
	p := actorstest.Attach(t, w.node, "alice")
	w.j.WaitQueued(1)
	w.node.Send(w.key, &actors.Move{})
	w.j.Release()
	w.want(true)
	p.Close()
	w.settle()
	w.over()
	w.node.Send(w.key, &actors.Move{})
	w.settle()
	w.over()
	w.want(true, false)
}

// TestPresenceEventsUnwritten: what can't be written down is not told; when it can be,
// it is.
func TestPresenceEventsUnwritten(t *testing.T) {
	w := newWatched(t, true)
	w.attach()
	w.want(true)
	w.j.Fail(errors.New("the disk is gone"))
	w.node.Send(w.key, &actors.Passivate{})
	p := w.attach()
	p.Close()
	w.j.Fail(nil)
	w.settle()
	w.want(true)
}

// TestPresenceEventsOfErased: nothing of an erased user stays that tells of it.
func TestPresenceEventsOfErased(t *testing.T) {
	w := newWatched(t, true)
	p := w.attach()
	w.want(true)
	p.Close()
	w.gone()
	r := actors.NewRequest(w.key, &actors.Erase{})
	r.Once = actors.EdgeOnce(actors.NewID())
	if err := w.node.Ask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	w.want(true, false)
	for _, kind := range []string{actors.OnlineKind, "seen"} {
		if list, err := w.j.ListRecords(t.Context(), kind, "", 10); err != nil || len(list) > 0 {
			t.Errorf("left: %v, %v", list, err)
		}
	}
}

// TestPresenceEventsOff: without the setting nothing is told, written or waited for.
func TestPresenceEventsOff(t *testing.T) {
	w := newWatched(t, false)
	p := w.attach()
	p.Close()
	w.settle()
	w.want()
	if w.j.Writes() != 0 || len(w.waits) != 0 {
		t.Errorf("%d writes and %d waits", w.j.Writes(), len(w.waits))
	}
}

package user_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// TestWakeAfterAPassedTimer: a user that is read again, or that has dozed, is woken for what
// it then plans, also where its journal tells of a timer whose wake-up has long come: the
// message was read, or a broadcast that no event tells of has taken it away.
func TestWakeAfterAPassedTimer(t *testing.T) {
	for _, c := range []struct {
		sleep     any
		broadcast bool
	}{{&actors.Passivate{}, false}, {&actors.Doze{}, false}, {&actors.Passivate{}, true}, {&actors.Doze{}, true}} {
		wakeAfterAPassedTimer(t, c.sleep, c.broadcast)
	}
}

func wakeAfterAPassedTimer(t *testing.T, sleep any, broadcast bool) {
	j, clock := actorstest.NewJournal(), actorstest.NewClock()
	var loads atomic.Int32
	node := actorstest.NewNode(t, j, clock, actors.Limits{}, func(n *actorstest.Node) {
		load := n.Home.Load
		n.Home.Load = func(job func()) {
			loads.Add(1)
			load(job)
		}
	})
	t.Cleanup(func() {
		node.Stop()
		j.Close()
	})
	ask := func(key actors.Key, c actors.Command) {
		t.Helper()
		if err := node.Ask(t.Context(), actors.NewRequest(key, c)); err != nil {
			t.Fatal(err)
		}
	}
	message := func(sendAt int64) *actors.Message {
		id := actors.NewID()
		return &actors.Message{Id: id[:], Category: "a", CreatedAt: clock.Now(), SendAt: sendAt, Content: []byte(`"title":"x"`)}
	}
	alice := userKey("alice")
	m := message(0)
	ask(alice, &actors.Publish{Message: m})
	if broadcast {
		m = message(0)
		ask(logKey, &actors.Broadcast{Message: m, Audience: &actors.Audience{All: true}})
	}
	timer := actors.ID(m.Id)
	ask(alice, &actors.Mark{To: actors.MarkSnoozed, IDs: []actors.ID{timer}, Until: clock.Now() + 1000})
	if broadcast {
		ask(logKey, &actors.Retract{ID: timer})
	} else {
		ask(alice, &actors.Mark{To: actors.MarkRead, IDs: []actors.ID{timer}})
	}
	clock.Advance(2 * time.Second)
	node.Fire()
	if _, doze := sleep.(*actors.Doze); doze {
		actorstest.Attach(t, node, "alice")
	}
	ask(alice, &actors.Counts{})
	j.Flush()
	ask(alice, &actors.Counts{}) // nothing is under way
	before := loads.Load()
	node.Send(alice, sleep)
	at := clock.Now() + time.Hour.Milliseconds()
	ask(alice, &actors.Publish{Message: message(at)})
	if loads.Load() == before {
		t.Fatalf("%T: the user is not read again", sleep)
	}
	woken := false
	_ = j.Due(t.Context(), at, func(key actors.Key, _ int64) bool { // it never fails
		woken = woken || key == alice
		return true
	})
	if !woken {
		t.Errorf("%T, broadcast %v: nothing wakes the user for a message that is due in an hour", sleep, broadcast)
	}
}

// TestMergeWritesNothing: whoever comes back to what was broadcast writes nothing for it, no
// wake-up either.
func TestMergeWritesNothing(t *testing.T) {
	j, clock, node, ask := lone(t)
	message := func() *actors.Message {
		id := actors.NewID()
		return &actors.Message{Id: id[:], Category: "a", CreatedAt: clock.Now(), Content: []byte(`"title":"x"`)}
	}
	ask(userKey("alice"), &actors.Publish{Message: message()})
	node.Send(userKey("alice"), &actors.Passivate{})
	ask(logKey, &actors.Broadcast{Message: message(), Audience: &actors.Audience{All: true}})
	j.Flush()
	before := j.Writes()
	if got := counted(string(ask(userKey("alice"), &actors.Counts{}).Counts)); !strings.HasPrefix(got, "2 unread") {
		t.Errorf("got %s", got)
	}
	j.Flush()
	if n := j.Writes() - before; n > 0 {
		t.Errorf("a user who comes back to a broadcast makes %d writes", n)
	}
}

// lone starts a node for a test, and returns what asks its actors.
func lone(t *testing.T) (j *actorstest.Journal, clock *actorstest.Clock, node *actorstest.Node, ask func(actors.Key, actors.Command) actors.Answer) {
	t.Helper()
	j, clock = actorstest.NewJournal(), actorstest.NewClock()
	node = actorstest.NewNode(t, j, clock, actors.Limits{})
	t.Cleanup(func() {
		node.Stop()
		j.Close()
	})
	return j, clock, node, func(key actors.Key, c actors.Command) actors.Answer {
		t.Helper()
		r := actors.NewRequest(key, c)
		if err := node.Ask(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return r.Answer
	}
}

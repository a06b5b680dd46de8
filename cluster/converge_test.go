package cluster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// screen is what one client shows: it fetches once, follows by events over many
// connections, and fetches again after a reset.
type screen struct {
	at     actors.Cursor // resumes here
	base   uint64        // the fetched state is that of this seq
	states map[string]string
	resets int
}

func (s *screen) fetch(n *cluster.Node, name string) error {
	a, err := try(n, cmd(name, &actors.List{State: "all", Limit: 10_000}))
	for err != nil && actors.AsError(err).Temporary() {
		a, err = try(n, cmd(name, &actors.List{State: "all", Limit: 10_000}))
	}
	if err != nil {
		return err
	}
	var list struct{ Messages []struct{ ID, State string } }
	if err := json.Unmarshal(a.Body, &list); err != nil {
		return err
	}
	s.base, s.states = a.Cursor.Seq, map[string]string{}
	for _, m := range list.Messages {
		s.states[m.ID] = m.State
	}
	return nil
}

func (s *screen) take(n *cluster.Node, name string, events []actorstest.Event) error {
	for _, e := range events {
		if e.Cursor.Seq <= s.at.Seq && e.Type != "reset" {
			return fmt.Errorf("%v at %d behind %d", e, e.Cursor.Seq, s.at.Seq)
		}
		s.at = e.Cursor
		switch {
		case e.Type == "reset":
			s.resets++
			if err := s.fetch(n, name); err != nil {
				return err
			}
		case e.Cursor.Seq > s.base:
			s.show(e)
		}
	}
	return nil
}

func (s *screen) show(e actorstest.Event) {
	for _, id := range e.Gone {
		delete(s.states, id)
	}
	switch e.Type {
	case "message":
		s.states[e.ID] = e.State
	case "retract":
		for _, id := range e.IDs {
			delete(s.states, id)
		}
	case "state":
		for _, id := range e.IDs {
			if _, ok := s.states[id]; ok {
				s.states[id] = e.State
			}
			if e.State == "expired" || e.State == "dropped" {
				delete(s.states, id)
			}
		}
	}
}

// TestConverge lets everything happen at once: all commands, timers, a small
// history, a journal that fails, is full or panics, users who fall asleep,
// clients that come, stall and go. In the end every screen shows the truth.
func TestConverge(t *testing.T) {
	j := newJournal(t)
	clock := actorstest.NewClock()
	n := newNode(t, j, func(c *cluster.Config) {
		c.Now, c.Idle = clock.Now, time.Millisecond
		c.Limits.Messages, c.Limits.RetainEvents, c.Limits.MessageAge = 25, 60, time.Hour
	})
	const users, workers, each, clients = 3, 3, 300, 4
	var working, watching sync.WaitGroup
	var over atomic.Bool
	for u := range users {
		name := fmt.Sprint("user", u)
		for w := range workers {
			working.Go(func() { work(t, n, name, clock, rand.New(rand.NewPCG(uint64(u), uint64(w))), each) })
		}
		for c := range clients {
			watching.Go(func() { watch(t, n, name, rand.New(rand.NewPCG(uint64(u), uint64(100+c))), &over) })
		}
	}
	working.Go(func() {
		for i := range 40 {
			time.Sleep(5 * time.Millisecond)
			clock.Advance(time.Duration(i) * time.Second)
			switch i % 4 {
			case 0:
				j.Fail(errors.New("the disk is gone"))
			case 1:
				j.Panic(fmt.Sprint("user", i%users))
			case 2:
				j.Refuse(actors.Errorf(actors.Busy, "full"))
				time.Sleep(time.Millisecond)
				j.Refuse(nil)
			}
		}
	})
	working.Wait()
	j.Fail(nil)
	j.Panic("")
	over.Store(true)
	watching.Wait()
}

// work does one thing after the other to a user.
func work(t *testing.T, n *cluster.Node, name string, clock *actorstest.Clock, rng *rand.Rand, each int) {
	var ids []actors.ID
	for range each {
		some := func() actors.ID {
			if len(ids) == 0 {
				return actors.NewID()
			}
			return ids[len(ids)-1-rng.IntN(min(len(ids), 10))]
		}
		var c actors.Command
		var once actors.Once
		switch k := rng.IntN(10); {
		case k < 5:
			m := newMessage("x")
			m.CollapseKey = []string{"", "", "k"}[rng.IntN(3)]
			if rng.IntN(4) == 0 {
				m.SendAt = clock.Now() + int64(rng.IntN(10_000))
			}
			if rng.IntN(4) == 0 {
				m.ExpiresAt = clock.Now() + int64(rng.IntN(20_000))
			}
			ids = append(ids, actors.ID(m.Id))
			c, once = &actors.Publish{Message: m}, actors.EdgeOnce(actors.ID(m.Id))
		case k < 6:
			c = &actors.Edit{ID: some(), Patch: []byte(`{"title":"new","category":"other"}`)}
		case k < 7:
			c = &actors.Retract{ID: some()}
		default:
			c = &actors.Mark{To: actors.Marking(1 + rng.IntN(5)), IDs: []actors.ID{some(), some()}, Until: clock.Now() + 1 + int64(rng.IntN(10_000))}
		}
		r := cmd(name, c)
		r.Once = once
		if _, err := try(n, r); err != nil {
			switch code := actors.AsError(err).Code; {
			case code == actors.Busy, code == actors.NotFound, code == actors.Unavailable:
			case code == actors.Invalid && isLate(c, clock): // the clock went past it while the command was on its way
			default:
				t.Errorf("%s: %T: %v", name, c, err)
				return
			}
		}
	}
}

// isLate tells whether a command snoozes until what is past.
func isLate(c actors.Command, clock *actorstest.Clock) bool {
	m, ok := c.(*actors.Mark)
	return ok && m.To == actors.MarkSnoozed && m.Until <= clock.Now()
}

// watch follows a user over many connections until the work is over.
func watch(t *testing.T, n *cluster.Node, name string, rng *rand.Rand, over *atomic.Bool) {
	s := &screen{states: map[string]string{}}
	for last := false; !last; {
		last = over.Load()
		p := actorstest.New(name, actorstest.After(s.at))
		if rng.IntN(2) == 0 {
			p.Hold()
		}
		p.Attach(n)
		for range rng.IntN(6) {
			time.Sleep(time.Duration(rng.IntN(4000)) * time.Microsecond)
			p.Drain()
		}
		if last {
			truth := &screen{}
			for late := time.Now().Add(actorstest.Patience); ; p.Drain() {
				trial := &screen{at: s.at, base: s.base, states: map[string]string{}}
				for id, state := range s.states {
					trial.states[id] = state
				}
				if err := errors.Join(truth.fetch(n, name), trial.take(n, name, p.Events())); err != nil {
					t.Errorf("%s: %v", name, err)
					break
				}
				if _, ended := p.Ended(); ended || reflect.DeepEqual(trial.states, truth.states) {
					last = !ended // else another connection goes on
					break
				}
				if time.Now().After(late) {
					t.Errorf("%s: the screen shows\n%v, the truth is\n%v", name, trial.states, truth.states)
					break
				}
				time.Sleep(time.Millisecond)
			}
		}
		p.Close()
		if err := s.take(n, name, p.Events()); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
	t.Logf("%s: %d messages at %d, %d resets", name, len(s.states), s.at.Seq, s.resets)
}

package user_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// senders let many publish to alice at the same time, under keys of their own, while her
// actor is passivated, fails, and loses its node again and again. Whoever is told
// nothing certain asks again.
type senders struct {
	t        *testing.T
	j        *actorstest.Journal
	clock    *actorstest.Clock
	node     atomic.Pointer[actorstest.Node]
	outcomes [5]atomic.Int64
}

func newSenders(t *testing.T) *senders {
	s := &senders{t: t, j: actorstest.NewJournal(), clock: actorstest.NewClock()}
	s.start()
	t.Cleanup(func() {
		s.node.Load().Stop()
		s.j.Close()
	})
	return s
}

func (s *senders) start() { s.node.Store(actorstest.NewNode(s.t, s.j, s.clock, actors.Limits{})) }

// publish publishes until the answer is certain.
func (s *senders) publish(n int, policy *actors.Policy) {
	id := actors.NewID()
	for {
		r := actors.NewRequest(userKey("alice"), &actors.Publish{Message: &actors.Message{
			Id: id[:], Category: "promo", CreatedAt: s.clock.Now(), Policy: policy, Content: fmt.Appendf(nil, `"title":"m%d"`, n),
		}})
		r.Once = actors.CallersOnce("c", strconv.Itoa(n))
		ctx, cancel := context.WithTimeout(s.t.Context(), 50*time.Millisecond) // a node that has stopped does not answer
		err := s.node.Load().Ask(ctx, r)
		cancel()
		if err == nil {
			s.outcomes[r.Answer.Outcome].Add(1)
			r.Release()
			return
		}
		if errors.Is(err, context.DeadlineExceeded) {
			continue
		}
		if e := actors.AsError(err); !e.Temporary() && e.Code != actors.Internal { // a panic of the actor is Internal
			s.t.Errorf("publish %d: %v", n, err)
			return
		}
	}
}

// race lets count senders run, with faults among them.
func (s *senders) race(count int, policy *actors.Policy) {
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(count))
	for n := range count {
		wg.Go(func() {
			s.publish(n, policy)
			left.Add(-1)
		})
	}
	faults := 0
	for rng := rand.New(rand.NewPCG(uint64(count), 1)); left.Load() > 0; faults++ {
		before := s.j.Writes()
		for begin := time.Now(); s.j.Writes() < before+5 && left.Load() > 0 && time.Since(begin) < time.Second; {
			runtime.Gosched() // some of them get through
		}
		switch rng.IntN(3) {
		case 0:
			s.node.Load().Send(userKey("alice"), &actors.Passivate{})
		case 1:
			s.j.Fail(fmt.Errorf("a disk that is pulled out")) // the next write's outcome is unknown
			s.node.Load().Send(userKey("alice"), &actors.Passivate{})
			s.j.Fail(nil)
		default:
			s.node.Load().Stop()
			s.start()
		}
	}
	wg.Wait()
	s.t.Logf("%d faults, %d delivered, %d held, %d filtered", faults, s.outcomes[actors.Delivered].Load(), s.outcomes[actors.Held].Load(), s.outcomes[actors.Filtered].Load())
}

// shown returns the messages that alice has, as a list shows them.
func (s *senders) shown() string {
	s.t.Helper()
	r := actors.NewRequest(userKey("alice"), &actors.List{State: "all", Limit: 200})
	if err := s.node.Load().Ask(s.t.Context(), r); err != nil {
		s.t.Fatal(err)
	}
	return string(r.Answer.Body)
}

// TestCapOfManySenders: a cap of 3 in 24 hours lets exactly 3 of 1,000 through who publish
// at once, whatever happens to the user's actor.
func TestCapOfManySenders(t *testing.T) {
	s := newSenders(t)
	s.race(1000, &actors.Policy{Name: "p", Version: 1, Body: []byte(`{"caps":[{"max":3,"per":"24h"}]}`)})
	if d, f := s.outcomes[actors.Delivered].Load(), s.outcomes[actors.Filtered].Load(); d != 3 || f != 997 {
		t.Errorf("%d were delivered, %d filtered", d, f)
	}
	if got := strings.Count(s.shown(), `"id":`); got != 3 {
		t.Errorf("alice has %d messages", got)
	}
	s.clock.Advance(24 * time.Hour)
	s.outcomes = [5]atomic.Int64{}
	for n := range 5 {
		s.publish(1000+n, &actors.Policy{Name: "p", Version: 1, Body: []byte(`{"caps":[{"max":3,"per":"24h"}]}`)})
	}
	if d := s.outcomes[actors.Delivered].Load(); d != 3 {
		t.Errorf("a day later %d of 5 are delivered", d)
	}
}

// TestDigestOfManySenders: 1,000 who publish at once into a digest make one, whose items are
// those messages, each once.
func TestDigestOfManySenders(t *testing.T) {
	s := newSenders(t)
	const count = 1000
	s.race(count, &actors.Policy{Name: "p", Version: 1, Body: []byte(`{"caps":[{"max":1,"per":"1h"}],"on_capped":"digest","digest":{"key":"news","window":"30m"}}`)})
	if d, h := s.outcomes[actors.Delivered].Load(), s.outcomes[actors.Held].Load(); d != 1 || h != count-1 {
		t.Errorf("%d were delivered, %d wait for the digest", d, h)
	}
	s.clock.Advance(time.Hour)
	s.node.Load().Fire()
	list := s.shown()
	if got := strings.Count(list, `"data":{"items":`); got != 1 {
		t.Fatalf("there are %d digests", got)
	}
	if !strings.Contains(list, fmt.Sprintf(`"total":%d}`, count-1)) {
		t.Errorf("the digest does not count %d items", count-1)
	}
	seen := 0
	for n := range count {
		switch got := strings.Count(list, fmt.Sprintf(`"title":"m%d"`, n)); got {
		case 0: // one of the oldest, whose title had no room
		case 1:
			seen++
		default:
			t.Errorf("message %d is there %d times", n, got)
		}
	}
	if seen < count/4 {
		t.Errorf("%d titles are shown", seen)
	}
	if got := strings.Count(list, `"id":"`); got != count+1 { // the delivered one, the digest, and its items
		t.Errorf("%d ids are shown, want %d", got, count+1)
	}
}

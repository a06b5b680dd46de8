package topic

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"reddot/actors"
)

// hearer is a session that keeps what it hears.
type hearer struct {
	mu     sync.Mutex
	calls  int
	heard  []string
	subs   int // of the last call
	before func()
}

func (h *hearer) Deliver(p *Push, subs []*Subscription) {
	if h.before != nil {
		h.before()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	h.subs = len(subs)
	for _, m := range p.Messages {
		if slices.ContainsFunc(subs, func(s *Subscription) bool { return s.Brings(m) }) {
			h.heard = append(h.heard, string(m.Payload))
		}
	}
}

func (h *hearer) Is(user, _ string) bool { return user == "own" }

func (h *hearer) texts() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.heard)
}

func hearers(t *Broker, n int, filters ...string) []*hearer {
	list := make([]*hearer, n)
	for i := range list {
		list[i] = &hearer{}
		for _, f := range filters {
			t.Subscribe("app", &Subscription{Filter: f, Subscriber: list[i]}, "", "")
		}
	}
	return list
}

func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

func say(topic, text string, qos uint32) *actors.TopicMessage {
	return &actors.TopicMessage{App: "app", Topic: topic, Payload: []byte(text), Qos: qos}
}

// TestRounds: very many hear a topic's messages in their order, each once, and
// what gathers during a round comes by one call.
func TestRounds(t *testing.T) {
	topics := New(&actors.Home{})
	all := hearers(topics, 2*manySessions, "a/b")
	held, entered := make(chan struct{}), make(chan struct{})
	var once sync.Once
	all[7].before = func() { once.Do(func() { close(entered); <-held }) }
	var want []string
	acknowledged := make(chan int, 100)
	for n := range 50 {
		text := fmt.Sprint(n)
		want = append(want, text)
		topics.Publish(say("a/b", text, uint32(n%2)), func(took int, err *actors.Error) {
			if err != nil || took != len(all) {
				t.Errorf("got %d, %v; want %d", took, err, len(all))
			}
			acknowledged <- n
		})
		if n == 0 {
			<-entered // the first round stands still, and the rest gathers
		}
	}
	for range 25 { // QoS 0 is not waited for
		if n := <-acknowledged; n%2 != 0 {
			t.Errorf("message %d is acknowledged, and has not gone out", n)
		}
	}
	close(held)
	for range 25 {
		<-acknowledged
	}
	for i, h := range all {
		soon(t, "all have all", func() bool { return len(h.texts()) == 50 })
		if !slices.Equal(h.texts(), want) {
			t.Fatalf("session %d heard %v", i, h.texts())
		}
		if h.calls > 2 {
			t.Fatalf("session %d: %d calls for one message and 49 that had gathered", i, h.calls)
		}
	}
	soon(t, "the rounds are over", func() bool { return topics.rounds.active.Load() == 0 })
}

// TestFewAfterMany: who publishes while rounds go on does not overtake, also
// when only few are left.
func TestFewAfterMany(t *testing.T) {
	topics := New(&actors.Home{})
	all := hearers(topics, manySessions, "a")
	held, entered := make(chan struct{}), make(chan struct{})
	var once sync.Once
	all[0].before = func() { once.Do(func() { close(entered); <-held }) }
	topics.Publish(say("a", "one", 0), nil)
	<-entered
	late := &hearer{}
	sub := &Subscription{Filter: "a", Subscriber: late}
	topics.mu.Lock()
	topics.apps["app"].below["a"].subs = topics.apps["app"].below["a"].subs[:1]
	topics.mu.Unlock()
	topics.Subscribe("app", sub, "", "")
	topics.Publish(say("a", "two", 0), nil)
	topics.Publish(say("b", "elsewhere", 0), nil) // another topic waits for nothing
	close(held)
	soon(t, "the first has both", func() bool { return len(all[0].texts()) == 2 })
	if got := all[0].texts(); got[0] != "one" || got[1] != "two" {
		t.Errorf("got %v", got)
	}
	soon(t, "the late one has the second", func() bool { return slices.Equal(late.texts(), []string{"two"}) })
}

// TestOverlap: a session with several filters hears a message once, by one call
// with all of them, however many sessions there are; of a shared subscription
// one has it.
func TestOverlap(t *testing.T) {
	for _, n := range []int{3, few, few + 1, manySessions} {
		topics := New(&actors.Home{})
		all := hearers(topics, n, "a/+", "a/b", "#")
		shared := hearers(topics, 2, "$share/g/a/b")
		own := &hearer{}
		topics.Subscribe("app", &Subscription{Filter: "a/b", NoLocal: true, Subscriber: own}, "", "")
		m := say("a/b", "x", 1)
		m.User = "own"
		done := make(chan int, 1)
		topics.Publish(m, func(took int, _ *actors.Error) { done <- took })
		if took := <-done; took != n+2 {
			t.Errorf("%d: took %d", n, took)
		}
		for _, h := range all {
			if h.calls != 1 || h.subs != 3 || len(h.heard) != 1 {
				t.Fatalf("%d: got %d calls, %d subscriptions, %v", n, h.calls, h.subs, h.heard)
			}
		}
		if len(shared[0].heard)+len(shared[1].heard) != 1 || len(own.heard) != 0 {
			t.Errorf("%d: the share heard %v and %v, the publisher %v", n, shared[0].heard, shared[1].heard, own.heard)
		}
	}
}

// TestGathersNoMore: who publishes faster than rounds go waits, but for a will.
func TestGathersNoMore(t *testing.T) {
	topics := New(&actors.Home{Now: func() int64 { return 1 }})
	all := hearers(topics, manySessions, "a")
	held, entered := make(chan struct{}), make(chan struct{})
	var once sync.Once
	all[0].before = func() { once.Do(func() { close(entered); <-held }) }
	published := make(chan int, 2*maxWaiting)
	go func() {
		for n := range 2 * maxWaiting {
			topics.Publish(say("a", fmt.Sprint(n), 0), nil)
			published <- n
		}
		close(published)
	}()
	<-entered
	soon(t, "as many wait as may", func() bool {
		topics.rounds.mu.Lock()
		defer topics.rounds.mu.Unlock()
		return len(topics.rounds.by[topicKey{"app", "a"}].waiting) == maxWaiting
	})
	if n := len(published); n > maxWaiting+roundMessages {
		t.Errorf("%d are published", n)
	}
	topics.PublishWill(&actors.Will{Message: say("a", "will", 0)}, nil) // it would stand still here
	close(held)
	for range published {
	}
	soon(t, "all is heard", func() bool { return len(all[0].texts()) == 2*maxWaiting+1 })
}

func BenchmarkRound(b *testing.B) {
	topics := New(&actors.Home{})
	hearers(topics, 10_000, "a")
	b.ReportAllocs()
	for b.Loop() {
		done := make(chan struct{})
		topics.Publish(say("a", "x", 1), func(int, *actors.Error) { close(done) })
		<-done
	}
}

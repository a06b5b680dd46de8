package topic

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
)

// Very many sessions that are connected here and subscribe to the same topic
// get its messages in rounds, by a goroutine of the topic's own: what has
// gathered while a round was under way is given to each session at once, and so
// leaves in one write. The order of a topic's messages is that in which they
// were published.
const (
	// manySessions is from how many on.
	manySessions = 256
	// roundMessages and roundBytes bound what a round takes.
	roundMessages = 64
	roundBytes    = 64 << 10
	// mostGathered is how many messages may wait for a round. Whoever publishes
	// another with QoS 0 then waits for it, as it would to write to all by
	// itself; one with QoS 1 has its publisher wait for the acknowledgement. A
	// will is taken all the same: an actor's turn must not wait.
	maxWaiting = 1024
	// A round that has taken long is followed by a pause of a part of that, so
	// that those who waited for its end can publish what goes out by the next.
	roundPause    = 32 // its part
	mostRoundRest = time.Millisecond
	// politeness is after how many sessions a round lets others run.
	politeness = 64
)

// A topicKey names a topic.
type topicKey struct{ app, topic string }

// rounds are the topics that have a round under way, or more to come.
type rounds struct {
	mu     sync.Mutex
	room   sync.Cond // signaled when messages have left
	by     map[topicKey]*topicRounds
	active atomic.Int32 // how many there are
}

type topicRounds struct{ waiting []waiting }

// waiting is a message that waits for a round.
type waiting struct {
	m    *actors.TopicMessage
	done func() // it has gone out; may be nil
}

// handOut gives a message to those who are connected here, and returns how many
// they are. done is called when it has gone out to all, perhaps before handOut
// returns; it may be nil. patient tells whether the caller may wait.
func (t *Broker) handOut(a *audience, m *actors.TopicMessage, done func(), patient bool) int {
	key := topicKey{m.App, m.Topic}
	if len(a.live) < manySessions && !t.rounds.has(key) {
		n := a.deliver(m)
		if done != nil {
			done()
		}
		return n
	}
	n := a.sessions() + len(a.chosen)
	p := newPush(m)
	for i := range a.chosen {
		a.chosen[i].Subscriber.Deliver(p, a.chosen[i:i+1])
	}
	p.release()
	if t.rounds.add(key, waiting{m, done}, patient) {
		go t.runRounds(key)
	}
	return n
}

func (f *rounds) has(key topicKey) bool {
	if f.active.Load() == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by[key] != nil
}

// add lets a message wait for a round, and the caller for room. It tells whether rounds have to begin.
func (f *rounds) add(key topicKey, g waiting, patient bool) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for patient && f.by[key] != nil && len(f.by[key].waiting) >= maxWaiting {
		f.room.Wait()
	}
	one := f.by[key]
	if one == nil {
		one, first = &topicRounds{}, true
		if f.by == nil {
			f.by = map[topicKey]*topicRounds{}
		}
		f.by[key] = one
		f.active.Add(1)
	}
	one.waiting = append(one.waiting, g)
	return first
}

// take returns what the next round takes; nothing: the rounds are over.
func (f *rounds) take(key topicKey) []waiting {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.by[key]
	if len(one.waiting) == 0 {
		delete(f.by, key)
		f.active.Add(-1)
		return nil
	}
	n, size := 1, len(one.waiting[0].m.Payload)
	for ; n < min(len(one.waiting), roundMessages); n++ {
		if size += len(one.waiting[n].m.Payload); size > roundBytes {
			break
		}
	}
	list := one.waiting[:n:n]
	if one.waiting = one.waiting[n:]; len(one.waiting) == 0 {
		one.waiting = nil
	}
	f.room.Broadcast()
	return list
}

// rounds goes on until nothing waits any more.
func (t *Broker) runRounds(key topicKey) {
	for {
		list := t.rounds.take(key)
		if list == nil {
			return
		}
		began := time.Now()
		t.round(key, list)
		for _, g := range list {
			if g.done != nil {
				g.done()
			}
		}
		time.Sleep(min(time.Since(began)/roundPause, mostRoundRest))
	}
}

// round gives messages to all who are subscribed now.
func (t *Broker) round(key topicKey, list []waiting) {
	p := newPush(nil)
	defer p.release()
	p.Messages = make([]*actors.TopicMessage, len(list))
	for i, g := range list {
		p.Messages[i] = g.m
	}
	a := newAudience()
	defer a.release()
	t.mu.RLock()
	if root := t.apps[key.app]; root != nil {
		a.nodes.match(root, key.topic, actors.AnyLevel(key.topic))
		for _, n := range a.nodes {
			a.live = append(a.live, n.subs...)
		}
	}
	t.mu.RUnlock()
	n := 0
	a.each(func(subs []*Subscription) {
		subs[0].Subscriber.Deliver(p, subs)
		if n++; n%politeness == 0 {
			runtime.Gosched()
		}
	})
}

// deliver gives the message to those who are connected, to each once. It
// returns how many they are.
func (a *audience) deliver(m *actors.TopicMessage) int {
	a.live = append(a.live, a.chosen...)
	if len(a.live) == 0 {
		return 0
	}
	n, p := 0, newPush(m)
	a.each(func(subs []*Subscription) {
		n++
		subs[0].Subscriber.Deliver(p, subs)
	})
	p.release()
	return n
}

// few is up to how many subscriptions each is compared with each.
const few = 32

// each calls fn for each session, with those of its subscriptions that match. It
// brings the live into another order.
func (a *audience) each(fn func([]*Subscription)) {
	live := a.live
	switch {
	case len(a.nodes) == 1 && len(a.chosen) == 0: // a session has a filter once
		for i := range live {
			fn(live[i : i+1])
		}
		return
	case len(live) > few:
		live = a.sorted()
	}
	for len(live) > 0 {
		last := 1
		for j := 1; j < len(live); j++ {
			if live[j].Subscriber == live[0].Subscriber {
				live[j], live[last] = live[last], live[j]
				last++
			} else if len(a.live) > few {
				break
			}
		}
		fn(live[:last])
		live = live[last:]
	}
}

// sorted returns the live, those of a session behind each other.
func (a *audience) sorted() []*Subscription {
	next := make(map[Subscriber]int, len(a.live))
	for _, s := range a.live {
		next[s.Subscriber]++
	}
	at := 0
	for _, s := range a.live { // from how many a session has to where they begin, below zero until then
		if n := next[s.Subscriber]; n > 0 {
			next[s.Subscriber] = -at - 1
			at += n
		}
	}
	list := make([]*Subscription, len(a.live))
	for _, s := range a.live {
		i := -next[s.Subscriber] - 1
		list[i] = s
		next[s.Subscriber] = -(i + 1) - 1
	}
	return list
}

// sessions returns how many have one of the live, not counting the chosen.
func (a *audience) sessions() int {
	if len(a.nodes) == 1 {
		return len(a.live)
	}
	all := make(map[Subscriber]struct{}, len(a.live))
	for _, s := range a.live {
		all[s.Subscriber] = struct{}{}
	}
	return len(all)
}

package topic

import (
	"slices"
	"sync/atomic"

	"reddot/actors"
)

// publishing is a message that is being stored for sessions.
type publishing struct {
	left atomic.Int32
	took atomic.Int32
	err  atomic.Pointer[actors.Error]
	end  func(*publishing)
}

func (p *publishing) done(n int, err *actors.Error) {
	if err != nil {
		p.err.CompareAndSwap(nil, err)
	}
	if p.took.Add(int32(n)); p.left.Add(-1) == 0 {
		p.end(p)
	}
}

// Publish gives a message to all who are subscribed. done is called with how
// many sessions it concerns, once it is durable for those which outlive their
// connections, and retained if it asks for that; or with why it may be not. A
// message with QoS 0 is not waited for. done may be nil, and may be called
// before Publish returns, which with QoS 0 may wait. No lock may be held.
func (t *Broker) Publish(m *actors.TopicMessage, done func(took int, err *actors.Error)) {
	t.publish(m, done, true)
}

func (t *Broker) publish(m *actors.TopicMessage, done func(took int, err *actors.Error), patient bool) {
	if done == nil {
		done = func(int, *actors.Error) {}
	}
	if most := t.home.Limits.TopicBytes; most > 0 && len(m.Payload) > most {
		t.home.Metrics.Refuse("topic_size")
		done(0, actors.Errorf(actors.TooLarge, "a message to a topic has at most %d bytes", most))
		return
	}
	t.trace(m)
	a := t.audience(m)
	defer a.release()
	n := a.local
	if m.Qos == 0 {
		n += t.handOut(a, m, nil, patient)
		if m.Retain {
			t.retain(m, func(*actors.Error) {})
		}
		for _, f := range a.others {
			t.nodes.Publish(f.node, m, f.share, nil)
		}
		done(n, nil)
		return
	}
	p := &publishing{}
	p.left.Store(1)
	p.took.Store(int32(n))
	p.end = func(p *publishing) { done(int(p.took.Load()), p.err.Load()) }
	if m.Qos == 2 && len(a.live)+len(a.chosen)+len(a.others) > 0 { // exactly once: not before all else has succeeded
		live, far := &audience{live: slices.Clone(a.live), chosen: slices.Clone(a.chosen)}, slices.Clone(a.others)
		p.end = func(p *publishing) {
			if err := p.err.Load(); err != nil {
				done(int(p.took.Load()), err)
				return
			}
			q := &publishing{end: func(q *publishing) { done(int(q.took.Load()), q.err.Load()) }}
			q.left.Store(1)
			q.took.Store(p.took.Load() + int32(live.deliver(m)))
			t.sendOthers(m, far, q)
			q.done(0, nil)
		}
	} else {
		if m.Qos == 1 {
			p.left.Add(1)
			p.took.Add(int32(t.handOut(a, m, func() { p.done(0, nil) }, false)))
		}
		t.sendOthers(m, a.others, p)
	}
	if m.Retain {
		p.left.Add(1)
		t.retain(m, func(err *actors.Error) { p.done(0, err) })
	}
	for _, q := range a.users {
		p.left.Add(1)
		t.queue(m, q, p)
	}
	p.done(0, nil)
}

// Republish gives a message that came by a shared subscription, and was not
// acknowledged by a session that has ended, to another that shares it.
func (t *Broker) Republish(m *actors.TopicMessage, filter string) {
	group, rest, _ := actors.SplitShare(filter)
	a := newAudience()
	t.edit(m.App, rest, false, func(n *node) {
		for _, g := range n.shares {
			if g.group == group {
				a.choose(g, m)
			}
		}
	})
	defer a.release()
	a.deliver(m)
	p := &publishing{end: func(*publishing) {}}
	p.left.Store(1)
	for _, q := range a.users {
		p.left.Add(1)
		t.queue(m, q, p)
	}
	t.sendOthers(m, a.others, p)
	p.done(0, nil)
}

// PublishWill publishes a will as of now, and does not wait. The expiry of its message, if it has
// one, is below zero: seconds from its publication.
func (t *Broker) PublishWill(w *actors.Will, done func(took int, err *actors.Error)) {
	m, now := w.Message, t.home.Now()
	if m.ExpiresAt < 0 || m.At != now {
		m = m.Copy()
		m.At = now
	}
	if m.ExpiresAt < 0 {
		m.ExpiresAt = now - m.ExpiresAt*1000
	}
	t.publish(m, done, false)
}

// Tell publishes what the server itself says, as of now, and does not wait.
func (t *Broker) Tell(m *actors.TopicMessage) {
	m.At = t.home.Now()
	t.publish(m, nil, false)
}

// queue lets the message wait for a user's sessions.
func (t *Broker) queue(m *actors.TopicMessage, q queueFor, p *publishing) {
	r := actors.NewRequest(q.user, &actors.QueueMessage{Message: m, Client: q.client, Filter: q.filter})
	if len(m.Once) == 16 {
		r.Once = actors.Once{Key: [16]byte(m.Once), Digest: 1}
	}
	r.OnReply(func(r *actors.Request) {
		err, n := r.Answer.Err, r.Answer.N
		r.Release()
		p.done(n, err)
	})
	t.home.Router.Send(q.user, r)
}

// Reassign gives a message by a shared subscription to another session than
// the one that it waits for: to one that is connected or, if anybody may have
// it, to any. done is called with whether there was one.
func (t *Broker) Reassign(m *actors.TopicMessage, filter string, not actors.ShareMember, anybody bool, done func(bool)) {
	group, rest, _ := actors.SplitShare(filter)
	a := newAudience()
	defer a.release()
	found := false
	t.edit(m.App, rest, false, func(n *node) {
		for _, g := range n.shares {
			if g.group == group {
				found = a.pick(g, m, not, anybody)
			}
		}
	})
	if !found {
		done(false)
		return
	}
	p := &publishing{end: func(p *publishing) { done(p.err.Load() == nil && p.took.Load() > 0) }}
	p.left.Store(int32(1 + len(a.users)))
	for _, q := range a.users {
		t.queue(m, q, p)
	}
	t.sendOthers(m, a.others, p)
	p.done(a.deliver(m), nil)
}

package actors

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A Subscriber is a session whose connection is on this node.
type Subscriber interface {
	// Deliver takes messages of a topic that some of its subscriptions match;
	// which of them lets it have a message, TopicSubscription.Brings tells. It
	// must not block, nor send to an actor, nor keep subs.
	Deliver(p *TopicPush, subs []*TopicSubscription)
	// Is tells whether it is the session of the client.
	Is(user, client string) bool
}

// Topics is the live publish/subscribe of one node: the filters of the sessions
// that are connected here, and of the users for whose sessions messages wait,
// wherever they live. Of other nodes it knows by which filters they have
// sessions (elsewhere.go), and gives them what those match.
//
// Its tree has a lock of its own, which is held for a change or a look and
// never while anything is sent.
type Topics struct {
	home    *Home
	mu      sync.RWMutex
	apps    map[string]*topicNode
	follows map[Key]*Followed // what outlives connections, of all users of all nodes
	crowds  map[string]Crowd  // of those, by app

	Elsewhere Elsewhere // nil: this node is alone
	held      map[heldKey]int
	changed   map[heldKey]struct{}
	far       map[string]map[heldKey]int // by node

	fans fanouts
}

// NewTopics returns the topics of a node.
func NewTopics(h *Home) *Topics {
	t := &Topics{home: h, apps: map[string]*topicNode{}, follows: map[Key]*Followed{}, crowds: map[string]Crowd{}}
	t.fans.room.L = &t.fans.mu
	return t
}

func (t *Topics) change(app, filter string, grow bool, fn func(*topicNode)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alter(app, filter, grow, fn)
}

// alter is change with mu held.
func (t *Topics) alter(app, filter string, grow bool, fn func(*topicNode)) {
	root := t.apps[app]
	if root == nil {
		root = &topicNode{}
		t.apps[app] = root
	}
	if grow {
		fn(root.at(filter))
		return
	}
	root.edit(filter, fn)
}

// Subscribe adds a subscription. user and client name a session that outlives
// its connection, else user is "". Other nodes do not know of it yet (Announce).
func (t *Topics) Subscribe(app string, s *TopicSubscription, user Key, client string) {
	group, filter, shared := SplitShare(s.Filter)
	t.change(app, filter, true, func(n *topicNode) {
		if !shared {
			if len(n.subs) > 0 {
				s.Filter = n.subs[0].Filter // all hold one string
			}
			n.subs = append(n.subs, s)
			t.hold(app, s.Filter, 1)
			return
		}
		t.hold(app, s.Filter, 1)
		g := n.share(group, s.Filter)
		s.Filter = g.filter
		if i := slices.IndexFunc(g.all, func(m ShareMember) bool { return user != "" && m.User == user && m.Client == client }); i >= 0 {
			g.all[i].sub = s
			return
		}
		g.all = append(g.all, ShareMember{s, user, client})
	})
}

// Unsubscribe takes a subscription away. stays says that its session shares it
// further while it is away.
func (t *Topics) Unsubscribe(app string, s *TopicSubscription, stays bool) {
	group, filter, shared := SplitShare(s.Filter)
	t.change(app, filter, false, func(n *topicNode) {
		if !shared {
			if i := slices.Index(n.subs, s); i >= 0 {
				n.subs = slices.Delete(n.subs, i, i+1)
			}
			t.hold(app, s.Filter, -1)
			return
		}
		t.hold(app, s.Filter, -1)
		if !stays {
			n.leave(group, func(m ShareMember) bool { return m.sub == s }, "")
			return
		}
		for _, g := range n.shares {
			for i := range g.all {
				if g.all[i].sub == s {
					g.all[i].sub = nil
				}
			}
		}
	})
}

// Announce lets other nodes know of subscriptions that have come or gone. done
// is called when all know of them that can be reached; nil: nobody waits.
func (t *Topics) Announce(done func()) {
	switch {
	case t.Elsewhere != nil:
		t.Elsewhere.Announce(done)
	case done != nil:
		done()
	}
}

// An audience is who gets a message.
type audience struct {
	live   []*TopicSubscription // of those connected here
	chosen []*TopicSubscription // likewise, of shared subscriptions
	users  []queueFor
	far    []sendTo
	nodes  matched
	local  int // sessions that match and want nothing of their own
}

// queueFor is a message on its way to a user's sessions, or to one of them.
type queueFor struct {
	user           Key
	client, filter string
}

var audiences = sync.Pool{New: func() any { return new(audience) }}

func newAudience() *audience {
	a := audiences.Get().(*audience)
	a.live, a.chosen, a.users, a.far, a.nodes, a.local = a.live[:0], a.chosen[:0], a.users[:0], a.far[:0], a.nodes[:0], 0
	return a
}

// audience returns who gets a message.
func (t *Topics) audience(m *TopicMessage) *audience {
	a := newAudience()
	t.mu.RLock()
	defer t.mu.RUnlock()
	root := t.apps[m.App]
	if root == nil {
		return a
	}
	a.nodes.match(root, m.Topic, anyLevel(m.Topic))
	for _, n := range a.nodes {
		a.direct(n, m)
		for _, f := range n.far {
			if to := (sendTo{node: f.node}); !slices.Contains(a.far, to) {
				a.far = append(a.far, to)
			}
		}
		if m.Qos > 0 {
			for _, u := range n.users {
				if !slices.ContainsFunc(a.users, func(q queueFor) bool { return q.user == u }) {
					a.users = append(a.users, queueFor{user: u})
				}
			}
		}
		for _, g := range n.shares {
			a.choose(g, m)
		}
	}
	return a
}

// direct adds the sessions that have a filter and are connected here.
func (a *audience) direct(n *topicNode, m *TopicMessage) {
	for _, s := range n.subs {
		switch {
		case s.isLocal(m):
			a.local++
		case s.takes(m):
			a.live = append(a.live, s)
		}
	}
}

// takes tells whether the subscription brings the message directly.
func (s *TopicSubscription) takes(m *TopicMessage) bool {
	return !s.Durable || min(s.QoS, uint8(m.Qos)) == 0 // #nosec G115 -- 0 to 2
}

// isLocal tells whether the session has published the message itself, and
// wants none of its own [MQTT-3.8.3-3].
func (s *TopicSubscription) isLocal(m *TopicMessage) bool {
	return s.NoLocal && s.Subscriber.Is(m.User, m.Client)
}

// choose gives the message to one of those who share a subscription, in turn:
// to one that is connected, here or elsewhere, if one is (MQTT 5, 4.8.2).
func (a *audience) choose(g *topicShare, m *TopicMessage) { a.pick(g, m, ShareMember{}, true) }

// pick is choose without one of them, and, if anybody is false, without those
// that are away. False: there is nobody.
func (a *audience) pick(g *topicShare, m *TopicMessage, not ShareMember, anybody bool) bool {
	turn := int(atomic.AddUint32(&g.next, 1) - 1)
	here := 0
	for i := range g.all {
		if g.all[i].sub != nil {
			here++
		}
	}
	all := here
	for _, f := range g.far {
		all += f.n
	}
	if all == 0 {
		return anybody && m.Qos > 0 && a.pickAway(g, turn, not)
	}
	if turn %= all; turn < here {
		a.take(g, m, turn)
		return true
	}
	turn -= here
	for _, f := range g.far {
		if turn -= f.n; turn < 0 {
			a.far = append(a.far, sendTo{f.node, g.filter})
			break
		}
	}
	return true
}

// pickAway gives the message to one of those that are away.
func (a *audience) pickAway(g *topicShare, turn int, not ShareMember) bool {
	for i := range g.all {
		if one := &g.all[(turn+i)%len(g.all)]; one.User != not.User || one.Client != not.Client {
			a.users = append(a.users, queueFor{one.User, one.Client, g.filter})
			return true
		}
	}
	return false
}

// chooseHere is choose among those that are connected here.
func (a *audience) chooseHere(g *topicShare, m *TopicMessage) {
	here := 0
	for i := range g.all {
		if g.all[i].sub != nil {
			here++
		}
	}
	if here > 0 {
		a.take(g, m, int(atomic.AddUint32(&g.next, 1)-1)%here)
	}
}

// take gives the message to the nth of those that are connected here.
func (a *audience) take(g *topicShare, m *TopicMessage, nth int) {
	for i := range g.all {
		one := &g.all[i]
		if one.sub == nil {
			continue
		}
		if nth--; nth >= 0 {
			continue
		}
		if one.sub.takes(m) {
			a.chosen = append(a.chosen, one.sub)
		} else {
			a.users = append(a.users, queueFor{one.User, one.Client, one.sub.Filter})
		}
		return
	}
}

// release gives the audience's memory back.
func (a *audience) release() {
	clear(a.live)
	clear(a.chosen)
	clear(a.users)
	clear(a.far)
	clear(a.nodes)
	audiences.Put(a)
}

// publishing is a message that is being stored for sessions.
type publishing struct {
	left atomic.Int32
	took atomic.Int32
	err  atomic.Pointer[Error]
	end  func(*publishing)
}

func (p *publishing) done(n int, err *Error) {
	if err != nil {
		p.err.CompareAndSwap(nil, err)
	}
	if p.took.Add(int32(n)); p.left.Add(-1) == 0 { // #nosec G115 -- few
		p.end(p)
	}
}

// Publish gives a message to all who are subscribed. done is called with how
// many sessions it concerns, once it is durable for those which outlive their
// connections, and retained if it asks for that; or with why it may be not. A
// message with QoS 0 is not waited for. done may be nil, and may be called
// before Publish returns, which with QoS 0 may wait. No lock may be held.
func (t *Topics) Publish(m *TopicMessage, done func(took int, err *Error)) { t.publish(m, done, true) }

func (t *Topics) publish(m *TopicMessage, done func(took int, err *Error), patient bool) {
	if done == nil {
		done = func(int, *Error) {}
	}
	if most := t.home.Limits.TopicBytes; most > 0 && len(m.Payload) > most {
		t.home.Metrics.Refuse("topic_size")
		done(0, Errorf(TooLarge, "a message to a topic has at most %d bytes", most))
		return
	}
	a := t.audience(m)
	defer a.release()
	n := a.local
	if m.Qos == 0 {
		n += t.handOut(a, m, nil, patient)
		if m.Retain {
			t.retain(m, func(*Error) {})
		}
		for _, f := range a.far {
			t.Elsewhere.Publish(f.node, m, f.share, nil)
		}
		done(n, nil)
		return
	}
	p := &publishing{}
	p.left.Store(1)
	p.took.Store(int32(n)) // #nosec G115 -- few
	p.end = func(p *publishing) { done(int(p.took.Load()), p.err.Load()) }
	if m.Qos == 2 && len(a.live)+len(a.chosen)+len(a.far) > 0 { // exactly once: not before all else has succeeded
		live, far := &audience{live: slices.Clone(a.live), chosen: slices.Clone(a.chosen)}, slices.Clone(a.far)
		p.end = func(p *publishing) {
			if err := p.err.Load(); err != nil {
				done(int(p.took.Load()), err)
				return
			}
			q := &publishing{end: func(q *publishing) { done(int(q.took.Load()), q.err.Load()) }}
			q.left.Store(1)
			q.took.Store(p.took.Load() + int32(live.deliver(m))) // #nosec G115 -- few
			t.sendFar(m, far, q)
			q.done(0, nil)
		}
	} else {
		if m.Qos == 1 {
			p.left.Add(1)
			p.took.Add(int32(t.handOut(a, m, func() { p.done(0, nil) }, false))) // #nosec G115 -- few
		}
		t.sendFar(m, a.far, p)
	}
	if m.Retain {
		p.left.Add(1)
		t.retain(m, func(err *Error) { p.done(0, err) })
	}
	for _, q := range a.users {
		p.left.Add(1)
		t.queue(m, q, p)
	}
	p.done(0, nil)
}

// Republish gives a message that came by a shared subscription, and was not
// acknowledged by a session that has ended, to another that shares it.
func (t *Topics) Republish(m *TopicMessage, filter string) {
	group, rest, _ := SplitShare(filter)
	a := newAudience()
	t.change(m.App, rest, false, func(n *topicNode) {
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
	t.sendFar(m, a.far, p)
	p.done(0, nil)
}

// PublishWill publishes a will as of now, and does not wait. The expiry of its message, if it has
// one, is below zero: seconds from its publication.
func (t *Topics) PublishWill(w *Will, done func(took int, err *Error)) {
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

// queue lets the message wait for a user's sessions.
func (t *Topics) queue(m *TopicMessage, q queueFor, p *publishing) {
	r := NewRequest(q.user, &QueueMessage{Message: m, Client: q.client, Filter: q.filter})
	if len(m.Once) == 16 {
		r.Once = Once{Key: [16]byte(m.Once), Digest: 1}
	}
	r.OnReply(func(r *Request) {
		err, n := r.Answer.Err, r.Answer.N
		r.Release()
		p.done(n, err)
	})
	t.home.Router.Send(q.user, r)
}

// Reassign gives a message by a shared subscription to another session than
// the one that it waits for: to one that is connected or, if anybody may have
// it, to any. done is called with whether there was one.
func (t *Topics) Reassign(m *TopicMessage, filter string, not ShareMember, anybody bool, done func(bool)) {
	group, rest, _ := SplitShare(filter)
	a := newAudience()
	defer a.release()
	found := false
	t.change(m.App, rest, false, func(n *topicNode) {
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
	p.left.Store(int32(1 + len(a.users))) // #nosec G115 -- at most one
	for _, q := range a.users {
		t.queue(m, q, p)
	}
	t.sendFar(m, a.far, p)
	p.done(a.deliver(m), nil)
}

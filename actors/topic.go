package actors

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A Subscriber is a session whose connection is on this node.
type Subscriber interface {
	// Deliver takes a message that matches some of its subscriptions, each
	// of which lets it have this message. It is called in the publisher's
	// goroutine and must not block, nor send to an actor, nor keep subs.
	Deliver(p *TopicPush, subs []*TopicSubscription)
	// Is tells whether it is the session of the client.
	Is(user, client string) bool
}

// Topics is the live publish/subscribe of one node: the filters of the sessions
// that are connected here, and of the users for whose sessions messages wait.
//
// Its tree has a lock of its own, which is held for a change or a look and
// never while anything is sent.
type Topics struct {
	home *Home
	mu   sync.RWMutex
	apps map[string]*topicNode
}

// NewTopics returns the topics of a node.
func NewTopics(h *Home) *Topics { return &Topics{home: h, apps: map[string]*topicNode{}} }

func (t *Topics) change(app, filter string, grow bool, fn func(*topicNode)) {
	t.mu.Lock()
	defer t.mu.Unlock()
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
// its connection, else user is "".
func (t *Topics) Subscribe(app string, s *TopicSubscription, user Key, client string) {
	group, filter, shared := SplitShare(s.Filter)
	t.change(app, filter, true, func(n *topicNode) {
		if !shared {
			if len(n.subs) > 0 {
				s.Filter = n.subs[0].Filter // all hold one string
			}
			n.subs = append(n.subs, s)
			return
		}
		g := n.share(group, s.Filter)
		s.Filter = g.filter
		if i := slices.IndexFunc(g.all, func(m shareMember) bool { return user != "" && m.user == user && m.client == client }); i >= 0 {
			g.all[i].sub = s
			return
		}
		g.all = append(g.all, shareMember{s, user, client})
	})
}

// Unsubscribe takes a subscription away. stays says that its session shares it
// further while it is away.
func (t *Topics) Unsubscribe(app string, s *TopicSubscription, stays bool) {
	group, filter, shared := SplitShare(s.Filter)
	t.change(app, filter, false, func(n *topicNode) {
		if !shared {
			n.subs = slices.DeleteFunc(n.subs, func(o *TopicSubscription) bool { return o == s })
			return
		}
		if !stays {
			n.leave(group, func(m shareMember) bool { return m.sub == s })
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

// follow says by which filters messages may come to wait for a user's
// sessions, and which shared ones they have; before are those of the last time.
func (t *Topics) follow(user Key, before, now *followed) {
	app := user.App()
	for _, f := range now.Filters {
		if !slices.Contains(before.Filters, f) {
			t.change(app, f, true, func(n *topicNode) {
				if !slices.Contains(n.users, user) {
					n.users = append(n.users, user)
				}
			})
		}
	}
	for _, f := range before.Filters {
		if !slices.Contains(now.Filters, f) {
			t.change(app, f, false, func(n *topicNode) {
				n.users = slices.DeleteFunc(n.users, func(k Key) bool { return k == user })
			})
		}
	}
	for _, s := range now.Shares {
		if !slices.Contains(before.Shares, s) {
			t.join(user, s)
		}
	}
	for _, s := range before.Shares {
		if !slices.Contains(now.Shares, s) {
			group, filter, _ := SplitShare(s.Filter)
			t.change(app, filter, false, func(n *topicNode) {
				n.leave(group, func(m shareMember) bool { return m.user == user && m.client == s.Client })
			})
		}
	}
}

// join lets a session share a subscription also while it is away.
func (t *Topics) join(user Key, s followedShare) {
	group, filter, _ := SplitShare(s.Filter)
	t.change(user.App(), filter, true, func(n *topicNode) {
		g := n.share(group, s.Filter)
		if !slices.ContainsFunc(g.all, func(m shareMember) bool { return m.user == user && m.client == s.Client }) {
			g.all = append(g.all, shareMember{nil, user, s.Client})
		}
	})
}

// An audience is who gets a message.
type audience struct {
	live  []*TopicSubscription
	users []queueFor
	nodes matched
	local int // sessions that match and want nothing of their own
}

// queueFor is a message on its way to a user's sessions, or to one of them.
type queueFor struct {
	user           Key
	client, filter string
}

var audiences = sync.Pool{New: func() any { return new(audience) }}

// audience returns who gets a message.
func (t *Topics) audience(m *TopicMessage) *audience {
	a := audiences.Get().(*audience)
	a.live, a.users, a.nodes, a.local = a.live[:0], a.users[:0], a.nodes[:0], 0
	t.mu.RLock()
	defer t.mu.RUnlock()
	root := t.apps[m.App]
	if root == nil {
		return a
	}
	a.nodes.match(root, m.Topic, anyLevel(m.Topic))
	for _, n := range a.nodes {
		for _, s := range n.subs {
			switch {
			case s.isLocal(m):
				a.local++
			case s.takes(m):
				a.live = append(a.live, s)
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
// to one that is connected, if one is (MQTT 5, 4.8.2).
func (a *audience) choose(g *topicShare, m *TopicMessage) {
	first := int(atomic.AddUint32(&g.next, 1) - 1)
	var away *shareMember
	for i := range g.all {
		one := &g.all[(first+i)%len(g.all)]
		switch {
		case one.sub == nil:
			if away == nil {
				away = one
			}
		case one.sub.takes(m):
			a.live = append(a.live, one.sub)
			return
		default:
			a.users = append(a.users, queueFor{one.user, one.client, one.sub.Filter})
			return
		}
	}
	if away != nil && m.Qos > 0 {
		a.users = append(a.users, queueFor{away.user, away.client, g.filter})
	}
}

// release gives the audience's memory back.
func (a *audience) release() {
	clear(a.live)
	clear(a.users)
	clear(a.nodes)
	audiences.Put(a)
}

// deliver gives the message to those who are connected, to each once. It
// returns how many they are.
func (a *audience) deliver(m *TopicMessage) int {
	if len(a.live) == 0 {
		return 0
	}
	n := 0
	p := &TopicPush{TopicMessage: m}
	for i, s := range a.live {
		if s == nil {
			continue
		}
		n++
		last := i + 1
		for j := i + 1; j < len(a.live); j++ {
			if o := a.live[j]; o != nil && o.Subscriber == s.Subscriber {
				// Bring it next to the others of its session.
				a.live[j], a.live[last] = a.live[last], a.live[j]
				last++
			}
		}
		s.Subscriber.Deliver(p, a.live[i:last])
		for j := i; j < last; j++ {
			a.live[j] = nil
		}
	}
	return n
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
// before Publish returns. No lock may be held.
func (t *Topics) Publish(m *TopicMessage, done func(took int, err *Error)) {
	if done == nil {
		done = func(int, *Error) {}
	}
	a := t.audience(m)
	defer a.release()
	n := a.local
	if m.Qos < 2 {
		n += a.deliver(m)
	}
	if m.Qos == 0 {
		if m.Retain {
			t.retain(m, func(*Error) {})
		}
		done(n, nil)
		return
	}
	p := &publishing{}
	p.left.Store(1)
	p.took.Store(int32(n)) // #nosec G115 -- few
	live := a
	if m.Qos == 2 && len(a.live) > 0 { // exactly once: not before all else has succeeded
		live = &audience{live: slices.Clone(a.live)}
	}
	p.end = func(p *publishing) {
		err := p.err.Load()
		if err == nil && m.Qos == 2 && live != a {
			p.took.Add(int32(live.deliver(m))) // #nosec G115 -- few
		}
		done(int(p.took.Load()), err)
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
	a := audiences.Get().(*audience)
	a.live, a.users, a.nodes, a.local = a.live[:0], a.users[:0], a.nodes[:0], 0
	t.change(m.App, rest, false, func(n *topicNode) {
		for _, g := range n.shares {
			if g.group == group && len(g.all) > 0 {
				a.choose(g, m)
			}
		}
	})
	defer a.release()
	a.deliver(m)
	for _, q := range a.users {
		p := &publishing{end: func(*publishing) {}}
		p.left.Store(1)
		t.queue(m, q, p)
	}
}

// PublishWill publishes a will as of now. The expiry of its message, if it has
// one, is below zero: seconds from its publication.
func (t *Topics) PublishWill(w *Will, done func(took int, err *Error)) {
	m, now := w.Message, t.home.Now()
	if m.ExpiresAt < 0 || m.At != now {
		m = &TopicMessage{Topic: m.Topic, Payload: m.Payload, Qos: m.Qos, Retain: m.Retain, Attributes: m.Attributes, ExpiresAt: m.ExpiresAt,
			At: now, App: m.App, User: m.User, Client: m.Client, Once: m.Once}
	}
	if m.ExpiresAt < 0 {
		m.ExpiresAt = now - m.ExpiresAt*1000
	}
	t.Publish(m, done)
}

// queue lets the message wait for a user's sessions.
func (t *Topics) queue(m *TopicMessage, q queueFor, p *publishing) {
	r := NewRequest(q.user, &QueueMessage{Message: m, Client: q.client, Filter: q.filter})
	if len(m.Once) == 16 {
		r.Once = Once{Key: [16]byte(m.Once), Digest: 1}
	}
	r.OnReply(func(r *Request) {
		err, n := r.Answer.Err, r.Answer.N
		if err == nil || err.Code != Unavailable {
			r.Release()
		}
		p.done(n, err)
	})
	t.home.Router.Send(q.user, r)
}

package topic

import (
	"slices"
	"sync"
	"sync/atomic"

	"reddot/actors"
)

// An audience is who gets a message.
type audience struct {
	live   []*Subscription // of those connected here
	chosen []*Subscription // likewise, of shared subscriptions
	users  []queueFor
	others []nodeShare
	nodes  matched
	local  int // sessions that match and want nothing of their own
}

// queueFor is a message on its way to a user's sessions, or to one of them.
type queueFor struct {
	user           actors.Key
	client, filter string
}

var audiences = sync.Pool{New: func() any { return new(audience) }}

func newAudience() *audience {
	a := audiences.Get().(*audience)
	a.live, a.chosen, a.users, a.others, a.nodes, a.local = a.live[:0], a.chosen[:0], a.users[:0], a.others[:0], a.nodes[:0], 0
	return a
}

// audience returns who gets a message.
func (t *Broker) audience(m *actors.TopicMessage) *audience {
	a := newAudience()
	t.mu.RLock()
	defer t.mu.RUnlock()
	root := t.apps[m.App]
	if root == nil {
		return a
	}
	a.nodes.match(root, m.Topic, actors.AnyLevel(m.Topic))
	for _, n := range a.nodes {
		a.direct(n, m)
		for _, f := range n.others {
			if to := (nodeShare{node: f.node}); !slices.Contains(a.others, to) {
				a.others = append(a.others, to)
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
func (a *audience) direct(n *node, m *actors.TopicMessage) {
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
func (s *Subscription) takes(m *actors.TopicMessage) bool {
	return !s.Durable || min(s.QoS, uint8(m.Qos)) == 0
}

// isLocal tells whether the session has published the message itself, and
// wants none of its own [MQTT-3.8.3-3].
func (s *Subscription) isLocal(m *actors.TopicMessage) bool {
	return s.NoLocal && s.Subscriber.Is(m.User, m.Client)
}

// choose gives the message to one of those who share a subscription, in turn:
// to one that is connected, here or elsewhere, if one is (MQTT 5, 4.8.2).
func (a *audience) choose(g *share, m *actors.TopicMessage) { a.pick(g, m, actors.ShareMember{}, true) }

// pick is choose without one of them, and, if anybody is false, without those
// that are away. False: there is nobody.
func (a *audience) pick(g *share, m *actors.TopicMessage, not actors.ShareMember, anybody bool) bool {
	turn := int(atomic.AddUint32(&g.next, 1) - 1)
	here := 0
	for i := range g.all {
		if g.all[i].sub != nil {
			here++
		}
	}
	all := here
	for _, f := range g.others {
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
	for _, f := range g.others {
		if turn -= f.n; turn < 0 {
			a.others = append(a.others, nodeShare{f.node, g.filter})
			break
		}
	}
	return true
}

// pickAway gives the message to one of those that are away.
func (a *audience) pickAway(g *share, turn int, not actors.ShareMember) bool {
	for i := range g.all {
		if one := &g.all[(turn+i)%len(g.all)]; one.User != not.User || one.Client != not.Client {
			a.users = append(a.users, queueFor{one.User, one.Client, g.filter})
			return true
		}
	}
	return false
}

// chooseHere is choose among those that are connected here.
func (a *audience) chooseHere(g *share, m *actors.TopicMessage) {
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
func (a *audience) take(g *share, m *actors.TopicMessage, nth int) {
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
	clear(a.others)
	clear(a.nodes)
	audiences.Put(a)
}

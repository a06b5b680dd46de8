package topic

import (
	"slices"
	"sync"

	"reddot/actors"
)

// A Subscriber is a session whose connection is on this node.
type Subscriber interface {
	// Deliver takes messages of a topic that some of its subscriptions match;
	// which of them lets it have a message, Subscription.Brings tells. It
	// must not block, nor send to an actor, nor keep subs.
	Deliver(p *Push, subs []*Subscription)
	// Is tells whether it is the session of the client.
	Is(user, client string) bool
}

// Broker is the live publish/subscribe of one node: the filters of the sessions
// that are connected here, and of the users for whose sessions messages wait,
// wherever they live. Of other nodes it knows by which filters they have
// sessions (nodes.go), and gives them what those match.
//
// Its tree has a lock of its own, which is held for a change or a look and
// never while anything is sent.
type Broker struct {
	home      *actors.Home
	mu        sync.RWMutex
	apps      map[string]*node
	interests map[actors.Key]*actors.Interest // what outlives connections, of all users of all nodes
	sessions  map[string]actors.SessionTotal  // of those, by app

	nodes   Nodes // nil: this node is alone
	counts  map[filterKey]int
	changes map[filterKey]struct{}
	others  map[string]map[filterKey]int // by node

	rounds rounds
}

// New returns the broker of a node.
func New(h *actors.Home) *Broker {
	t := &Broker{home: h, apps: map[string]*node{}, interests: map[actors.Key]*actors.Interest{}, sessions: map[string]actors.SessionTotal{}}
	t.rounds.room.L = &t.rounds.mu
	return t
}

func (t *Broker) edit(app, filter string, grow bool, fn func(*node)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.editLocked(app, filter, grow, fn)
}

// editLocked is edit with mu held.
func (t *Broker) editLocked(app, filter string, grow bool, fn func(*node)) {
	root := t.apps[app]
	if root == nil {
		root = &node{}
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
func (t *Broker) Subscribe(app string, s *Subscription, user actors.Key, client string) {
	group, filter, shared := actors.SplitShare(s.Filter)
	t.edit(app, filter, true, func(n *node) {
		if !shared {
			if len(n.subs) > 0 {
				s.Filter = n.subs[0].Filter // all hold one string
			}
			n.subs = append(n.subs, s)
			t.count(app, s.Filter, 1)
			return
		}
		t.count(app, s.Filter, 1)
		g := n.share(group, s.Filter)
		s.Filter = g.filter
		if i := slices.IndexFunc(g.all, func(m member) bool { return user != "" && m.User == user && m.Client == client }); i >= 0 {
			g.all[i].sub = s
			return
		}
		g.all = append(g.all, member{actors.ShareMember{User: user, Client: client}, s})
	})
}

// Unsubscribe takes a subscription away. stays says that its session shares it
// further while it is away.
func (t *Broker) Unsubscribe(app string, s *Subscription, stays bool) {
	group, filter, shared := actors.SplitShare(s.Filter)
	t.edit(app, filter, false, func(n *node) {
		if !shared {
			if i := slices.Index(n.subs, s); i >= 0 {
				n.subs = slices.Delete(n.subs, i, i+1)
			}
			t.count(app, s.Filter, -1)
			return
		}
		t.count(app, s.Filter, -1)
		if !stays {
			n.leave(group, func(m member) bool { return m.sub == s }, "")
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
func (t *Broker) Announce(done func()) {
	switch {
	case t.nodes != nil:
		t.nodes.Announce(done)
	case done != nil:
		done()
	}
}

package actors

import (
	"github.com/asynkron/protoactor-go/actor"
)

// Exchange is the actor of a node that knows which sessions are connected here
// while their users live on other nodes: it hands on what those tell, and lets
// the sessions ask again for their users when it may be that nothing can be
// told any more.
type Exchange struct {
	home  *Home
	links map[uint64]plugged
}

// startExchange starts the node's exchange.
func startExchange(h *Home) *actor.PID {
	x := &Exchange{home: h, links: map[uint64]plugged{}}
	return h.System.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return x },
		WithMailbox(x)))
}

// Bounced implements MailboxHost: the exchange does not stop.
func (x *Exchange) Bounced(string, any) {}

// Panicked implements MailboxHost.
func (x *Exchange) Panicked(_ string, reason any, stack []byte) {
	x.home.Panicked("exchange", reason, stack)
}

// Receive is the actor's table of contents.
func (x *Exchange) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *plug:
		x.links[m.link.ID()] = m.plugged
	case *unplug:
		delete(x.links, m.id)
	case *tidings:
		x.tell(m)
	case *NodeLost:
		x.lost(func(p plugged) bool { return p.node == m.Node })
	case *Reattach:
		x.lost(func(p plugged) bool { return m.Shards.Has(ShardOf(p.key)) })
	}
}

// tell hands on what a user tells. Where something before it was lost, with a
// link that broke, the session asks again: what it hears then is whole.
func (x *Exchange) tell(m *tidings) {
	p, ok := x.links[m.link]
	if !ok {
		return // it has ended
	}
	if m.turn != 0 {
		if m.turn != p.turn {
			return // of a way that was known before this one
		}
		if p.told++; m.n != p.told {
			delete(x.links, m.link)
			p.link.Lost()
			return
		}
		x.links[m.link] = p
	}
	switch m.what {
	case tidingWaits:
		p.link.Waits(m.waits)
	case tidingReplaced:
		delete(x.links, m.link)
		p.link.Replaced()
	case tidingLost:
		delete(x.links, m.link)
		p.link.Lost()
	}
}

// lost lets sessions ask again for their users.
func (x *Exchange) lost(which func(plugged) bool) {
	for id, p := range x.links {
		if which(p) {
			delete(x.links, id)
			p.link.Lost()
		}
	}
}

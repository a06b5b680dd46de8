package gateway

import (
	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// Exchange is the actor of a node that knows which sessions are connected here
// while their users live on other nodes: it hands on what those tell, and lets
// the sessions ask again for their users when it may be that nothing can be
// told any more.
type Exchange struct {
	home  *actors.Home
	links map[uint64]actors.RemoteSession
}

// startExchange starts the node's exchange.
func startExchange(h *actors.Home) *actor.PID {
	x := &Exchange{home: h, links: map[uint64]actors.RemoteSession{}}
	return h.System.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return x },
		actors.WithMailbox(x)))
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
	case *actors.Register:
		x.links[m.Link.ID()] = m.RemoteSession
	case *actors.Unregister:
		delete(x.links, m.ID)
	case *actors.Notice:
		x.notify(m)
	case *actors.NodeLost:
		x.lost(func(p actors.RemoteSession) bool { return p.Node == m.Node })
	case *actors.Reattach:
		x.lost(func(p actors.RemoteSession) bool { return m.Shards.Has(actors.ShardOf(p.Key)) })
	}
}

// notify hands on what a user tells. Where something before it was lost, with a
// link that broke, the session asks again: what it hears then is whole.
func (x *Exchange) notify(m *actors.Notice) {
	p, ok := x.links[m.Link]
	if !ok {
		return // it has ended
	}
	if m.Turn != 0 {
		if m.Turn != p.Turn {
			return // of a way that was known before this one
		}
		if p.Notices++; m.N != p.Notices {
			delete(x.links, m.Link)
			p.Link.Lost()
			return
		}
		x.links[m.Link] = p
	}
	switch m.Kind {
	case actors.NoticeQueued:
		p.Link.Queued(m.Queued)
	case actors.NoticeReplaced:
		delete(x.links, m.Link)
		p.Link.Replaced()
	case actors.NoticeLost:
		delete(x.links, m.Link)
		p.Link.Lost()
	}
}

// lost lets sessions ask again for their users.
func (x *Exchange) lost(which func(actors.RemoteSession) bool) {
	for id, p := range x.links {
		if which(p) {
			delete(x.links, id)
			p.Link.Lost()
		}
	}
}

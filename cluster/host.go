package cluster

import (
	"time"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/cluster/membership"
)

// host is a node as its membership sees it.
type host Node

var _ membership.Host = (*host)(nil)

func (h *host) node() *Node { return (*Node)(h) }

// newMembership returns what tells the node who the others are.
func (n *Node) newMembership(store membership.Store) (*membership.Membership, error) {
	c := n.cfg.Cluster
	return membership.New(membership.Config{
		Node: n.cfg.Name, Cluster: c.Name, Bind: c.Bind, Advertise: c.Advertise, Seeds: c.Join, GossipKey: c.gossipKey(), KeyPrint: c.keyPrint(),
		Links: n.peersAddr, Least: n.wire.least, Most: n.wire.most,
		Store: store, Log: n.cfg.Log, Now: n.cfg.Now, Dial: n.connect,
		Lookup: n.doubles.lookup, Transport: n.doubles.transport, Pace: n.doubles.pace, Mute: n.doubles.mute,
	}, (*host)(n))
}

// Peers implements membership.Host.
func (h *host) Peers() []membership.Peer {
	peers := h.peers.list()
	list := make([]membership.Peer, len(peers))
	for i, p := range peers {
		list[i] = p
	}
	return list
}

// Suspended implements membership.Host.
func (h *host) Suspended() bool { return h.suspended.Load() != nil }

// Empty implements membership.Host.
func (h *host) Empty() bool { return h.node().shards() == 0 && h.dir.len() == 0 }

// SetPeers implements membership.Host.
func (h *host) SetPeers(members map[string]string) { h.node().setPeers(members) }

// Assign implements membership.Host.
func (h *host) Assign(owners []string, members map[string]string) {
	alive := make(map[string]bool, len(members))
	for name := range members {
		alive[name] = true
	}
	h.owners.Store(&owners)
	if h.suspended.Swap(nil) != nil {
		h.cfg.Log.Info("this node goes on")
	}
	h.place.send(&assign{owners, alive})
}

// Suspend implements membership.Host.
func (h *host) Suspend(why *actors.Error) {
	first := h.suspended.Swap(why) == nil
	if first {
		h.cfg.Log.Error("cut off: this node acknowledges nothing", "why", why)
	}
	h.place.send(&suspend{why})
	if first {
		h.Spawn(func() {
			h.node().endAll(func() *gateway.EndWhere {
				return &gateway.EndWhere{Why: actors.EndFailed, Match: func(*gateway.Conn) bool { return true }}
			})
		})
	}
}

// Confirm implements membership.Host.
func (h *host) Confirm(present []actors.Taken, began time.Time) {
	h.node().confirm(present, int64(began.Sub(h.started)))
}

// SetClockApart implements membership.Host.
func (h *host) SetClockApart(d time.Duration) { h.clockApart.Store(int64(d)) }

// Fail implements membership.Host.
func (h *host) Fail(err error) { h.node().fail(err) }

// Spawn implements membership.Host.
func (h *host) Spawn(fn func()) { h.node().spawn(fn) }

// Stopping implements membership.Host.
func (h *host) Stopping() <-chan struct{} { return h.stop }

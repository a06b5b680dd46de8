package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/cluster/membership"
	"reddot/cluster/stream"
)

// A ClusterConfig says how a node finds others and lets itself be found.
type ClusterConfig struct {
	// Name keeps clusters apart that can reach each other. Default: reddot.
	Name string
	// Bind is the address of the gossip, UDP and TCP. Port 0 takes a free one.
	Bind string
	// Advertise is where the others reach Bind, host:port; empty: at Bind.
	Advertise string
	// Peers is the address at which links are taken. Default: the host of
	// Bind, and a free port.
	Peers string
	// AdvertisePeers is where the others reach Peers, host:port; empty: at the
	// host of Advertise or Bind.
	AdvertisePeers string
	// Join are the addresses of some nodes' gossip, host:port; host may be a
	// DNS name. They need not be there yet.
	Join []string
	// Key is the secret of the cluster, 32 bytes: gossip is encrypted with it,
	// and links use certificates that are derived from it. Empty: plain text,
	// on loopback only.
	Key []byte
	// TLS are the certificates of links, in place of derived ones.
	TLS LinkTLS
	// Settings returns those settings of this node that concern the others, by
	// which they compare themselves when they link. Nil: none.
	Settings func() []Setting
}

// A Setting is one that nodes compare.
type Setting struct {
	Name  string // as people know it
	Value string // or a digest of it
	// Alike is set where two nodes that differ would harm each other: they do not
	// link. Else a difference is logged.
	Alike bool
}

func (c *ClusterConfig) check() error {
	if c.Name == "" {
		c.Name = "reddot"
	}
	if len(c.Name) > 64 {
		return errors.New("name: longer than 64 bytes")
	}
	if len(c.Key) != 0 && len(c.Key) != keyLen {
		return fmt.Errorf("key: %d bytes, want %d", len(c.Key), keyLen)
	}
	host, _, err := membership.SplitAddr(c.Bind)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if len(c.Key) == 0 && !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("key: without a key nodes talk in plain text, and %s is not on loopback", c.Bind)
	}
	if c.Peers == "" {
		c.Peers = net.JoinHostPort(host, "0")
	}
	return nil
}

// gossipKey returns the key of the gossip's encryption; nil: none.
func (c *ClusterConfig) gossipKey() []byte {
	if len(c.Key) == 0 {
		return nil
	}
	key, err := derive(c.Key, "gossip")
	if err != nil {
		panic(err) // a hash of a fixed length has enough bytes
	}
	return key
}

// keyPrint tells the cluster's key from others, and does not tell it; nil: there
// is none.
func (c *ClusterConfig) keyPrint() []byte {
	if len(c.Key) == 0 {
		return nil
	}
	b, err := derive(c.Key, "print")
	if err != nil {
		panic(err) // a hash of a fixed length has enough bytes
	}
	return b[:8]
}

// versions are the wire versions that a node speaks.
type versions struct{ least, most uint32 }

// startCluster joins the others.
func (n *Node) startCluster(ctx context.Context) error {
	shared, ok := n.store.(membership.Store)
	if !ok {
		return errors.New("a cluster needs a store that its nodes share")
	}
	var err error
	if n.tls, err = n.cfg.Cluster.linkTLS(); err != nil {
		return err
	}
	if err := n.listenPeers(ctx); err != nil {
		return err
	}
	if n.membership, err = n.newMembership(shared); err != nil {
		return err
	}
	n.dir.empty = func(shard uint16) { n.place.send(&vacated{shard}) }
	n.spawn(func() { n.servePeers() })
	if err := n.membership.Start(n.system); err != nil {
		return err
	}
	n.every(heartbeatEvery, n.heartbeat)
	n.every(flushEvery, n.flushAll)
	n.every(reattachLook, n.reattachDue)
	n.every(time.Second, n.endStranded)
	n.every(time.Second, func() { n.reattach.conns.Store(int64(n.connections())) })
	n.every(tickEvery, func() { n.place.send(&tick{}) })
	return nil
}

// listenPeers opens the port for links.
func (n *Node) listenPeers(ctx context.Context) error {
	ln, err := n.cfg.Listen(ctx, n.cfg.Cluster.Peers)
	if err != nil {
		return fmt.Errorf("listen for links: %w", err)
	}
	n.peersAddr = n.cfg.Cluster.AdvertisePeers
	if n.peersAddr == "" {
		_, port, err := net.SplitHostPort(ln.Addr().String())
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		host, _, err := membership.SplitAddr(cmp.Or(n.cfg.Cluster.Advertise, n.cfg.Cluster.Bind))
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		n.peersAddr = net.JoinHostPort(host, port)
	}
	n.listener = ln
	n.server = stream.NewServer(ln, stream.ServerConfig{
		TLS: n.tls, Serve: n.serveLink, Refused: n.metrics.Strangers.Inc, Patience: n.patience,
		Panicked: func(reason any, stack []byte) {
			n.cfg.Log.Error("a link panicked and was ended", "reason", reason, "stack", string(stack))
		},
	})
	return nil
}

func (n *Node) servePeers() {
	if err := n.server.Serve(); err != nil {
		n.fail(fmt.Errorf("links can't be taken any more: %w", err))
	}
}

// fail reports why the node can't go on.
func (n *Node) fail(err error) {
	n.cfg.Log.Error("the node can't go on", "err", err)
	why := actors.Errorf(actors.Unavailable, "this node has left the cluster; try another one")
	n.suspended.Store(why)
	n.place.send(&suspend{why})
	if n.cfg.Failed != nil {
		n.cfg.Failed(err)
	}
}

// spawn runs fn in a goroutine that Stop waits for.
func (n *Node) spawn(fn func()) {
	n.done.Add(1)
	go func() {
		defer n.done.Done()
		fn()
	}()
}

// address sends to one actor of this node.
type address struct {
	system *actor.ActorSystem
	pid    *actor.PID
}

func (a address) send(m any) { a.system.Root.Send(a.pid, m) }

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
	n.dir.empty = func(shard uint16) { n.place.send(&emptied{shard}) }
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
		TLS: n.tls, Serve: n.serveLink, Refused: n.metrics.Strangers.Inc, Patience: n.doubles.patience,
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

package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/gateway"
)

// connectedHere returns which users of an app have a connection on this node.
func (n *Node) connectedHere(app string) []actors.Key {
	var mu sync.Mutex
	seen := make(map[actors.Key]bool)
	var wait sync.WaitGroup
	for _, g := range n.gateways {
		wait.Add(1)
		n.system.Root.Send(g.PID(), &gateway.Users{App: app, Reply: func(keys []actors.Key) {
			mu.Lock()
			for _, k := range keys {
				seen[k] = true
			}
			mu.Unlock()
			wait.Done()
		}})
	}
	wait.Wait()
	out := make([]actors.Key, 0, len(seen))
	for k := range seen {
		out = append(out, k)
	}
	return out
}

// connections returns how many connections this node holds.
func (n *Node) connections() int {
	none := func(*gateway.Conn) bool { return false }
	return n.endAll(func() *gateway.EndWhere { return &gateway.EndWhere{Match: none} })
}

// endAll lets each gateway end connections, and returns how many are left.
func (n *Node) endAll(which func() *gateway.EndWhere) int {
	var left atomic.Int64
	var wait sync.WaitGroup
	for _, g := range n.gateways {
		m := which()
		m.Reply = func(conns int) {
			left.Add(int64(conns))
			wait.Done()
		}
		wait.Add(1)
		n.system.Root.Send(g.PID(), m)
	}
	wait.Wait()
	return int(left.Load())
}

// pause waits for d; false: there is nothing to wait for, or ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 || ctx.Err() != nil {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Leave hands this node's shards over to the others: it says so, lets its
// actors finish what they have begun, and wakes no more. Requests go on, to
// the new owners. It returns when nobody is awake here any more, or with the
// error of ctx.
func (n *Node) Leave(ctx context.Context) error {
	if owners := n.owners.Load(); n.membership == nil || owners == nil || len(*owners) < 2 || n.leaving.Swap(true) {
		return nil
	}
	n.heartbeat()
	if err := n.membership.Leave(ctx); err != nil {
		n.cfg.Log.Warn("not all nodes may know that this one leaves", "err", err)
	}
	for n.dir.len() > 0 || n.shards() > 0 {
		if !pause(ctx, 5*time.Millisecond) {
			return fmt.Errorf("node: %d actors and %d shards were not handed over: %w", n.dir.len(), n.shards(), ctx.Err())
		}
	}
	return nil
}

// Stop lets every actor finish what it has begun, wakes no more, and stops
// them. Connections that are left are ended at once: whoever wants to be kind
// to clients does so before. The store must be closed after it. The error says
// what was still under way when ctx ended; what was not answered may or may
// not be stored.
func (n *Node) Stop(ctx context.Context) error {
	if n.stopping.Swap(true) {
		return nil
	}
	n.endAll(func() *gateway.EndWhere { return &gateway.EndWhere{Why: actors.EndDrain, Close: true} })
	close(n.stop)
	n.closed.Store(true)
	defer n.system.Shutdown()
	defer n.done.Wait()
	err := n.stopActors(ctx)
	n.flushAll()
	if n.membership != nil {
		err = errors.Join(err, n.stopCluster(ctx))
	}
	return err
}

// politeRounds is how often actors are asked to sleep, in which they write
// down what lets them wake quickly, before they are told to end: connections on
// other nodes keep them from sleeping.
const politeRounds = 20

// stopActors stops all actors that have nothing under way.
func (n *Node) stopActors(ctx context.Context) error {
	for round := 0; ; round++ {
		var m any = &actors.Passivate{}
		if round >= politeRounds {
			m = &actors.Move{}
		}
		n.dir.each(func(_ actors.Key, a *activation) { a.proc.SendUserMessage(a.pid, m) })
		left := n.dir.len()
		if left == 0 {
			return nil
		}
		if !pause(ctx, 5*time.Millisecond) {
			n.dir.each(func(_ actors.Key, a *activation) { n.system.Root.Stop(a.pid) })
			return fmt.Errorf("node: %d actors were still busy: %w", left, ctx.Err())
		}
	}
}

// stopCluster says farewell to the others.
func (n *Node) stopCluster(ctx context.Context) error {
	n.flushLinks(ctx)
	err := n.membership.Shutdown(true)
	n.closePeers()
	n.server.Stop()
	n.membership.Forget()
	if err != nil {
		return fmt.Errorf("node: leave the gossip: %w", err)
	}
	return nil
}

// flushLinks waits until what was said to the others has left.
func (n *Node) flushLinks(ctx context.Context) {
	for _, p := range n.peers.list() {
		for l := p.link.Load(); l != nil && l.cause() == nil; {
			if queued, _ := l.pending(); queued == 0 || !pause(ctx, time.Millisecond) {
				break
			}
		}
	}
}

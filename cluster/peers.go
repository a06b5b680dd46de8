package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/cluster/membership"
	"reddot/cluster/stream"
	"reddot/cluster/wire"
)

// A peer is another node, by its name: one life of one process. It is the
// actor.Process behind every address on that node: protoactor hands it what is
// sent there.
type peer struct {
	node       *Node
	name       string
	addr       string     // where it takes links
	opening    sync.Mutex // held while a link takes the place of another
	link       atomic.Pointer[link]
	removed    atomic.Bool  // it is no member any more
	lastHeard  atomic.Int64 // when something last came, by links before this one
	refused    atomic.Int32
	everLinked atomic.Bool           // there has been a link
	lastError  atomic.Pointer[error] // there is none; nil: none was tried
	downSince  atomic.Int64          // since when the link was seen to be down, of the node's clock; 0: it is up
	stop       context.CancelFunc
	pids       sync.Map // of its gateways' ids: their addresses
	waiters    linkWaiters
}

var (
	_ actor.Process   = (*peer)(nil)
	_ membership.Peer = (*peer)(nil)
)

// SendUserMessage implements actor.Process. What can't be sent is lost, as all
// else that was under way when the link ended: both sides begin anew.
func (p *peer) SendUserMessage(pid *actor.PID, m any) {
	f, err := wire.EncodeFrame(m, pid, p.node.cfg.Name)
	if err != nil {
		p.node.metrics.Refused.Inc()
		p.node.cfg.Log.Error("a message can't cross nodes", "to", p.name, "err", err)
		return
	}
	p.send(f)
}

// SendSystemMessage implements actor.Process. Nobody watches or stops actors
// of other nodes.
func (p *peer) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (p *peer) Stop(*actor.PID) {}

// send queues a frame; false: there is no link.
func (p *peer) send(f *wire.Frame) bool {
	l := p.link.Load()
	if l == nil {
		return false
	}
	err := l.enqueue(f)
	if err != nil && !errors.Is(err, errLinkDown) {
		p.node.metrics.Refused.Inc()
		p.node.cfg.Log.Error("a message can't cross nodes", "to", p.name, "err", err)
	}
	return err == nil
}

// Name implements membership.Peer.
func (p *peer) Name() string { return p.name }

// Addr implements membership.Peer.
func (p *peer) Addr() string { return p.addr }

// Hears implements membership.Peer.
func (p *peer) Hears() bool {
	l := p.link.Load()
	return l != nil && !l.leaving.Load() && l.silent(p.node) < quietTime
}

// Speaks implements membership.Peer.
func (p *peer) Speaks() bool {
	l := p.link.Load()
	return l != nil && l.bothWays.Load() && !l.stuck(p.node)
}

// Silent implements membership.Peer.
func (p *peer) Silent() time.Duration {
	heard := p.lastHeard.Load()
	if l := p.link.Load(); l != nil {
		heard = max(heard, l.lastHeard.Load())
	}
	return time.Duration(p.node.clock() - heard)
}

// Failure implements membership.Peer.
func (p *peer) Failure() error {
	if l := p.link.Load(); l != nil {
		switch silent, deaf := l.silent(p.node), time.Duration(l.peerSilent.Load()); {
		case silent > quietTime:
			return fmt.Errorf("nothing has come for %v", silent.Round(100*time.Millisecond))
		case deaf > quietTime:
			return fmt.Errorf("it has heard nothing for %v", deaf.Round(100*time.Millisecond))
		}
		return nil
	}
	if err := p.lastError.Load(); err != nil {
		return *err
	}
	return nil
}

// pid returns the address of one of the peer's actors, the same each time.
func (p *peer) pid(id string) *actor.PID {
	if pid, ok := p.pids.Load(id); ok {
		return pid.(*actor.PID)
	}
	pid, _ := p.pids.LoadOrStore(id, actor.NewPID(p.name, id))
	return pid.(*actor.PID)
}

// peers are the other nodes.
type peers struct {
	mu     sync.RWMutex
	all    map[string]*peer
	closed bool // there will be no more
}

// get returns the peer with the name; nil: there is none.
func (ps *peers) get(name string) *peer {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return ps.all[name]
}

// list returns all peers.
func (ps *peers) list() []*peer {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	list := make([]*peer, 0, len(ps.all))
	for _, p := range ps.all {
		list = append(list, p)
	}
	return list
}

// setPeers makes the members, by name and address, the present peers. Of each
// pair of nodes, the one whose name comes first keeps the link.
func (n *Node) setPeers(members map[string]string) {
	n.peers.mu.Lock()
	if n.peers.closed {
		members = nil
	}
	var left, joined []*peer
	for name, p := range n.peers.all {
		if members[name] != p.addr {
			delete(n.peers.all, name)
			left = append(left, p)
		}
	}
	for name, addr := range members {
		if name == n.cfg.Name || n.peers.all[name] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		p := &peer{node: n, name: name, addr: addr, stop: cancel}
		p.lastHeard.Store(n.clock())
		n.peers.all[name] = p
		joined = append(joined, p)
		n.done.Add(1)
		go func() {
			defer n.done.Done()
			p.keepLink(ctx)
		}()
	}
	n.peers.mu.Unlock()
	for _, p := range left {
		p.remove()
	}
	for _, p := range joined {
		n.cfg.Log.Info("a node has joined", "node", p.name, "address", p.addr)
	}
}

// closePeers ends all links for good.
func (n *Node) closePeers() {
	n.peers.mu.Lock()
	n.peers.closed = true
	n.peers.mu.Unlock()
	n.setPeers(nil)
}

// remove ends the link to a node that is no member any more.
func (p *peer) remove() {
	p.node.cfg.Log.Info("a node is no member any more", "node", p.name)
	p.removed.Store(true)
	p.callWaiters()
	p.stop()
	if l := p.link.Load(); l != nil {
		l.fail(errors.New("it is no member any more"))
	}
}

// The pauses between attempts to reach a peer.
const (
	firstRedial = 50 * time.Millisecond
	lastRedial  = time.Second
)

// keepLink keeps the link up if that is this node's part, and else looks whether
// a peer without a link is still there.
func (p *peer) keepLink(ctx context.Context) {
	wait := firstRedial
	for ctx.Err() == nil {
		if l := p.link.Load(); l != nil {
			select {
			case <-l.done:
			case <-ctx.Done():
			}
			wait = firstRedial
			continue
		}
		err := p.reach(ctx)
		if p.countRefusals(ctx, err); err != nil {
			p.lastError.Store(&err)
		}
		if err == nil && p.link.Load() != nil {
			continue
		}
		if err != nil && ctx.Err() == nil {
			p.node.cfg.Log.Debug("a node can't be reached", "node", p.name, "err", err)
		}
		if !pause(ctx, wait/2+rand.N(wait)) {
			return
		}
		wait = min(2*wait, lastRedial)
	}
}

// reach links to the peer, or, where the peer is to do that, finds out whether
// anybody listens there.
func (p *peer) reach(ctx context.Context) error {
	if p.node.cfg.Name < p.name {
		c, err := stream.Dial(ctx, p.addr, p.node.tls, p.node.connect)
		if err != nil {
			return err
		}
		return p.node.openLink(p, c)
	}
	ctx, cancel := context.WithTimeout(ctx, stream.DialTimeout)
	defer cancel()
	c, err := p.node.connect(ctx, p.addr)
	if err != nil {
		return err
	}
	return c.Close()
}

// refusals is how often in a row a peer's machine must say that nobody listens
// at its address, before that process is taken for dead.
const refusals = 3

// countRefusals counts refused connections. They come at once when a process was
// killed, long before its silence says as much. Where there never was a link the
// address may be wrong.
func (p *peer) countRefusals(ctx context.Context, err error) {
	switch {
	case err == nil || !errors.Is(err, syscall.ECONNREFUSED):
		p.refused.Store(0)
	case ctx.Err() == nil && p.everLinked.Load() && p.refused.Add(1) == refusals:
		p.node.membership.Exited(p.name, "nobody listens where it was")
	}
}

// connect dials a peer's address.
func (n *Node) connect(ctx context.Context, addr string) (net.Conn, error) {
	if n.doubles.reachable != nil && !n.doubles.reachable(addr) {
		return nil, fmt.Errorf("%s is cut off", addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

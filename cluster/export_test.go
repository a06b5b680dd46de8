package cluster

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/cluster/membership"
	"reddot/cluster/wire"
)

// WireMost is the newest wire version.
const WireMost = wireMost

// Lease is after how much silence a link is given up.
const Lease = silenceLimit

// LinkLook is a time in which a node looks at its links.
const LinkLook = 500 * time.Millisecond

// Speaks tells whether the link to another node speaks, both ways.
func (n *Node) Speaks(name string) bool {
	p := n.peers.get(name)
	return p != nil && p.Hears() && p.Speaks()
}

// AdvertiseLinks sets where others reach this node's port for links.
func (n *Node) AdvertiseLinks(addr string) { n.cfg.Cluster.AdvertisePeers = addr }

// SetStrangerTime sets how long connections to a node that has not started may take
// to say hello.
func (n *Node) SetStrangerTime(d time.Duration) { n.doubles.patience = d }

// LinksAddr returns where the node takes links.
func (n *Node) LinksAddr() string { return n.listener.Addr().String() }

// Stale tells whether the node has found that another one leaves no sign in the
// store any more.
func (n *Node) Stale(name string) bool { return !n.membership.HandsOver(name) }

// SetSeeds sets where the node looks for others.
func (n *Node) SetSeeds(addrs ...string) { n.cfg.Cluster.Join = addrs }

// SetLookup sets how names are resolved.
func (n *Node) SetLookup(fn func(ctx context.Context, host string) ([]net.IPAddr, error)) {
	n.doubles.lookup = fn
}

// A Network cuts nodes of one process off from each other.
type Network struct {
	mu   sync.Mutex
	all  map[*Node]int     // the side that each is on; nodes reach those of their own
	mute map[[2]*Node]bool // the links between these are silent
}

// NewNetwork returns a network in which all reach each other.
func NewNetwork() *Network { return &Network{all: map[*Node]int{}, mute: map[[2]*Node]bool{}} }

// Mute lets no link come up between two nodes, and ends the one that is there,
// while gossip goes on.
func (w *Network) Mute(a, b *Node) {
	w.mu.Lock()
	w.mute[[2]*Node{a, b}], w.mute[[2]*Node{b, a}] = true, true
	w.mu.Unlock()
	for n, o := range map[*Node]*Node{a: b, b: a} {
		if p := n.peers.get(o.cfg.Name); p != nil {
			if l := p.link.Load(); l != nil {
				l.fail(errors.New("mute"))
			}
		}
	}
}

// Unmute lets all links come up again.
func (w *Network) Unmute() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.mute)
}

// SetSettings lets a node that has not started have settings that others compare.
func (n *Node) SetSettings(fn func() []Setting) { n.cfg.Cluster.Settings = fn }

// SetTies sets after how much silence a link is lost, and for how long it must
// speak before it counts again.
func (n *Node) SetTies(lost, holds time.Duration) {
	n.doubles.pace = membership.Pace{Lost: lost, Recovered: holds}
}

// SetAnnounces lets a node that has not started say nothing of its links, as older
// programs do.
func (n *Node) SetAnnounces(on bool) { n.doubles.mute = !on }

// Join lets a node that has not started be part of the network.
func (w *Network) Join(n *Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all[n] = 0
	n.doubles.reachable = func(addr string) bool { return w.reaches(n, addr) }
	n.doubles.transport = func(c *memberlist.Config) (memberlist.Transport, error) {
		t, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{c.BindAddr}, BindPort: c.BindPort, Logger: nil, MetricLabels: nil})
		if err != nil {
			return nil, err
		}
		c.BindPort = t.GetAutoBindPort()
		c.AdvertisePort = c.BindPort
		w.mu.Lock()
		n.cfg.Cluster.Bind = net.JoinHostPort(c.BindAddr, strconv.Itoa(c.BindPort))
		w.mu.Unlock()
		return &cuttable{t, n}, nil
	}
}

func (w *Network) reaches(n *Node, addr string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for o, side := range w.all {
		if w.mute[[2]*Node{n, o}] && o.peersAddr == addr {
			return false
		}
		if o != n && side != w.all[n] && (o.peersAddr == addr || o.cfg.Cluster.Bind == addr) {
			return false
		}
	}
	return true
}

// Cut leaves the nodes of each part with each other alone, and ends the links
// between the parts.
func (w *Network) Cut(parts ...[]*Node) {
	w.mu.Lock()
	for i, part := range parts {
		for _, n := range part {
			w.all[n] = i + 1
		}
	}
	all := make(map[*Node]int, len(w.all))
	for n, side := range w.all {
		all[n] = side
	}
	w.mu.Unlock()
	for n, side := range all {
		for _, p := range n.peers.list() {
			for o, other := range all {
				if l := p.link.Load(); o.cfg.Name == p.name && other != side && l != nil {
					l.fail(errors.New("cut"))
				}
			}
		}
	}
}

// Heal lets all reach each other.
func (w *Network) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range w.all {
		w.all[n] = 0
	}
}

type cuttable struct {
	*memberlist.NetTransport
	node *Node
}

var errCut = errors.New("cut off")

func (c *cuttable) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	if !c.node.doubles.reachable(addr.Addr) {
		return time.Now(), nil // lost
	}
	return c.NetTransport.WriteToAddress(b, addr)
}

func (c *cuttable) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if !c.node.doubles.reachable(addr.Addr) {
		return nil, errCut
	}
	return c.NetTransport.DialAddressTimeout(addr, timeout)
}

// SetGrace says how long users wait for connections that have lost their way.
func (n *Node) SetGrace(d time.Duration) { n.home.Grace = d }

// Kill ends a node as SIGKILL would: nothing is said to anybody.
func (n *Node) Kill() {
	n.stopping.Store(true)
	n.closed.Store(true)
	_ = n.listener.Close()
	_ = n.membership.Shutdown(false)
	close(n.stop)
	n.server.Stop()
	n.closePeers()
	n.endAll(func() *gateway.EndWhere { return &gateway.EndWhere{Why: actors.EndGone, Close: true} })
	n.dir.each(func(_ actors.Key, a *activation) { n.system.Root.Stop(a.pid) })
	n.done.Wait()
	n.system.Shutdown()
}

// GossipAddr returns where a node of a network gossips.
func (n *Node) GossipAddr() string { return n.cfg.Cluster.Bind }

// Owner returns whom the node takes for the owner of a shard.
func (n *Node) Owner(shard uint16) string {
	owner, _ := n.dir.parts[shard].where()
	return owner
}

// Shards returns how many shards the node owns.
func (n *Node) Shards() int { return n.shards() }

// Peers returns the names of the nodes to which there is a link.
func (n *Node) Peers() []string {
	var list []string
	for _, p := range n.peers.list() {
		if p.link.Load() != nil {
			list = append(list, p.name)
		}
	}
	slices.Sort(list)
	return list
}

// SetVersions lets a node that has not started speak other wire versions.
func (n *Node) SetVersions(least, most uint32) { n.wire = versions{least, most} }

// OwnerOf is the placement's table.
func OwnerOf(shard uint16, nodes []string) string { return ownerOf(shard, nodes) }

// Thaw lets the node believe that it stood still.
func (n *Node) Thaw() { n.retakeShards() }

// Wire returns the wire version spoken with a peer; 0: there is no link.
func (n *Node) Wire(peer string) uint32 {
	if p := n.peers.get(peer); p != nil {
		if l := p.link.Load(); l != nil {
			return l.version
		}
	}
	return 0
}

// AskUnknown sends the peer a request with a command that no program knows
// yet, and returns what it answers.
func (n *Node) AskUnknown(peer string, key actors.Key) error {
	l := n.peers.get(peer).link.Load()
	r := actors.NewRequest(key, nil)
	l.mu.Lock()
	l.lastID++
	id := l.lastID
	l.calls[id] = call{r, 0, time.Now()}
	l.mu.Unlock()
	b, err := (&wire.WireRequest{Id: id, Key: string(key), Command: 999}).MarshalVT()
	if err != nil {
		return err
	}
	// A field that no program knows yet is passed over.
	if err := l.enqueue(&wire.Frame{Type: wire.FrameType_FRAME_REQUEST, Body: append(b, 0xba, 0x3e, 2, 'h', 'i')}); err != nil {
		return err
	}
	if err := r.Wait(context.Background()); err != nil {
		return err
	}
	return r.Answer.Err
}

// FakeLink gives frames to a node as if a peer had sent them.
func (n *Node) FakeLink() func(kind int32, body []byte) error {
	p := &peer{node: n, name: "z", addr: "127.0.0.1:1"}
	n.peers.all["z"] = p
	l := newLink("z", silent{})
	p.link.Store(l)
	return func(kind int32, body []byte) error {
		return n.receive(p, l, &wire.Frame{Type: wire.FrameType(kind), Body: body})
	}
}

// silent is a stream on which nothing happens.
type silent struct{}

func (silent) Send(*wire.Batch) error { select {} }
func (silent) Recv(*wire.Batch) error { select {} }
func (silent) Close()                 {}

// SetLog lets a node that has not started log elsewhere.
func (n *Node) SetLog(log *slog.Logger) { n.cfg.Log = log }

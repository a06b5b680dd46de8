package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"

	"reddot/actors"
	"reddot/actors/gateway"
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
	host, _, err := splitAddr(c.Bind)
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

// errFenced ends a node that was away too long.
var errFenced = errors.New("fenced out: the other nodes took this one for dead and have taken its users over, as when it froze or was cut off; it ends, so that no count forks; start it again and it joins anew")

// startCluster joins the others.
func (n *Node) startCluster(ctx context.Context) error {
	records, ok := n.store.(actors.Records)
	if !ok {
		return errors.New("a cluster needs a store that its nodes share")
	}
	n.records = records
	var err error
	if n.tls, err = n.cfg.Cluster.linkTLS(); err != nil {
		return err
	}
	if err := n.listenPeers(ctx); err != nil {
		return err
	}
	if n.membership, err = newMembership(n); err != nil {
		return err
	}
	n.dir.empty = func(shard uint16) { n.place.send(&vacated{shard}) }
	n.system.EventStream.Subscribe(func(m any) {
		if t, ok := m.(*pcluster.ClusterTopology); ok {
			n.topology(t)
		}
	})
	n.spawn(func() { n.servePeers() })
	n.membership.signs.look()
	n.every(signEvery, n.membership.signs.look)
	// protoactor's cluster is started in part: its own gossip, its lookup and
	// its remote have no part in it.
	c := pcluster.New(n.system, pcluster.Configure(n.cfg.Cluster.Name, n.membership, nil, remote.Configure("", 0)))
	c.Remote = remote.NewRemote(n.system, c.Config.RemoteConfig)
	if err := n.membership.StartMember(c); err != nil {
		return err
	}
	n.every(beatEvery, n.beat)
	n.every(holdLook, n.releaseAll)
	n.every(reattachLook, n.reattachDue)
	n.every(time.Second, n.sendAway)
	n.every(time.Second, func() { n.reattach.conns.Store(int64(n.connections())) })
	n.every(glances, func() { n.place.send(&glance{}) })
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
		host, _, err := splitAddr(orElse(n.cfg.Cluster.Advertise, n.cfg.Cluster.Bind))
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		n.peersAddr = net.JoinHostPort(host, port)
	}
	n.listener = &entry{Listener: ln, patience: strangerTime, refused: n.metrics.Strangers.Inc}
	n.server = newServer(n.tls, n.serve, func(reason any, stack []byte) {
		n.cfg.Log.Error("a link panicked and was ended", "reason", reason, "stack", string(stack))
	})
	return nil
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (n *Node) servePeers() {
	if err := n.server.Serve(n.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		n.fail(fmt.Errorf("links can't be taken any more: %w", err))
	}
}

// topology is told by protoactor's list of members that it has changed.
func (n *Node) topology(t *pcluster.ClusterTopology) {
	owners := make([]string, 0, len(t.Members))
	for _, o := range t.Members {
		owners = append(owners, o.Id)
	}
	left := make([]string, 0, len(t.Left))
	for _, o := range t.Left {
		left = append(left, o.Id)
	}
	n.membership.ban(left)
	n.known = owners
	n.cfg.Log.Info("members", "nodes", strings.Join(owners, " "), "joined", len(t.Joined), "left", len(t.Left))
}

// assign lets placement share the shards out among the owners, as often as they
// or the members change. Without owners, they are those whom gossip has.
func (n *Node) assign(owners []string, members map[string]string) {
	if owners == nil {
		owners = n.known
	}
	alive := make(map[string]bool, len(members))
	var key strings.Builder
	for name := range members {
		alive[name] = true
	}
	for _, o := range owners {
		key.WriteString(o + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(alive)) {
		key.WriteString(name + "\n")
	}
	if s := key.String(); s != n.assigned {
		n.assigned = s
		n.owners.Store(&owners)
		if n.suspended.Swap(nil) != nil {
			n.cfg.Log.Info("this node goes on")
		}
		n.place.send(&assign{owners, alive})
	}
}

// suspend lets this node own nothing, as long as it is cut off.
func (n *Node) suspend(why *actors.Error) {
	first := n.suspended.Swap(why) == nil
	if first {
		n.cfg.Log.Error("cut off: this node acknowledges nothing", "why", why)
	}
	n.assigned = ""
	n.place.send(&suspend{why})
	if first {
		n.spawn(func() {
			n.endAll(func() *gateway.EndWhere {
				return &gateway.EndWhere{Why: actors.EndFailed, Match: func(*gateway.Conn) bool { return true }}
			})
		})
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

// logWriter takes in what memberlist logs, a line at a time.
type logWriter struct{ log *slog.Logger }

// Write implements io.Writer.
func (w logWriter) Write(b []byte) (int, error) {
	line := strings.TrimSpace(string(b))
	if i := strings.Index(line, "["); i >= 0 {
		line = line[i:] // without memberlist's own time
	}
	w.log.Debug("gossip", "says", line)
	return len(b), nil
}

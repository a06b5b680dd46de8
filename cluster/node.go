package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/memberlist"

	"reddot/actors"
	"reddot/actors/broadcast"
	"reddot/actors/gateway"
	"reddot/actors/topic"
	"reddot/cluster/membership"
	"reddot/cluster/stream"
)

// Node runs actors: it is the Router to them and the Hub of their connections.
type Node struct {
	cfg         Config
	store       Store
	system      *actor.ActorSystem
	home        *actors.Home
	logs        *broadcast.Logs
	topics      *topic.Broker
	dir         *directory
	fences      fenceTable
	loader      loader
	gateways    []*gateway.Gateway
	nextGateway atomic.Uint64 // gateways take connections in turn
	sweep       atomic.Int64  // the number of the present sweep
	closed      atomic.Bool
	stop        chan struct{}
	stopping    atomic.Bool
	done        sync.WaitGroup // what ends with stop
	started     time.Time
	metrics     *metrics

	timerless actors.Throttle // that timers can't be read

	queuedCount, queuedBytes atomic.Int64
	suspended                atomic.Pointer[actors.Error] // why nothing is acknowledged; nil: it is
	refusals                 actors.Throttle              // of links
	clockApart               atomic.Int64                 // the largest difference of another node's clock, of those that matter

	// Of a node of a cluster.
	place          address
	membership     *membership.Membership // nil: it is alone
	peers          peers
	reattach       reattach
	announcing     announcing
	tls            *tls.Config // nil: plain text
	wire           versions
	listener       net.Listener
	server         *stream.Server
	peersAddr      string
	owners         atomic.Pointer[[]string] // the members that own shards
	leaving        atomic.Bool
	historyChanged atomic.Bool  // the store has another history, and this node not yet
	lastHeartbeat  atomic.Int64 // when it last told all peers that it lives
	confirmed      atomic.Int64 // when the store last said that nobody has taken a shard of this node; of clock
	doubles        doubles
}

// doubles are what tests put in the place of the network and of time. Zero: nothing.
type doubles struct {
	reachable func(addr string) bool // which addresses can be reached
	// transport carries the gossip.
	transport func(*memberlist.Config) (memberlist.Transport, error)
	// lookup resolves names.
	lookup   func(ctx context.Context, host string) ([]net.IPAddr, error)
	pace     membership.Pace // of the states of links
	mute     bool            // nothing is announced of links
	patience time.Duration   // with those who dial and do not say hello
}

var (
	_ actors.Router = (*Node)(nil)
	_ gateway.Hub   = (*Node)(nil)
)

// New returns a node on the store; Start lets it work.
func New(cfg Config, store Store) (*Node, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	n := &Node{cfg: cfg, store: store, dir: newDirectory(), stop: make(chan struct{}), started: time.Now(), wire: versions{wireLeast, wireMost}}
	n.peers.all = make(map[string]*peer)
	n.loader.most = cfg.Loaders
	n.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler) // its dead letters are expected here
	}))
	shrinkRegistry(n.system.ProcessRegistry)
	n.system.ProcessRegistry.Address = cfg.Name
	n.system.ProcessRegistry.RegisterAddressResolver(n.peerProcess)
	n.metrics = newMetrics(n, cfg.Metrics)
	n.home = &actors.Home{
		System: n.system, Journal: store, Lookup: store, Router: n, Limits: cfg.Limits, Log: cfg.Log,
		Metrics:    actors.NewMetrics(cfg.Metrics),
		Awake:      int64(cfg.Awake),
		Now:        cfg.Now,
		Random:     rand.Uint64,
		Fence:      n.fences.forKey,
		HoldsLease: n.holdsLease,
		Fenced:     n.fenced,
		Load:       n.loader.do,
		Linked:     n.linkedTo,
		Delay:      n.delay,
		Grace:      grace,
		Presence:   cfg.Presence,
		Kinds:      cfg.Kinds,
		Forget:     n.dir.forget,
	}
	n.home.Records, _ = store.(actors.Records)
	if h, ok := store.(actors.Historian); ok {
		n.home.History = h.History
	}
	if t, ok := store.(actors.Turner); ok {
		t.OnTurn(n.dropState, n.restoreState)
	}
	n.topics = topic.New(n.home)
	n.home.Topics = n.topics
	n.logs = broadcast.NewLogs(n.home)
	n.home.Broadcasts = n.logs
	if cfg.Cluster != nil {
		n.topics.Join(n)
		n.logs.Join(n)
	}
	n.gateways = gateway.Start(n.home, cfg.Gateways)
	n.place = address{n.system, n.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return &placement{node: n} }))}
	return n, nil
}

// linkedTo implements actors.Home.
func (n *Node) linkedTo(node string) bool {
	if node == n.cfg.Name {
		return true
	}
	p := n.peers.get(node)
	return p != nil && p.link.Load() != nil
}

// delay implements actors.Home. What is late on a node that has closed meanwhile
// is not called.
func (n *Node) delay(d time.Duration, fn func()) {
	time.AfterFunc(d, func() {
		if !n.closed.Load() {
			fn()
		}
	})
}

// peerProcess returns the peer that a process on another node is behind.
func (n *Node) peerProcess(pid *actor.PID) (actor.Process, bool) {
	p := n.peers.get(pid.Address)
	return p, p != nil
}

// Start takes the shards, so that whoever used the store before can write no
// more, or joins the others who share them; and lets timers fire, idle actors
// sleep and connections have heartbeats.
func (n *Node) Start(ctx context.Context) error {
	begin := n.takeAll
	if n.cfg.Cluster != nil {
		begin = n.startCluster
	}
	if err := begin(ctx); err != nil {
		return fmt.Errorf("node %s: %w", n.cfg.Name, err)
	}
	if n.membership != nil {
		n.awaitLinks(ctx)
	}
	if err := n.loadInterests(ctx); err != nil {
		return fmt.Errorf("node %s: %w", n.cfg.Name, err)
	}
	n.every(time.Second, func() {
		for _, g := range n.gateways {
			n.system.Root.Send(g.PID(), &gateway.Tick{})
		}
	})
	n.every(n.cfg.Timers, n.fireTimers)
	n.every(n.cfg.Idle/idleSweeps, n.passivate)
	return nil
}

// grace is how long a session waits for a connection that has lost its way.
const grace = 10 * time.Second

// Topics returns the node's live publish/subscribe.
func (n *Node) Topics() *topic.Broker { return n.topics }

// Name returns the node's name.
func (n *Node) Name() string { return n.cfg.Name }

// Traces is by whom the node is traced.
func (n *Node) Traces() *actors.Traces { return &n.home.Traces }

// LogHead returns the position up to which the node knows the broadcast log of an app.
func (n *Node) LogHead(ctx context.Context, app string) (uint64, error) {
	l, err := n.logs.Log(ctx, app, 0)
	if err != nil {
		return 0, err
	}
	return l.Head(), nil
}

// every calls fn in its own goroutine each time d has gone by, until Stop.
func (n *Node) every(d time.Duration, fn func()) {
	n.done.Add(1)
	go func() {
		defer n.done.Done()
		t := time.NewTicker(d)
		defer t.Stop()
		for {
			select {
			case <-n.stop:
				return
			case <-t.C:
				fn()
			}
		}
	}()
}

// Awake returns how many actors are awake.
func (n *Node) Awake() int { return n.dir.len() }

// Attach implements gateway.Hub.
func (n *Node) Attach(c *gateway.Conn) {
	n.gateways[n.nextGateway.Add(1)%uint64(len(n.gateways))].Attach(c)
}

// The sweep looks for idle actors so many times within Config.Idle; after the
// first few, an actor that has to stay dozes.
const (
	idleSweeps = 12
	dozeSweeps = 2
)

// passivate asks those actors to sleep that no message has come to for long.
func (n *Node) passivate() {
	now := n.sweep.Add(1)
	n.dir.each(func(_ actors.Key, a *activation) {
		switch idle := now - a.used.Load(); {
		case idle > idleSweeps:
			a.proc.SendUserMessage(a.pid, &actors.Passivate{})
		case idle > dozeSweeps && idle <= dozeSweeps+2:
			a.proc.SendUserMessage(a.pid, &actors.Doze{})
		}
	})
}

// timersAtOnce is how many actors one look at the timers wakes at most.
const timersAtOnce = 10_000

// due calls fn with the wake-ups that are due: of this node's shards alone, if
// the store can tell.
func (n *Node) due(fn func(actors.Key, int64) bool) error {
	lookup, ok := n.store.(actors.ShardLookup)
	if !ok || n.membership == nil {
		return n.store.Due(context.Background(), n.cfg.Now(), fn)
	}
	var own actors.ShardSet
	for i := range n.fences {
		if n.fences[i].Load() != 0 {
			own.Add(uint16(i))
		}
	}
	return lookup.DueIn(context.Background(), &own, n.cfg.Now(), timersAtOnce, fn)
}

// fireTimers tells each actor whose time has come.
func (n *Node) fireTimers() {
	type one struct {
		key actors.Key
		at  int64
	}
	var due []one
	err := n.due(func(key actors.Key, at int64) bool {
		if _, ok := n.fences.forKey(key); ok { // else its owner wakes it
			due = append(due, one{key, at})
		}
		return len(due) < timersAtOnce
	})
	if err != nil {
		if missed, ok := n.timerless.Allow(); ok {
			n.cfg.Log.Error("timers can't be read", "err", err, "others", missed)
		}
	}
	for _, d := range due {
		n.Send(d.key, &actors.TimeUp{At: d.at})
	}
}

package actorstest

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/actors/broadcast"
	"reddot/actors/campaign"
	"reddot/actors/gateway"
	"reddot/actors/index"
	"reddot/actors/retained"
	"reddot/actors/send"
	"reddot/actors/topic"
	"reddot/actors/user"
)

// Node is the smallest node: it wakes actors, routes to them, holds connections
// in one gateway, and tells actors their time when it is told to (Fire).
type Node struct {
	Home   *actors.Home
	Topics *topic.Broker
	Logs   *broadcast.Logs
	Clock  *Clock

	journal *Journal
	gate    *gateway.Gateway
	mu      sync.Mutex
	awake   map[actors.Key]activation
	loads   sync.WaitGroup
	gateMu  sync.Mutex // guards closed; never held while anything is sent
	closed  bool
}

var (
	_ actors.Router = (*Node)(nil)
	_ gateway.Hub   = (*Node)(nil)
)

// Kinds are all kinds of actors but campaigns, which need an index.
var Kinds = actors.Kinds{
	actors.KindUser:     user.Kind(user.NewBook(actors.NewZones(time.LoadLocation).Find)),
	actors.KindSend:     send.New,
	actors.KindRetained: retained.New,
	actors.KindLog:      broadcast.New,
}

// kindsOn returns all kinds of actors, on the index of a journal.
func kindsOn(j *Journal) actors.Kinds {
	kinds := maps.Clone(Kinds)
	kinds[actors.KindCampaign] = campaign.Kind(index.New(j))
	return kinds
}

// NewNode returns a node on a journal, at the clock's time. Stop ends it. with is
// called before any actor is awake.
func NewNode(t testing.TB, j *Journal, c *Clock, l actors.Limits, with ...func(*Node)) *Node {
	t.Helper()
	limits, err := l.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{Clock: c, journal: j, awake: map[actors.Key]activation{}}
	n.Home = &actors.Home{
		System:  actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })),
		Journal: &nodeJournal{j, n}, Lookup: j, Records: &nodeJournal{j, n}, Router: n, Limits: limits, Log: slog.New(slog.DiscardHandler), Metrics: actors.NewMetrics(nil),
		Now: c.Now, Random: rand.Uint64, Forget: n.forget, Awake: 1000,
		Fence: func(key actors.Key) (actors.Fence, bool) { return actors.Fence{Shard: actors.ShardOf(key)}, true },
		Delay: func(d time.Duration, fn func()) { time.AfterFunc(d, fn) },
		Grace: 20 * time.Millisecond,
		Kinds: kindsOn(j),
		Load: func(job func()) {
			n.loads.Add(1)
			go func() {
				defer n.loads.Done()
				job()
			}()
		},
	}
	n.Topics = topic.New(n.Home)
	n.Home.Topics = n.Topics
	n.Logs = broadcast.NewLogs(n.Home)
	n.Home.Broadcasts = n.Logs
	n.gate = gateway.Start(n.Home, 1)[0]
	for _, fn := range with {
		fn(n)
	}
	list, err := j.ListRecords(context.Background(), actors.InterestKind, "", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if err := n.Topics.LoadInterest(r); err != nil {
			t.Fatal(err)
		}
		n.Send(actors.Key(r.Key), &actors.Recover{Key: actors.Key(r.Key)})
	}
	return n
}

// An activation is an actor that is awake. As a node does, it is sent to by its
// process: one that has just ended passes on what comes, and protoactor's registry
// would not find it.
type activation struct {
	pid     *actor.PID
	process actor.Process
}

// Stop ends the node as a crash does: nothing is decided any more. It returns
// when what was decided is in the journal. It may come twice.
func (n *Node) Stop() {
	n.gateMu.Lock()
	over := n.closed
	n.closed = true
	n.gateMu.Unlock()
	if over {
		return
	}
	n.loads.Wait()
	n.journal.Flush()
	n.Home.System.Shutdown()
}

// nodeJournal is the journal as one node has it: it takes nothing more from a
// node that has stopped, whatever of it still runs.
type nodeJournal struct {
	*Journal
	node *Node
}

var errStopped = actors.Errorf(actors.Unavailable, "the node is stopped")

// Append implements actors.Journal.
func (j *nodeJournal) Append(w *actors.Write) error {
	j.node.gateMu.Lock()
	defer j.node.gateMu.Unlock()
	if j.node.closed {
		return errStopped
	}
	return j.Journal.Append(w)
}

// PutRecord implements actors.Records.
func (j *nodeJournal) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	j.node.gateMu.Lock()
	defer j.node.gateMu.Unlock()
	if j.node.closed {
		return errStopped
	}
	return j.Journal.PutRecord(ctx, kind, key, value)
}

// DeleteRecord implements actors.Records.
func (j *nodeJournal) DeleteRecord(ctx context.Context, kind, key string) error {
	j.node.gateMu.Lock()
	defer j.node.gateMu.Unlock()
	if j.node.closed {
		return errStopped
	}
	return j.Journal.DeleteRecord(ctx, kind, key)
}

func (n *Node) stopped() bool {
	n.gateMu.Lock()
	defer n.gateMu.Unlock()
	return n.closed
}

func (n *Node) forget(key actors.Key, pid *actor.PID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if one, ok := n.awake[key]; ok && one.pid.Equal(pid) { // it may come twice
		delete(n.awake, key)
	}
}

// Send implements actors.Router.
func (n *Node) Send(key actors.Key, m any) {
	n.mu.Lock()
	a, there := n.awake[key]
	fresh := false
	if !there && !n.stopped() {
		if a.pid, fresh = n.Home.Spawn(key); fresh {
			a.process, _ = n.Home.System.ProcessRegistry.Get(a.pid)
			n.awake[key] = a
		}
	}
	n.mu.Unlock()
	if fresh {
		a.process.SendSystemMessage(a.pid, &actor.ResumeMailbox{})
	}
	if a.pid == nil || n.stopped() {
		n.Home.Refuse(m, errStopped)
		return
	}
	a.process.SendUserMessage(a.pid, m)
}

// Ask implements actors.Router.
func (n *Node) Ask(ctx context.Context, r *actors.Request) error {
	n.Send(r.Key, r)
	if err := r.Wait(ctx); err != nil {
		return err
	}
	if r.Answer.Err != nil {
		return r.Answer.Err
	}
	return nil
}

// Attach implements gateway.Hub.
func (n *Node) Attach(c *gateway.Conn) { n.gate.Attach(c) }

// Connect makes a connection and attaches it to its user.
func (n *Node) Connect(a actors.Attachment) { n.Attach(gateway.NewConn(a)) }

// Tick lets the gateway do what is to be done each second, so many times.
func (n *Node) Tick(times int) {
	for range times {
		n.Home.Send(n.gate.PID(), &gateway.Tick{})
	}
}

// Fire tells each actor whose time has come.
func (n *Node) Fire() { n.FireAt(func(actors.Key) bool { return true }) }

// FireAt tells those actors whose time has come that are asked for.
func (n *Node) FireAt(whose func(actors.Key) bool) {
	type one struct {
		key actors.Key
		at  int64
	}
	var due []one
	_ = n.journal.Due(context.Background(), n.Clock.Now(), func(k actors.Key, at int64) bool { // it never fails
		if whose(k) {
			due = append(due, one{k, at})
		}
		return true
	})
	for _, d := range due {
		n.Send(d.key, &actors.TimeUp{At: d.at})
	}
}

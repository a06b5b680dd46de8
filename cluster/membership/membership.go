package membership

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/remote"
	"github.com/hashicorp/memberlist"

	"reddot/actors"
)

// A Config says who a node is and how it finds others.
type Config struct {
	Node      string   // the node's name, another one each time that it starts
	Cluster   string   // the cluster's name
	Bind      string   // the address of the gossip, UDP and TCP; port 0 takes a free one
	Advertise string   // where the others reach Bind; empty: there
	Seeds     []string // addresses of some nodes' gossip; hosts may be DNS names
	GossipKey []byte   // encrypts the gossip; nil: nothing does
	KeyPrint  []byte   // tells the cluster's key from others; nil: there is none
	Links     string   // where the others reach the node's port for links
	// Least and Most are the wire versions that the node speaks.
	Least, Most uint32

	Store Store
	Log   *slog.Logger
	Now   func() int64 // the wall clock, unix milliseconds
	// Dial connects to an address of another node.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Lookup resolves names. Nil: the system's resolver does.
	Lookup func(ctx context.Context, host string) ([]net.IPAddr, error)
	// Transport carries the gossip. Nil: memberlist's own.
	Transport func(*memberlist.Config) (memberlist.Transport, error)
	// Pace says how slowly the announced state of links changes. Zero: LostTime, and
	// two seconds.
	Pace Pace
	// Mute lets the node announce nothing of its links, as older programs do.
	Mute bool
}

// A Store is what all nodes share: records, and the epochs of the shards.
type Store interface {
	actors.Records
	actors.Fences
}

// A Host is the node that a membership is of.
type Host interface {
	// Peers returns the other nodes to which the node keeps links.
	Peers() []Peer
	// Suspended tells whether the node owns nothing because it is cut off.
	Suspended() bool
	// Empty tells whether the node owns no shard, and none of its actors is awake.
	Empty() bool
	// SetPeers is told the members, this node among them: where each takes links, by
	// its name.
	SetPeers(members map[string]string)
	// Assign is told among which nodes shards are shared out, and the members, as
	// often as they change. The node is not suspended any more.
	Assign(owners []string, members map[string]string)
	// Suspend is told that the node owns nothing, and why.
	Suspend(why *actors.Error)
	// Confirm is told what the epochs were in the store at some moment after began.
	Confirm(present []actors.Taken, began time.Time)
	// SetClockApart is told the largest difference of another node's clock, of those
	// that matter.
	SetClockApart(d time.Duration)
	// Fail is told why the node can't go on.
	Fail(err error)
	// Spawn runs fn in a goroutine for which the node waits when it stops.
	Spawn(fn func())
	// Stopping returns what is closed when the node stops.
	Stopping() <-chan struct{}
}

// A Peer is another node, as the link to it has it.
type Peer interface {
	Name() string
	Addr() string          // where it takes links
	Hears() bool           // something has come from it just now, and it does not leave
	Speaks() bool          // the link carries both ways just now
	Silent() time.Duration // for how long nothing has come
	Failure() error        // why the link does not speak; nil: it does, or that is not known
}

// Membership knows which nodes there are. One goroutine hands full lists of
// members to protoactor's MemberList, which tells who has joined and who has left,
// and lets nobody come back who was taken for dead. A node's name is new each time
// it starts, so a restarted one is another.
type Membership struct {
	cfg     Config
	host    Host
	list    *memberlist.Memberlist
	signs   *signs
	started time.Time
	addr    string                       // of this node's gossip
	wake    chan struct{}                // lets run look at once
	waiting atomic.Pointer[actors.Error] // why it owns nothing yet; nil: that is not known

	mu        sync.Mutex
	meta      []byte
	leaving   bool
	seen      map[string]neighbor  // whom gossip has
	removed   map[string]bool      // have left, or were taken for dead
	dead      map[string]bool      // found dead by other means than gossip
	departing map[string]bool      // have said that they leave
	exited    map[string]bool      // their process is no more
	fencedAt  map[string]time.Time // when a banned node was last told
	probes    map[string]probe     // that gossip reaches those who live
	joinErr   error                // of the last attempt to reach others by gossip; nil: there was none
	joined    bool                 // with others, or known to be the first
	takesPart bool                 // has once known who the others are: may own shards
	waitLog   actors.Throttle      // that it has not joined the others
	gossipLog actors.Throttle      // that gossip fails
	clockLog  actors.Throttle      // that clocks differ

	// Of run's goroutine.
	members  *pcluster.MemberList
	links    linkStates
	known    []string // the members whom gossip has, but those that leave or join
	assigned string   // what the host was told last
}

// The pace of membership. A node that was killed is found out by its refused
// links in some 300 ms; one that froze by the silence of its link and its lack of
// signs in the store, in some 3.5 s; one that was cut off by gossip, within 4 to
// 6 s. One that is busy has 2.5 s to say by gossip that it lives.
const (
	updateEvery = 250 * time.Millisecond
	rejoinEvery = 2 * time.Second
	leaveTime   = 2 * time.Second
)

// New returns the membership of a node that has not joined anybody yet.
func New(cfg Config, host Host) (*Membership, error) {
	if cfg.Lookup == nil {
		cfg.Lookup = net.DefaultResolver.LookupIPAddr
	}
	if cfg.Pace == (Pace{}) {
		cfg.Pace = Pace{LostTime, recoveredTime}
	}
	m := &Membership{
		cfg: cfg, host: host, started: time.Now(), wake: make(chan struct{}, 1),
		seen: make(map[string]neighbor), removed: make(map[string]bool), dead: make(map[string]bool), departing: make(map[string]bool),
		exited: make(map[string]bool), fencedAt: make(map[string]time.Time), probes: make(map[string]probe),
		links: linkStates{pace: cfg.Pace, all: make(map[string]*linkState)},
	}
	m.signs = newSigns(m)
	return m, m.setMeta(false)
}

// Start leaves the node's first sign in the store, and looks for the others until
// the node stops.
func (m *Membership) Start(system *actor.ActorSystem) error {
	system.EventStream.Subscribe(func(e any) {
		if t, ok := e.(*pcluster.ClusterTopology); ok {
			m.changed(t)
		}
	})
	m.Look()
	m.every(signEvery, m.Look)
	// Of protoactor's cluster its list of members is used: its providers, its
	// gossip, its lookup and its remote have no part in it.
	c := pcluster.New(system, pcluster.Configure(m.cfg.Cluster, nil, nil, remote.Configure("", 0)))
	c.Remote = remote.NewRemote(system, c.Config.RemoteConfig)
	m.members = c.MemberList
	if err := m.startGossip(); err != nil {
		return err
	}
	m.host.Spawn(m.run)
	return nil
}

// every calls fn each time d has gone by, until the node stops.
func (m *Membership) every(d time.Duration, fn func()) {
	m.host.Spawn(func() {
		t := time.NewTicker(d)
		defer t.Stop()
		for {
			select {
			case <-m.host.Stopping():
				return
			case <-t.C:
				fn()
			}
		}
	})
}

// run keeps the list of members up to date until the node stops.
func (m *Membership) run() {
	t := time.NewTicker(updateEvery)
	defer t.Stop()
	rejoin := time.Time{}
	joining := make(chan struct{}, 1) // one at a time
	for {
		if now := time.Now(); now.After(rejoin) && len(joining) == 0 {
			rejoin = now.Add(rejoinEvery)
			joining <- struct{}{}
			m.host.Spawn(func() { // it waits for names, and for nodes that do not answer
				m.join()
				<-joining
				m.updateSoon()
			})
		}
		m.update()
		select {
		case <-m.host.Stopping():
			return
		case <-m.wake:
		case <-t.C:
		}
	}
}

// updateSoon lets run look at once.
func (m *Membership) updateSoon() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// A member is a node as gossip has it.
type member struct {
	name, links string
	leaving     bool // or not there yet: it owns nothing
	announces   bool // how its links are
}

// present returns those that gossip has and that are not banned, this node
// among them.
func (m *Membership) present() []member {
	m.mu.Lock()
	defer m.mu.Unlock()
	self := m.cfg.Node
	list := []member{{self, m.cfg.Links, m.leaving || !m.takesPart, !m.cfg.Mute}}
	for name, o := range m.seen {
		switch {
		case name == self || m.dead[name] || o.meta.Peers == "" || o.meta.Cluster != m.cfg.Cluster:
		case m.removed[name] && !o.meta.Leaving:
		default:
			list = append(list, member{name, o.meta.Peers, o.meta.Leaving || o.meta.Joining, o.meta.Announces})
		}
	}
	for _, p := range m.host.Peers() {
		// Gossip may lose a node that is busy; one whose link is not lost lives.
		name := p.Name()
		if _, ok := m.seen[name]; !ok && !m.dead[name] && !m.removed[name] && (p.Hears() || m.linkIsUp(name)) {
			list = append(list, member{name, p.Addr(), false, true})
		}
	}
	return list
}

// linkIsUp tells whether the link to a node is not lost, and the node has not said
// that it leaves. The caller holds mu.
func (m *Membership) linkIsUp(name string) bool { return !m.departing[name] && m.links.up(name) }

// peer returns the peer with the name; nil: there is none.
func (m *Membership) peer(name string) Peer {
	for _, p := range m.host.Peers() {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// hears tells whether something has come from a node just now.
func (m *Membership) hears(name string) bool {
	p := m.peer(name)
	return p != nil && p.Hears()
}

// update decides anew who the members are and who owns shards, and tells the host.
func (m *Membership) update() {
	m.findSilent()
	m.announceLinks()
	list := m.present()
	d := m.signs.decide(list, m.ready(list), m.hears, m.gone())
	all := make(map[string]string, len(list))
	for _, o := range list {
		all[o.name] = o.links
	}
	switch {
	case d.verdict == admitted:
		m.host.SetPeers(all)
		if m.takePart() { // the next sign says so, and with it all take this node for an owner
			m.announceLinks()
			m.lookSoon()
		}
		return
	case d.verdict != goOn && !m.ownsShards():
		m.host.SetPeers(all) // links are there when it takes part
		m.explainWait(d)
		return
	case d.verdict == waiting:
		return
	case d.verdict == cutOff:
		if d.owners != nil {
			m.host.SetPeers(all) // by links to them it comes back
			if d.why = m.apart(d.owners); d.why == nil {
				d.why = errComingBack
			}
		}
		m.signs.yield()
		m.assigned = ""
		m.host.Suspend(d.why)
		return
	case m.host.Suspended() && !m.signs.resume():
		m.host.SetPeers(all)
		m.lookSoon()
		return
	}
	if m.takePart() {
		list = m.present()
	}
	m.host.SetPeers(all)
	m.fenceAll()
	m.members.UpdateClusterTopology(active(list)) // calls changed if something changed
	m.assign(d.owners, all)
}

// kindUser is what a member of protoactor's list is for: it owns shards.
const kindUser = "user"

// active returns the members that do not leave, as protoactor has them.
func active(list []member) (all pcluster.Members) {
	for _, o := range list {
		host, port, err := SplitAddr(o.links)
		if o.leaving || err != nil {
			continue
		}
		all = append(all, &pcluster.Member{Id: o.name, Host: host, Port: int32(port), Kinds: []string{kindUser}})
	}
	return all
}

// changed is told by protoactor's list of members that it has changed.
func (m *Membership) changed(t *pcluster.ClusterTopology) {
	m.known = make([]string, 0, len(t.Members))
	for _, o := range t.Members {
		m.known = append(m.known, o.Id)
	}
	m.mu.Lock()
	for _, o := range t.Left {
		m.removed[o.Id] = true
	}
	m.mu.Unlock()
	m.cfg.Log.Info("members", "nodes", strings.Join(m.known, " "), "joined", len(t.Joined), "left", len(t.Left))
}

// assign lets the host share the shards out among the owners, as often as they
// or the members change. Without owners, they are those whom gossip has.
func (m *Membership) assign(owners []string, members map[string]string) {
	if owners == nil {
		owners = m.known
	}
	key := strings.Join(owners, "\n") + "\n\n" + strings.Join(slices.Sorted(maps.Keys(members)), "\n")
	if key != m.assigned {
		m.assigned = key
		m.host.Assign(owners, members)
	}
}

package cluster

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	pcluster "github.com/asynkron/protoactor-go/cluster"
	"github.com/hashicorp/memberlist"

	"reddot/actors"
	"reddot/cluster/wire"
)

// membership knows which nodes there are, by gossip. It is protoactor's
// ClusterProvider: it hands full lists of members to protoactor's MemberList,
// from one goroutine, and that one tells who has joined and who has left, and
// lets nobody come back who was taken for dead. A node's name is new each time
// it starts, so a restarted one is another.
type membership struct {
	node    *Node
	cluster *pcluster.Cluster
	list    *memberlist.Memberlist
	signs   *signs

	mu                 sync.Mutex
	meta               []byte
	leaving            bool
	seen               map[string]neighbor  // whom gossip has
	former             map[string]bool      // have left, or were taken for dead
	accused            map[string]bool      // found dead by other means than gossip
	farewell           map[string]bool      // have said that they leave
	ended              map[string]bool      // their process is no more
	told               map[string]time.Time // when a banned node was last told
	ties               ties                 // of run's goroutine
	waiting, gossiping actors.Seldom        // that it has not joined the others; that gossip fails
	proofs             map[string]proof     // that gossip reaches those who live
	joinErr            error                // of the last attempt to reach others by gossip; nil: there was none
	joined             bool                 // with others, or known to be the first
	owning             bool                 // has once known who the others are: may own shards

	kicked chan struct{}
	self   string // this node's address of gossip
}

// neighbor is a node as gossip has it.
type neighbor struct {
	addr string // of gossip
	meta *wire.WireMember
}

var _ pcluster.ClusterProvider = (*membership)(nil)

// kindUser is what a member of protoactor's list is for: it owns shards.
const kindUser = "user"

// The pace of membership. A node that was killed is found out by its refused
// links in some 300 ms; one that froze by the silence of its link and its lack of
// signs in the store, in some 3.5 s; one that was cut off by gossip, within 4 to
// 6 s. One that is busy has 2.5 s to say by gossip that it lives.
const (
	probeEvery   = 500 * time.Millisecond
	probeTime    = 400 * time.Millisecond
	suspicion    = 5 // times probeEvery, and
	suspicionMax = 2 // times that while nobody else has noticed: there may be nobody else
	publishEvery = 250 * time.Millisecond
	rejoinEvery  = 2 * time.Second
	leaveTime    = 2 * time.Second
	tellEvery    = 2 * time.Second
)

func newMembership(n *Node) (*membership, error) {
	m := &membership{node: n, seen: make(map[string]neighbor), former: make(map[string]bool), accused: make(map[string]bool), farewell: make(map[string]bool), ended: make(map[string]bool), told: make(map[string]time.Time), kicked: make(chan struct{}, 1)}
	m.proofs = make(map[string]proof)
	m.ties = ties{pace: n.ties, all: make(map[string]*tie)}
	m.signs = newSigns(n)
	return m, m.setMeta(false)
}

// setMeta sets what this node gossips of itself.
func (m *membership) setMeta(leaving bool) error {
	n := m.node
	b, err := (&wire.WireMember{Peers: n.peersAddr, Leaving: leaving, Joining: !m.takesPart(), Announces: n.announces, Cluster: n.cfg.Cluster.Name, Least: n.wire.least, Most: n.wire.most}).MarshalVT()
	if err != nil {
		return err
	}
	if len(b) > memberlist.MetaMaxSize {
		return fmt.Errorf("%d bytes of gossip about this node; %d are allowed: shorten the cluster's name", len(b), memberlist.MetaMaxSize)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meta, m.leaving = b, leaving
	return nil
}

// StartMember implements protoactor's ClusterProvider.
func (m *membership) StartMember(c *pcluster.Cluster) error {
	m.cluster = c
	conf, err := m.config()
	if err != nil {
		return err
	}
	if m.list, err = memberlist.Create(conf); err != nil {
		return fmt.Errorf("gossip on %s: %w", m.node.cfg.Cluster.Bind, err)
	}
	local := m.list.LocalNode()
	m.self = net.JoinHostPort(local.Addr.String(), strconv.Itoa(int(local.Port)))
	m.signs.at(m.self)
	m.node.spawn(m.run)
	return nil
}

// StartClient implements protoactor's ClusterProvider. There are no clients:
// every node owns shards.
func (m *membership) StartClient(*pcluster.Cluster) error { return errors.ErrUnsupported }

// Shutdown implements protoactor's ClusterProvider. Without grace the others
// have to find out.
func (m *membership) Shutdown(graceful bool) error {
	if graceful {
		if err := m.list.Leave(leaveTime); err != nil {
			// Nobody may be left to hear it, as when all servers stop at once.
			m.node.cfg.Log.Info("not all nodes may know that this one has left", "err", err)
		}
	}
	return m.list.Shutdown()
}

// config returns memberlist's settings.
func (m *membership) config() (*memberlist.Config, error) {
	c := m.node.cfg.Cluster
	conf := memberlist.DefaultLANConfig()
	conf.Name = m.node.cfg.Name
	var err error
	if conf.BindAddr, conf.BindPort, err = splitAddr(c.Bind); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	conf.AdvertisePort = conf.BindPort
	if c.Advertise != "" {
		if conf.AdvertiseAddr, conf.AdvertisePort, err = resolve(c.Advertise); err != nil {
			return nil, fmt.Errorf("advertise: %w", err)
		}
	}
	conf.ProbeInterval, conf.ProbeTimeout, conf.SuspicionMult = probeEvery, probeTime, suspicion
	// memberlist counts on others to confirm a suspicion, dead ones among them,
	// and would wait six times as long for them.
	conf.SuspicionMaxTimeoutMult = suspicionMax
	conf.TCPTimeout = 2 * time.Second
	conf.PushPullInterval = 10 * time.Second
	conf.GossipToTheDeadTime = 30 * time.Second
	conf.Label = "reddot/" + c.Name
	conf.SecretKey = c.gossipKey()
	conf.Delegate, conf.Events = (*gossip)(m), (*gossip)(m)
	conf.LogOutput = logWriter{m.node.cfg.Log}
	if m.node.transport != nil {
		if conf.Transport, err = m.node.transport(conf); err != nil {
			return nil, err
		}
	}
	return conf, nil
}

func splitAddr(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port", addr)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return host, int(n), nil
}

// run keeps the list of members up to date until the node stops.
func (m *membership) run() {
	t := time.NewTicker(publishEvery)
	defer t.Stop()
	rejoin := time.Time{}
	joining := make(chan struct{}, 1) // one at a time
	for {
		if now := time.Now(); now.After(rejoin) && len(joining) == 0 {
			rejoin = now.Add(rejoinEvery)
			joining <- struct{}{}
			m.node.spawn(func() { // it waits for names, and for nodes that do not answer
				m.join()
				<-joining
				m.kick()
			})
		}
		m.publish()
		select {
		case <-m.node.stop:
			return
		case <-m.kicked:
		case <-t.C:
		}
	}
}

// settle says that this node knows with whom it is.
func (m *membership) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined = true
}

// member is a node as gossip has it.
type member struct {
	name, peers string
	leaving     bool // or not there yet: it owns nothing
	announces   bool // how its links are
}

// members returns those that gossip has and that are not banned, this node
// among them.
func (m *membership) members() []member {
	m.mu.Lock()
	defer m.mu.Unlock()
	self := m.node.cfg.Name
	list := []member{{self, m.node.peersAddr, m.leaving || !m.owning, m.node.announces}}
	for name, o := range m.seen {
		switch {
		case name == self || m.accused[name] || o.meta.Peers == "" || o.meta.Cluster != m.node.cfg.Cluster.Name:
		case m.former[name] && !o.meta.Leaving:
		default:
			list = append(list, member{name, o.meta.Peers, o.meta.Leaving || o.meta.Joining, o.meta.Announces})
		}
	}
	for _, p := range m.node.peers.list() {
		// Gossip may lose a node that is busy; one whose link is not lost lives.
		if _, ok := m.seen[p.name]; !ok && !m.accused[p.name] && !m.former[p.name] && (p.speaks() || m.holds(p.name)) {
			list = append(list, member{p.name, p.addr, false, true})
		}
	}
	return list
}

// linked tells whether the link to a node speaks.
func (m *membership) linked(name string) bool {
	p := m.node.peers.get(name)
	return p != nil && p.speaks()
}

// banned tells whether a node was taken for dead, or has left.
func (m *membership) banned(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.accused[name] || m.former[name]
}

// ban lets nodes not come back under their names.
func (m *membership) ban(names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		m.former[name] = true
	}
}

// gone returns the names of those who do not live any more, or only to leave,
// though their signs may be fresh.
func (m *membership) gone() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := maps.Clone(m.accused)
	maps.Copy(gone, m.farewell)
	return gone
}

// accuse says that a node is dead, though gossip may not know yet.
func (m *membership) accuse(name, why string) {
	m.mu.Lock()
	m.accused[name] = true
	m.mu.Unlock()
	m.node.cfg.Log.Warn("a node is taken for dead", "node", name, "why", why)
	m.kick()
}

// accuseSilent finds those who neither speak over their link nor leave signs in
// the store: they have stopped, or stand still.
func (m *membership) accuseSilent() {
	for _, p := range m.node.peers.list() {
		if p.silent() > lease && !m.banned(p.name) && m.signs.stale(p.name) {
			m.accuse(p.name, "its link is silent, and it leaves no sign of life in the store")
		}
	}
}

// fence tells a node that it was taken for dead, unless it leaves anyway.
func (m *membership) fence(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.seen[name]
	if !ok || o.meta.Leaving || m.leaving || time.Since(m.told[name]) < tellEvery {
		return
	}
	m.told[name] = time.Now()
	host, port, err := splitAddr(o.addr)
	if err != nil {
		return
	}
	to := &memberlist.Node{Name: name, Addr: net.ParseIP(host), Port: uint16(port)} // #nosec G115 -- a port
	m.node.spawn(func() {
		if err := m.list.SendReliable(to, []byte(fencedNote+name)); err != nil {
			m.node.cfg.Log.Debug("a node can't be told that it is out", "node", name, "err", err)
		}
	})
}

// fenceAll tells all whom gossip has and who are banned.
func (m *membership) fenceAll() {
	m.mu.Lock()
	var list []string
	for name := range m.seen {
		if m.accused[name] || m.former[name] {
			list = append(list, name)
		}
	}
	m.mu.Unlock()
	for _, name := range list {
		m.fence(name)
	}
}

// fencedNote begins what a node is told that was taken for dead.
const fencedNote = "fenced "

// kick lets run look at once.
func (m *membership) kick() {
	select {
	case m.kicked <- struct{}{}:
	default:
	}
}

// publish hands the list on, if this node is with the others.
func (m *membership) publish() {
	n := m.node
	m.accuseSilent()
	m.lookAtTies()
	list := m.members()
	d := m.signs.decide(list, m.ready(list), m.linked, m.gone())
	all := make(map[string]string, len(list))
	for _, o := range list {
		all[o.name] = o.peers
	}
	switch {
	case d.verdict == admitted:
		n.setPeers(all)
		if m.takePart() { // the next sign says so, and with it all take this node for an owner
			m.lookAtTies()
			m.lookSoon()
		}
		return
	case d.verdict != goOn && !m.takesPart():
		n.setPeers(all) // links are there when it takes part
		m.wait(d)
		return
	case d.verdict == waiting:
		return
	case d.verdict == cutOff:
		if d.owners != nil {
			n.setPeers(all) // by links to them it comes back
			if d.why = m.apart(d.owners); d.why == nil {
				d.why = errComingBack
			}
		}
		m.signs.yield()
		n.suspend(d.why)
		return
	case n.suspended.Load() != nil && !m.signs.resume():
		n.setPeers(all)
		m.lookSoon()
		return
	}
	if m.takePart() {
		list = m.members()
	}
	var active pcluster.Members
	for _, o := range list {
		host, port, err := splitAddr(o.peers)
		if o.leaving || err != nil {
			continue
		}
		active = append(active, &pcluster.Member{Id: o.name, Host: host, Port: int32(port), Kinds: []string{kindUser}}) // #nosec G115 -- a port
	}
	n.setPeers(all)
	m.fenceAll()
	m.cluster.MemberList.UpdateClusterTopology(active) // calls Node.topology if something changed
	n.assign(d.owners, all)
}

// ready tells whether this node knows with whom it is: it has joined others,
// or has looked for them long enough.
func (m *membership) ready(list []member) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined = m.joined || len(list) > 1 || m.signs.alone(m.node.cfg.Cluster.Join)
	return m.joined
}

// gossip is membership as memberlist sees it.
type gossip membership

// NodeMeta implements memberlist.Delegate.
func (g *gossip) NodeMeta(int) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.meta
}

// NotifyMsg implements memberlist.Delegate.
func (g *gossip) NotifyMsg(b []byte) {
	if name, ok := strings.CutPrefix(string(b), fencedNote); ok && name == g.node.cfg.Name {
		g.node.fail(errFenced)
	}
}

// GetBroadcasts implements memberlist.Delegate.
func (g *gossip) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState implements memberlist.Delegate.
func (g *gossip) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate.
func (g *gossip) MergeRemoteState([]byte, bool) {}

// NotifyJoin implements memberlist.EventDelegate. The node is memberlist's,
// and may be read during the call only.
func (g *gossip) NotifyJoin(o *memberlist.Node) { g.note(o) }

// NotifyUpdate implements memberlist.EventDelegate.
func (g *gossip) NotifyUpdate(o *memberlist.Node) { g.note(o) }

// NotifyLeave implements memberlist.EventDelegate.
func (g *gossip) NotifyLeave(o *memberlist.Node) {
	g.mu.Lock()
	delete(g.seen, o.Name)
	g.mu.Unlock()
	(*membership)(g).kick()
}

func (g *gossip) note(o *memberlist.Node) {
	nb := neighbor{net.JoinHostPort(o.Addr.String(), strconv.Itoa(int(o.Port))), &wire.WireMember{}}
	if err := nb.meta.UnmarshalVT(o.Meta); err != nil {
		g.node.cfg.Log.Warn("a node's gossip about itself can't be read", "node", o.Name, "err", err)
	}
	g.mu.Lock()
	if g.seen[o.Name] = nb; nb.meta.Leaving {
		g.farewell[o.Name] = true
	}
	g.mu.Unlock()
	(*membership)(g).kick()
}

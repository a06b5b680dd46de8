package gateway

import (
	"slices"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// Gateway is the actor that stands between users and their connections on one
// node: it fans a Push out to the Conns, attaches them to their users, also
// again when a user's actor has ended, and lets them beat. There is one per
// event loop.
type Gateway struct {
	home  *actors.Home
	pid   *actor.PID
	slots []*Conn // by the lower half of their ids; nil: free
	free  []uint32
	made  uint64 // how many connections there have been: the upper half
	open  int
	users map[actors.Key][]*Conn
	ticks int
	drain actors.End              // not EndGone: the node goes down and takes no more in
	beats [actors.MaxForms][]byte // heartbeats that were sent, by form

	conflated []*Conn // that have counts to tell

	connAddress string                  // of its connections
	watchers    map[uint64][]*actor.PID // of connections, by their ids
}

// What a gateway is told, besides pushes.
type (
	enter struct{ conn *Conn }
	left  struct{ conn *Conn }
)

// Tick lets a gateway do what is to be done each second.
type Tick struct{}

// Users asks a gateway which users of an app have connections; Reply is
// called in the gateway's turn.
type Users struct {
	App   string
	Reply func([]actors.Key)
}

// EndWhere ends the connections that Match picks, in the gateway's turn.
type EndWhere struct {
	Match func(*Conn) bool // nil: all
	Why   actors.End
	Most  int            // at most so many; 0: all
	Reply func(left int) // how many connections the gateway still has; may be nil
	Close bool           // take no new ones in from now on
}

// beatTurns is the length of the timer wheel: each connection beats once in so
// many ticks.
const beatTurns = 25

// markTicks is how often, in ticks, a user is told what its connections have
// written.
const markTicks = 30

// Start starts a node's gateways, and its exchange.
func Start(h *actors.Home, n int) []*Gateway {
	all := make([]*Gateway, n)
	for i := range all {
		g := &Gateway{home: h, users: make(map[actors.Key][]*Conn), connAddress: connAddress + strconv.Itoa(i)}
		g.pid = h.System.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return g }, actors.WithMailbox(g)))
		all[i] = g
	}
	h.System.ProcessRegistry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) { return resolveConn(all, pid) })
	h.Exchange = startExchange(h)
	return all
}

// Bounced implements MailboxHost: a gateway does not stop.
func (g *Gateway) Bounced(string, any) {}

// Panicked implements MailboxHost.
func (g *Gateway) Panicked(_ string, reason any, stack []byte) {
	g.home.Panicked("gateway", reason, stack)
}

// PID returns the gateway's address.
func (g *Gateway) PID() *actor.PID { return g.pid }

// Attach implements Hub.
func (g *Gateway) Attach(c *Conn) {
	c.enter(g)
	g.home.Send(g.pid, &enter{c})
}

// left is called by a connection that has ended.
func (g *Gateway) left(c *Conn, why actors.End) {
	g.home.Metrics.Ended.WithLabelValues(why.String()).Inc()
	g.home.Send(g.pid, &left{c})
}

// Receive is the actor's table of contents.
func (g *Gateway) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actors.Push:
		for _, conn := range g.users[m.Key] {
			conn.push(m)
		}
	case *enter:
		g.enter(m.conn)
	case *left:
		g.leave(m.conn)
	case *actors.Greeting:
		g.greet(m)
	case *actors.PageRead:
		if conn := g.conn(m.Conn); conn != nil {
			conn.page(m)
		}
	case *actors.Gone:
		for _, conn := range g.users[m.Key] {
			g.attach(conn)
		}
	case *actors.Reattach:
		g.reattach(m)
	case *actors.Kick:
		for _, conn := range g.users[m.Key] {
			conn.Close(m.Why)
		}
	case *Tick:
		g.tick()
		g.tellCounts()
	case *Users:
		g.list(m)
	case *EndWhere:
		g.end(m)
	case *actors.WhoIs:
		g.whoIs(m)
	case *relayed:
		g.relay(m)
	}
}

func (g *Gateway) enter(c *Conn) {
	if c.over() {
		return // before it came in
	}
	g.place(c)
	g.home.Metrics.Connections.Inc()
	if g.drain != actors.EndGone {
		c.Close(g.drain)
		return
	}
	g.attach(c)
}

// attach attaches a connection to its user, from where its client stands.
func (g *Gateway) attach(c *Conn) {
	after, turn, ok := c.again()
	if !ok {
		return
	}
	g.home.Router.Send(c.Key, &actors.Attach{Gate: g.pid, Key: c.Key, Conn: c.id, Turn: turn, After: after})
}

// reattach attaches the connections to the users of some shards again.
func (g *Gateway) reattach(m *actors.Reattach) {
	for key, mates := range g.users {
		if m.Shards.Has(actors.ShardOf(key)) {
			for _, c := range mates {
				g.attach(c)
			}
		}
	}
}

// greet hands a user's answer to its connection. Of one that has left, the
// user learns again: its attach may have come in behind its detach.
func (g *Gateway) greet(m *actors.Greeting) {
	conn := g.conn(m.Conn)
	switch {
	case conn != nil:
		conn.greet(m)
	case m.Refused == actors.EndGone:
		g.home.Router.Send(m.Key, &actors.Detach{Gate: g.pid, Key: m.Key, Conn: m.Conn})
	}
}

func (g *Gateway) leave(c *Conn) {
	if g.conn(c.id) != c {
		return
	}
	g.home.Metrics.Connections.Dec()
	g.displace(c)
	g.farewell(c.id)
	upto, casts := c.mark()
	g.home.Router.Send(c.Key, &actors.Detach{Gate: g.pid, Key: c.Key, Conn: c.id, Upto: upto, Casts: casts, Transport: c.transport()})
}

// tick lets a slice of the connections beat, and tells users what was written.
func (g *Gateway) tick() {
	g.ticks++
	for i := g.ticks % beatTurns; i < len(g.slots); i += beatTurns {
		if c := g.slots[i]; c != nil {
			c.beat(g.heartbeat(c.format))
		}
	}
	for i := g.ticks % markTicks; i < len(g.slots); i += markTicks {
		c := g.slots[i]
		if c == nil {
			continue
		}
		if upto, casts := c.mark(); upto != 0 || casts.Upto != 0 {
			g.home.Router.Send(c.Key, &actors.Reached{Key: c.Key, Upto: upto, Casts: casts, Transport: c.transport()})
		}
	}
}

// heartbeat returns the form's heartbeat, which all connections share.
func (g *Gateway) heartbeat(f actors.Format) []byte {
	b := &g.beats[f.Form()]
	if *b == nil {
		*b = f.AppendBeat([]byte{})
	}
	return *b
}

func (g *Gateway) list(m *Users) {
	var keys []actors.Key
	for k := range g.users {
		if k.App() == m.App {
			keys = append(keys, k)
		}
	}
	m.Reply(keys)
}

func (g *Gateway) end(m *EndWhere) {
	if m.Close {
		g.drain = m.Why
	}
	n := 0
	for _, c := range g.slots {
		if m.Most > 0 && n >= m.Most {
			break
		}
		if c != nil && (m.Match == nil || m.Match(c)) {
			c.Close(m.Why)
			n++
		}
	}
	if m.Reply != nil {
		m.Reply(g.open - n)
	}
}

// place gives the connection a slot and an id, which no other ever has.
func (g *Gateway) place(c *Conn) {
	slot := uint32(len(g.slots))
	if n := len(g.free); n > 0 {
		slot, g.free = g.free[n-1], g.free[:n-1]
		g.slots[slot] = c
	} else {
		g.slots = append(g.slots, c)
	}
	g.made++
	g.open++
	c.name(g.made<<32 | uint64(slot))
	g.users[c.Key] = append(g.users[c.Key], c)
}

// displace takes the connection out.
func (g *Gateway) displace(c *Conn) {
	slot := uint32(c.id)
	g.slots[slot] = nil
	g.free = append(g.free, slot)
	g.open--
	mates := g.users[c.Key]
	i := slices.Index(mates, c)
	last := len(mates) - 1
	mates[i], mates[last] = mates[last], nil
	if last == 0 {
		delete(g.users, c.Key)
	} else {
		g.users[c.Key] = mates[:last]
	}
}

// conn returns the connection with the id; nil: it is not here.
func (g *Gateway) conn(id uint64) *Conn {
	if slot := uint64(uint32(id)); slot < uint64(len(g.slots)) {
		if c := g.slots[slot]; c != nil && c.id == id {
			return c
		}
	}
	return nil
}

// whoIs tells a user about its connections here.
func (g *Gateway) whoIs(m *actors.WhoIs) {
	d := &actors.Described{Gate: g.pid, Query: m.Query}
	for _, c := range g.users[m.Key] {
		d.Conns = append(d.Conns, c.describe())
	}
	g.home.Send(m.User, d)
}

// Hub takes connections in. The transports are given one.
type Hub interface {
	// Attach attaches a connection (NewConn) to its user. From then on the
	// sink belongs to it; the first frames may come before Attach returns.
	Attach(c *Conn)
}

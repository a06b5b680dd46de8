package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Gateway is the actor that stands between users and their connections on one
// node: it fans a Push out to the Conns, attaches them to their users, also
// again when a user's actor has ended, and lets them beat. There is one per
// event loop.
type Gateway struct {
	home  *Home
	pid   *actor.PID
	next  atomic.Uint64 // ids of connections
	conns map[uint64]*Conn
	users map[Key][]*Conn
	ticks int
	drain End // not EndGone: the node goes down and takes no more in
}

// What a gateway is told, besides pushes.
type (
	enter    struct{ conn *Conn }
	left     struct{ conn *Conn }
	greeting struct { // the user's answer to attach
		key       Key
		conn      uint64
		turn      uint32
		at        Cursor // from where the connection goes on
		head      Cursor // where the user stands
		counts    []byte
		recovered bool // at is the connection's own
		reset     bool // its own was foreign, or too old
		refused   End  // not EndGone: it may not be attached
	}
	pageRead struct {
		conn uint64
		turn uint32
		push *Push // nil: it can't be read
	}
	gone struct{ key Key } // the user's actor has ended: attach again
	kick struct {
		key Key
		why End
	}
)

// Tick lets a gateway do what is to be done each second.
type Tick struct{}

// Users asks a gateway which users of an app have connections; Reply is
// called in the gateway's turn.
type Users struct {
	App   string
	Reply func([]Key)
}

// EndWhere ends the connections that Match picks, in the gateway's turn.
type EndWhere struct {
	Match func(*Attachment) bool
	Why   End
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

// NewGateway starts a gateway.
func NewGateway(h *Home) *Gateway {
	g := &Gateway{home: h, conns: make(map[uint64]*Conn), users: make(map[Key][]*Conn)}
	g.pid = h.System.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return g },
		actor.WithMailbox(func() actor.Mailbox {
			return &mailbox{bounce: func(any) {}, panicked: func(reason any, stack []byte) { h.panicked("gateway", reason, stack) }}
		})))
	return g
}

// PID returns the gateway's address.
func (g *Gateway) PID() *actor.PID { return g.pid }

// Attach implements Hub.
func (g *Gateway) Attach(c *Conn) {
	c.enter(g, g.next.Add(1))
	g.home.send(g.pid, &enter{c})
}

// left is called by a connection that has ended.
func (g *Gateway) left(c *Conn, why End) {
	g.home.Metrics.Ended.WithLabelValues(why.String()).Inc()
	g.home.send(g.pid, &left{c})
}

// Receive is the actor's table of contents.
func (g *Gateway) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *Push:
		for _, conn := range g.users[m.Key] {
			conn.push(m)
		}
	case *enter:
		g.enter(m.conn)
	case *left:
		g.leave(m.conn)
	case *greeting:
		g.greet(m)
	case *pageRead:
		if conn := g.conns[m.conn]; conn != nil {
			conn.page(m)
		}
	case *gone:
		for _, conn := range g.users[m.key] {
			g.attach(conn)
		}
	case *kick:
		for _, conn := range g.users[m.key] {
			conn.Close(m.why)
		}
	case *Tick:
		g.tick()
	case *Users:
		g.list(m)
	case *EndWhere:
		g.end(m)
	}
}

func (g *Gateway) enter(c *Conn) {
	if c.over() {
		return // before it came in
	}
	g.conns[c.id] = c
	g.users[c.Key] = append(g.users[c.Key], c)
	g.home.Metrics.Connections.Inc()
	if g.drain != EndGone {
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
	g.home.Router.Send(c.Key, &attach{attached{
		conn: c.id, gate: g.pid, transport: c.Transport, address: c.Address, principal: c.Principal, since: c.Since}, turn, after})
}

// greet hands a user's answer to its connection. Of one that has left, the
// user learns again: its attach may have come in behind its detach.
func (g *Gateway) greet(m *greeting) {
	conn := g.conns[m.conn]
	switch {
	case conn != nil:
		conn.greet(m)
	case m.refused == EndGone:
		g.home.Router.Send(m.key, &detach{gate: g.pid, conn: m.conn})
	}
}

func (g *Gateway) leave(c *Conn) {
	if g.conns[c.id] == nil {
		return
	}
	delete(g.conns, c.id)
	g.home.Metrics.Connections.Dec()
	// A new slice: the old one may be walked through right now.
	rest := make([]*Conn, 0, len(g.users[c.Key]))
	for _, o := range g.users[c.Key] {
		if o != c {
			rest = append(rest, o)
		}
	}
	if len(rest) == 0 {
		delete(g.users, c.Key)
	} else {
		g.users[c.Key] = rest
	}
	upto, news := c.mark()
	if !news {
		upto = 0
	}
	g.home.Router.Send(c.Key, &detach{gate: g.pid, conn: c.id, upto: upto, transport: c.Transport})
}

// tick lets a slice of the connections beat, and tells users what was written.
func (g *Gateway) tick() {
	g.ticks++
	for id, c := range g.conns {
		if (id+uint64(g.ticks))%beatTurns == 0 {
			c.beat()
		}
		if (id+uint64(g.ticks))%markTicks == 0 {
			if upto, news := c.mark(); news {
				g.home.Router.Send(c.Key, &reached{upto: upto, transport: c.Transport})
			}
		}
	}
}

func (g *Gateway) list(m *Users) {
	var keys []Key
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
	for _, c := range g.conns {
		if m.Most > 0 && n >= m.Most {
			break
		}
		if m.Match == nil || m.Match(&c.Attachment) {
			c.Close(m.Why)
			n++
		}
	}
	if m.Reply != nil {
		m.Reply(len(g.conns) - n)
	}
}

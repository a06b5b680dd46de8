package gateway

import (
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// A connection's address. There are too many connections to be registered with
// protoactor, each for 300 bytes: a resolver finds the gateway in the address,
// and the gateway finds the connection by its id, which no other ever has.

// connAddress begins the addresses of connections; the number of their gateway
// follows.
const connAddress = "conn/"

// PID returns the connection's address, and nil before it has come into a
// gateway. Whoever watches it is told when it ends, or has ended.
func (c *Conn) PID() *actor.PID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id == 0 {
		return nil
	}
	return actor.NewPID(c.gate.connAddress, strconv.FormatUint(c.id, 16))
}

// relayed is a message to one connection, on its way through its gateway.
type relayed struct {
	conn   uint64
	m      any
	system bool
}

// A connProcess is a connection as its address names it. It may be gone.
type connProcess struct {
	gate *Gateway
	conn uint64
}

var _ actor.Process = connProcess{}

// resolveConn returns the connection behind an address, as an
// actor.AddressResolver does.
func resolveConn(all []*Gateway, pid *actor.PID) (actor.Process, bool) {
	number, ok := strings.CutPrefix(pid.Address, connAddress)
	if !ok {
		return nil, false
	}
	n, err := strconv.Atoi(number)
	id, err2 := strconv.ParseUint(pid.Id, 16, 64)
	if err != nil || err2 != nil || n < 0 || n >= len(all) {
		return nil, false
	}
	return connProcess{all[n], id}, true
}

// SendUserMessage implements actor.Process.
func (p connProcess) SendUserMessage(_ *actor.PID, m any) {
	p.gate.home.Send(p.gate.pid, &relayed{conn: p.conn, m: m})
}

// SendSystemMessage implements actor.Process.
func (p connProcess) SendSystemMessage(_ *actor.PID, m any) {
	p.gate.home.Send(p.gate.pid, &relayed{conn: p.conn, m: m, system: true})
}

// Stop implements actor.Process.
func (p connProcess) Stop(pid *actor.PID) { p.SendSystemMessage(pid, &actor.Stop{}) }

// relay hands a message to a connection. The gateway keeps who watches it, so
// that the connection need not.
func (g *Gateway) relay(m *relayed) {
	c := g.conn(m.conn)
	switch s := m.m.(type) {
	case *actor.Watch:
		if c == nil {
			g.terminated(m.conn, s.Watcher)
			return
		}
		if g.watchers == nil {
			g.watchers = make(map[uint64][]*actor.PID)
		}
		g.watchers[m.conn] = append(g.watchers[m.conn], s.Watcher)
		return
	case *actor.Unwatch:
		g.unwatch(m.conn, s.Watcher)
		return
	}
	switch {
	case c == nil:
	case m.system:
		c.SendSystemMessage(nil, m.m)
	default:
		c.SendUserMessage(nil, m.m)
	}
}

func (g *Gateway) unwatch(conn uint64, watcher *actor.PID) {
	list := g.watchers[conn]
	for i, w := range list {
		if w.Equal(watcher) {
			g.watchers[conn] = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(g.watchers[conn]) == 0 {
		delete(g.watchers, conn)
	}
}

// farewell tells those who watch a connection that it has ended.
func (g *Gateway) farewell(conn uint64) {
	for _, w := range g.watchers[conn] {
		g.terminated(conn, w)
	}
	delete(g.watchers, conn)
}

func (g *Gateway) terminated(conn uint64, watcher *actor.PID) {
	who := actor.NewPID(g.connAddress, strconv.FormatUint(conn, 16))
	process, _ := g.home.System.ProcessRegistry.Get(watcher)
	process.SendSystemMessage(watcher, &actor.Terminated{Who: who, Why: actor.TerminatedReason_Stopped})
}

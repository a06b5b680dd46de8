package user

import (
	"encoding/json"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/actors/inbox"
)

// The connections of a user, as its actor sees them.

// A gate is a gateway that holds connections of the user, and their ids there.
type gate struct {
	pid   *actor.PID
	conns []uint64
}

// connQuery is a request for connections, while gateways answer.
type connQuery struct {
	id    uint64
	req   *actors.Request // nil: it is the user's own
	asked []*actor.PID    // the gateways that have not answered yet
	conns []actors.ConnInfo
	done  func(*connQuery) // called when all have
}

func (u *User) attach(m *actors.Attach) {
	u.entering = m
	u.admit(m)
	u.entering = nil
}

func (u *User) admit(m *actors.Attach) {
	if !u.Home.Reaches(m.Gate) {
		return // its gateway attaches it again, with the next link
	}
	if t := u.Home.Moment(); !u.HoldsLease() || u.expire(t) != nil || u.join(t) != nil || !u.room() {
		u.Home.Send(m.Gate, m.Refusal(actors.EndFailed))
		return
	}
	if !u.enter(m.Gate, m.Conn) {
		u.Home.Send(m.Gate, m.Refusal(actors.EndTooMany))
		return
	}
	u.noteHere(0)
	head := u.inbox.Cursor()
	g := &actors.Greeting{Key: u.Key, Conn: m.Conn, Turn: m.Turn, At: head, Head: head, Counts: u.inbox.AppendCounts(nil)}
	if m.After != nil {
		if g.Reset = !u.reaches(*m.After); !g.Reset {
			g.At, g.Recovered = *m.After, true
			g.At.Lineage = head.Lineage
		}
	}
	u.after(nil, func() { u.Home.Send(m.Gate, g) })
}

// enter takes a connection in, if it is not known yet. False means that the
// user has as many as are allowed.
func (u *User) enter(pid *actor.PID, conn uint64) bool {
	g, n := u.gate(pid), 0
	if g != nil && slices.Contains(g.conns, conn) {
		return true
	}
	for i := range u.gates {
		n += len(u.gates[i].conns)
	}
	if n >= u.Home.Limits.Connections {
		return false
	}
	if g == nil {
		u.gates = append(u.gates, gate{pid: pid})
		g = &u.gates[len(u.gates)-1]
	}
	g.conns = append(g.conns, conn)
	u.traceConn("connected", conn, "")
	return true
}

// gate returns the gate of the gateway; nil: there is none.
func (u *User) gate(pid *actor.PID) *gate {
	for i := range u.gates {
		if g := &u.gates[i]; g.pid == pid || g.pid.Equal(pid) {
			return g
		}
	}
	return nil
}

func (u *User) detach(m *actors.Detach) {
	u.drop(m)
	u.reached(&actors.Reached{Upto: m.Upto, Casts: m.Casts, Transport: m.Transport})
}

// drop forgets a connection.
func (u *User) drop(m *actors.Detach) {
	g := u.gate(m.Gate)
	if g == nil {
		return
	}
	if i := slices.Index(g.conns, m.Conn); i >= 0 {
		g.conns = slices.Delete(g.conns, i, i+1)
		u.traceConn("disconnected", m.Conn, m.Transport)
	}
	if len(g.conns) == 0 {
		u.gates = slices.DeleteFunc(u.gates, func(o gate) bool { return len(o.conns) == 0 })
	}
	u.left()
}

// askGates asks the gateways who is attached, for a request if there is one; described goes on.
func (u *User) askGates(r *actors.Request, done func(*connQuery)) {
	q := &connQuery{id: u.Home.Random(), req: r, conns: []actors.ConnInfo{}, done: done}
	if len(u.gates) == 0 {
		done(q)
		return
	}
	for _, g := range u.gates {
		q.asked = append(q.asked, g.pid)
	}
	u.queries = append(u.queries, q)
	if r != nil {
		u.Current = nil // the query answers it
	}
	for _, pid := range slices.Clone(q.asked) { // they may answer at once
		u.Home.Send(pid, &actors.WhoIs{Key: u.Key, User: u.Self, Query: q.id})
	}
}

// described takes in one gateway's part of an answer.
func (u *User) described(m *actors.Described) {
	i := slices.IndexFunc(u.queries, func(q *connQuery) bool { return q.id == m.Query })
	if i < 0 {
		return
	}
	q := u.queries[i]
	n := len(q.asked)
	if q.asked = slices.DeleteFunc(q.asked, m.Gate.Equal); len(q.asked) == n {
		return // it has answered before
	}
	q.conns = append(q.conns, m.Conns...)
	if len(q.asked) == 0 {
		u.queries = slices.Delete(u.queries, i, i+1)
		q.done(q)
	}
}

// nodeLost forgets the connections behind another node's gateways: the link to it
// has broken, and what was pushed through it may not have come. They attach
// again.
func (u *User) nodeLost(m *actors.NodeLost) {
	gone := func(pid *actor.PID) bool { return pid.Address == m.Node }
	if n := len(u.gates); n > 0 {
		u.gates = slices.DeleteFunc(u.gates, func(g gate) bool { return gone(g.pid) })
		u.left()
	}
	if n := len(u.links); n > 0 {
		u.links = slices.DeleteFunc(u.links, func(l actors.SessionLink) bool { return actors.Behind(l, m.Node) })
		if len(u.links) < n {
			u.awaitSessions()
		}
	}
	for _, q := range slices.Clone(u.queries) {
		for _, pid := range slices.Clone(q.asked) {
			if gone(pid) {
				u.described(&actors.Described{Gate: pid, Query: q.id})
			}
		}
	}
}

// connected answers who is attached.
func (u *User) connected(q *connQuery) {
	body, err := json.Marshal(struct {
		Connections []actors.ConnInfo `json:"connections"`
	}{q.conns})
	if err != nil {
		panic(err) // strings marshal
	}
	q.req.Answer.Body = body
	u.answer(q.req, inbox.Ready{Rev: u.inbox.Rev()})
}

// disconnect ends the user's connections, wherever they are.
func (u *User) disconnect(r *actors.Request, c *actors.Disconnect) {
	for _, g := range u.gates {
		u.Home.Send(g.pid, &actors.Kick{Key: u.Key, Why: c.Why})
	}
	u.answer(r, inbox.Ready{Rev: u.inbox.Rev()})
}

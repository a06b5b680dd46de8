package actors

import "github.com/asynkron/protoactor-go/actor"

// A FarLink is the way to the connection of a session on another node.
type FarLink struct {
	Home   *Home      // of the user
	Hub    *actor.PID // the exchange there
	id     uint64
	client string
	Turn   uint64 // of the request that brought it; 0: an older program's
	told   uint64 // tidings
}

// NewFarLink returns the way to the session that its node's exchange, at hub, knows
// by an id since the request of this turn.
func NewFarLink(hub *actor.PID, id uint64, client string, turn uint64) *FarLink {
	return &FarLink{Hub: hub, id: id, client: client, Turn: turn}
}

var _ SessionLink = (*FarLink)(nil)

// Plugged is a session that another node's user knows.
type Plugged struct {
	Link SessionLink
	Key  Key    // of its user
	Node string // where that lives
	Turn uint64 // of the request by which it knows the session
	Told uint64 // how many tidings have come of it
}

// What an exchange is told.
type (
	// Plug says that another node's user knows a session.
	Plug struct{ Plugged }
	// Unplug says that none does any more.
	Unplug struct{ ID uint64 }
	// Tidings is what a user tells a session's connection.
	Tidings struct {
		Link  uint64
		What  Tiding
		Waits []Waits
		Turn  uint64 // of the request that made the way known; 0: an older program's
		N     uint64 // +1 each in a turn
	}
)

// Tiding says what a user tells. It is on the wire: append only.
type Tiding uint8

// The tidings.
const (
	TidingWaits    Tiding = iota // SessionLink.Waits
	TidingReplaced               // SessionLink.Replaced
	TidingLost                   // SessionLink.Lost
	NumTidings
)

// Client implements SessionLink.
func (l *FarLink) Client() string { return l.client }

// ID implements SessionLink.
func (l *FarLink) ID() uint64 { return l.id }

// Waits implements SessionLink.
func (l *FarLink) Waits(list []Waits) { l.tell(&Tidings{What: TidingWaits, Waits: list}) }

// Replaced implements SessionLink.
func (l *FarLink) Replaced() { l.tell(&Tidings{What: TidingReplaced}) }

// Lost implements SessionLink.
func (l *FarLink) Lost() { l.tell(&Tidings{What: TidingLost}) }

func (l *FarLink) tell(m *Tidings) {
	l.told++
	m.Link, m.Turn, m.N = l.id, l.Turn, l.told
	l.Home.Send(l.Hub, m)
}

// Export prepares a request that goes to the user of a session on another node:
// the exchange knows the session as long as the user does.
func (h *Home) Export(r *Request, node string) {
	switch c := r.Command.(type) {
	case *OpenSession:
		if _, far := c.Link.(*FarLink); !far {
			c.Hub, c.Turn = h.Exchange, h.turns.Add(1)
			h.Send(h.Exchange, &Plug{Plugged{Link: c.Link, Key: r.Key, Node: node, Turn: c.Turn}})
		}
	case *CloseSession:
		if _, far := c.Link.(*FarLink); !far {
			c.Hub = h.Exchange
			h.Unplug(c.Link)
		}
	}
}

// Unexport says that such a request was refused or not sent: no user there knows
// the session by it.
func (h *Home) Unexport(r *Request) {
	if c, ok := r.Command.(*OpenSession); ok {
		h.Unplug(c.Link)
	}
}

// Unplug lets the exchange forget a session that is connected here.
func (h *Home) Unplug(l SessionLink) {
	if _, far := l.(*FarLink); !far && l != nil && h.Exchange != nil {
		h.Send(h.Exchange, &Unplug{l.ID()})
	}
}

// SameLink tells whether two are the way to one session.
func SameLink(a, b SessionLink) bool {
	if a == b {
		return true
	}
	f, ok := a.(*FarLink)
	g, ok2 := b.(*FarLink)
	return ok && ok2 && f.id == g.id && f.Hub.Equal(g.Hub)
}

// Behind tells whether the session's connection is on the node.
func Behind(l SessionLink, node string) bool {
	f, ok := l.(*FarLink)
	return ok && f.Hub.Address == node
}

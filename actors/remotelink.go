package actors

import "github.com/asynkron/protoactor-go/actor"

// A RemoteLink is the way to the connection of a session on another node.
type RemoteLink struct {
	Home     *Home      // of the user
	Exchange *actor.PID // the exchange there
	id       uint64
	client   string
	Turn     uint64 // of the request that brought it; 0: an older program's
	notices  uint64 // sent so far
}

// NewRemoteLink returns the way to the session that its node's exchange knows
// by an id since the request of this turn.
func NewRemoteLink(exchange *actor.PID, id uint64, client string, turn uint64) *RemoteLink {
	return &RemoteLink{Exchange: exchange, id: id, client: client, Turn: turn}
}

var _ SessionLink = (*RemoteLink)(nil)

// RemoteSession is a session that another node's user knows.
type RemoteSession struct {
	Link    SessionLink
	Key     Key    // of its user
	Node    string // where that lives
	Turn    uint64 // of the request by which it knows the session
	Notices uint64 // how many notices have come of it
}

// What an exchange is told.
type (
	// Register says that another node's user knows a session.
	Register struct{ RemoteSession }
	// Unregister says that none does any more.
	Unregister struct{ ID uint64 }
	// Notice is what a user tells a session's connection.
	Notice struct {
		Link   uint64
		Kind   NoticeKind
		Queued []QueuedMessage
		Turn   uint64 // of the request that made the way known; 0: an older program's
		N      uint64 // +1 each in a turn
	}
)

// NoticeKind says what a user tells. It is on the wire: append only.
type NoticeKind uint8

// The kinds of notices.
const (
	NoticeQueued   NoticeKind = iota // SessionLink.Queued
	NoticeReplaced                   // SessionLink.Replaced
	NoticeLost                       // SessionLink.Lost
	NumNoticeKinds
)

// Client implements SessionLink.
func (l *RemoteLink) Client() string { return l.client }

// ID implements SessionLink.
func (l *RemoteLink) ID() uint64 { return l.id }

// Queued implements SessionLink.
func (l *RemoteLink) Queued(list []QueuedMessage) { l.tell(&Notice{Kind: NoticeQueued, Queued: list}) }

// Replaced implements SessionLink.
func (l *RemoteLink) Replaced() { l.tell(&Notice{Kind: NoticeReplaced}) }

// Lost implements SessionLink.
func (l *RemoteLink) Lost() { l.tell(&Notice{Kind: NoticeLost}) }

func (l *RemoteLink) tell(m *Notice) {
	l.notices++
	m.Link, m.Turn, m.N = l.id, l.Turn, l.notices
	l.Home.Send(l.Exchange, m)
}

// RegisterSession prepares a request that goes to the user of a session on another node:
// the exchange knows the session as long as the user does.
func (h *Home) RegisterSession(r *Request, node string) {
	switch c := r.Command.(type) {
	case *OpenSession:
		if _, far := c.Link.(*RemoteLink); !far {
			c.Exchange, c.Turn = h.Exchange, h.turns.Add(1)
			h.Send(h.Exchange, &Register{RemoteSession{Link: c.Link, Key: r.Key, Node: node, Turn: c.Turn}})
		}
	case *CloseSession:
		if _, far := c.Link.(*RemoteLink); !far {
			c.Exchange = h.Exchange
			h.Unregister(c.Link)
		}
	}
}

// UnregisterSession says that such a request was refused or not sent: no user there knows
// the session by it.
func (h *Home) UnregisterSession(r *Request) {
	if c, ok := r.Command.(*OpenSession); ok {
		h.Unregister(c.Link)
	}
}

// Unregister lets the exchange forget a session that is connected here.
func (h *Home) Unregister(l SessionLink) {
	if _, far := l.(*RemoteLink); !far && l != nil && h.Exchange != nil {
		h.Send(h.Exchange, &Unregister{l.ID()})
	}
}

// SameLink tells whether two are the way to one session.
func SameLink(a, b SessionLink) bool {
	if a == b {
		return true
	}
	f, ok := a.(*RemoteLink)
	g, ok2 := b.(*RemoteLink)
	return ok && ok2 && f.id == g.id && f.Exchange.Equal(g.Exchange)
}

// Behind tells whether the session's connection is on the node.
func Behind(l SessionLink, node string) bool {
	f, ok := l.(*RemoteLink)
	return ok && f.Exchange.Address == node
}

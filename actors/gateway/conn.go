package gateway

import (
	"errors"
	"math"
	"runtime/debug"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// Conn is the actor of one client connection. It has no mailbox: whoever
// sends to it writes to its sink, under its lock, and the sink never blocks.
//
// It knows the cursor up to which its client was told everything. A push that
// goes on from there is written; one that was seen already is passed over; and
// where something is missing it pulls pages from the journal, the next one
// only when the sink has nothing left to write, while live pushes wait.
type Conn struct {
	Key    actors.Key
	Sink   actors.Sink
	format actors.Format
	gate   *Gateway
	id     uint64

	mu      sync.Mutex
	turn    uint32 // counts what the user was asked; answers to earlier turns are void
	since   uint32 // unix seconds
	state   connState
	start   connStart       // how it began
	sight   sight           // whether somebody sees what its client shows
	met     bool            // its user has greeted it
	pending bool            // the sink still has something to write
	behind  bool            // there are more pages to pull
	lost    bool            // pushes were not kept while it pulled: pull again
	news    bool            // written has risen since the user was told
	at      actors.Cursor   // everything up to here was given to the sink
	queue   *[]*actors.Push // live pushes that wait for pages
	unsent  uint32          // by so many seqs the sink has less behind it than at says
	untold  uint32          // so many positions of the broadcast log before at were not told to the user
}

type connState uint8

const (
	connAttaching connState = iota // waits for its user's greeting
	connPulling                    // waits for a page
	connLive
	connOver
)

// connStart are flags.
type connStart uint8

const (
	startOnce    connStart = 1 << iota // it ends as soon as there was something to send
	startResumes                       // it began with a cursor, which at is until the user has greeted it
)

// A sight is what a client has said of whether somebody sees what it shows.
type sight uint8

const (
	sightVisible sight = iota // also where it says nothing
	sightHidden
	sightConflated // it is hidden, and told counts alone, once a second (hidden.go)
)

// waitingPushes is how many live pushes wait for pages. What comes beyond is
// read from the journal later.
const waitingPushes = 64

var _ actor.Process = (*Conn)(nil)

// NewConn returns the actor of a new connection, not yet attached.
func NewConn(a actors.Attachment) *Conn {
	c := &Conn{Key: a.Key, Sink: a.Sink, format: a.Format, since: uint32(a.Since / 1000)}
	if a.Once {
		c.start |= startOnce
	}
	if a.After != nil {
		c.at = *a.After
		c.start |= startResumes
	}
	return c
}

// Since returns when the connection came, in unix milliseconds.
func (c *Conn) Since() int64 { return int64(c.since) * 1000 }

// Resumes returns the cursor that the connection began with; nil: none.
func (c *Conn) Resumes() *actors.Cursor {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.start&startResumes == 0 {
		return nil
	}
	at := c.at
	return &at
}

// Format returns the connection's wire form.
func (c *Conn) Format() actors.Format { return c.format }

// Once tells whether the connection ends as soon as there was something to send.
func (c *Conn) Once() bool { return c.start&startOnce != 0 }

// SendUserMessage implements actor.Process.
func (c *Conn) SendUserMessage(_ *actor.PID, m any) {
	switch m := m.(type) {
	case *actors.Push:
		c.push(m)
	case *actors.Greeting:
		c.greet(m)
	case *actors.PageRead:
		c.page(m)
	}
}

// SendSystemMessage implements actor.Process.
func (c *Conn) SendSystemMessage(_ *actor.PID, m any) {
	if _, ok := m.(*actor.Stop); ok {
		c.Close(actors.EndGone)
	}
}

// Stop implements actor.Process.
func (c *Conn) Stop(*actor.PID) { c.Close(actors.EndGone) }

// Drained tells the connection that its sink has nothing left to write. The
// sink calls it without a lock held, each time after a Send that left bytes.
func (c *Conn) Drained() {
	c.do(func() (actors.End, bool, *actors.Pull) {
		// It may come late, when another Send has left bytes again.
		n, err := c.Sink.Send(nil)
		if err != nil {
			return actors.EndGone, true, nil
		}
		if c.pending = n > 0; !c.pending {
			c.wrote()
		}
		return 0, false, c.wantsPage()
	})
}

// Close ends the connection: the transport calls it when the client is gone
// or broke the protocol. It calls Sink.End once, unless that was done.
func (c *Conn) Close(why actors.End) {
	c.mu.Lock()
	over := c.state == connOver
	if !over {
		c.end(why)
	}
	c.mu.Unlock()
	if !over {
		c.leave(why)
	}
}

// end ends the sink. The caller holds the lock, and calls leave without it.
func (c *Conn) end(why actors.End) {
	c.state, c.queue = connOver, nil
	c.Sink.End(why)
}

func (c *Conn) leave(why actors.End) {
	c.mu.Lock()
	g := c.gate
	c.mu.Unlock()
	if g != nil {
		g.left(c, why)
	}
}

// do runs step with the lock held, and what it asks for without.
func (c *Conn) do(step func() (why actors.End, over bool, ask *actors.Pull)) {
	why, over, ask := c.locked(step)
	if over {
		c.leave(why)
	} else {
		c.pull(ask)
	}
}

// locked runs step with the lock held. A sink or a format that panics ends
// this connection and no other.
func (c *Conn) locked(step func() (actors.End, bool, *actors.Pull)) (why actors.End, over bool, ask *actors.Pull) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == connOver {
		return 0, false, nil
	}
	defer func() {
		if reason := recover(); reason != nil {
			c.gate.home.ConnPanicked(c.Key, reason, debug.Stack())
			why, over, ask = actors.EndFailed, true, nil
		}
		if over {
			c.end(why)
		}
	}()
	return step()
}

// greet takes in the user's answer to the attach.
func (c *Conn) greet(g *actors.Greeting) {
	c.do(func() (actors.End, bool, *actors.Pull) {
		switch {
		case g.Turn != c.turn || c.state == connLive:
			return 0, false, nil
		case g.Refused != actors.EndGone:
			return g.Refused, true, nil
		}
		first := !c.met
		if g.At.Pos != c.at.Pos {
			c.untold = 0
		}
		c.at, c.state, c.met = g.At, connLive, true
		var b []byte
		cursor := g.At.String()
		if hello, ok := c.format.(actors.Greeter); ok && first {
			b = hello.AppendHello(nil, g.Counts, []byte(cursor), g.Recovered)
		}
		switch {
		case g.Reset:
			b = c.frame(b, actors.PlainEvent("reset", g.At, g.Counts))
		case !g.Recovered && len(b) == 0:
			b = c.frame(b, actors.PlainEvent("counts", g.At, g.Counts))
		}
		if why, over := c.write(b); over {
			return why, true, nil
		}
		c.unsent, c.news = 0, false // what came before was written elsewhere, or not at all
		if c.behind = !g.At.Covers(g.Head); c.behind && c.sight == sightConflated {
			if why, over := c.write(c.frame(nil, actors.PlainEvent("counts", c.at, g.Counts))); over {
				return why, true, nil
			}
		}
		return c.goOn()
	})
}

func (c *Conn) frame(b []byte, e actors.PushEvent) []byte {
	return c.format.AppendPush(b, &actors.Push{Key: c.Key, To: e.To, Events: []actors.PushEvent{e}})
}

// push takes in what has just happened.
func (c *Conn) push(p *actors.Push) {
	c.do(func() (actors.End, bool, *actors.Pull) {
		switch {
		case c.state != connLive:
			c.keep(p)
			return 0, false, nil
		case c.sight == sightConflated:
			c.conflate(p)
			return 0, false, nil
		}
		why, over := c.deliver(p)
		if over {
			return why, true, nil
		}
		return 0, false, c.wantsPage()
	})
}

// keep lets a push wait for the pages before it.
func (c *Conn) keep(p *actors.Push) {
	if c.queue == nil {
		c.queue = new([]*actors.Push)
	}
	switch {
	case c.sight == sightConflated:
		*c.queue = (*c.queue)[:0] // the last one has the counts
	case len(*c.queue) >= waitingPushes:
		*c.queue, c.lost = nil, true
	}
	if !c.lost {
		*c.queue = append(*c.queue, p)
	}
}

// deliver writes what the client does not have yet, or finds that pages are
// missing before it.
func (c *Conn) deliver(p *actors.Push) (actors.End, bool) {
	switch {
	case c.at.Covers(p.To) && p.To.Lineage == c.at.Lineage:
		return 0, false
	case p.From != c.at && (!c.at.Covers(p.From) || p.From.Lineage != c.at.Lineage && c.at.Lineage != 0):
		c.behind = true
		return 0, false
	case p.Hole:
		c.behind = true
		return 0, false
	case p.From != c.at:
		p = p.Beyond(c.at)
	}
	c.moveTo(p.To)
	return c.write(p.Frame(c.format))
}

// moveTo notes that everything up to a cursor is given to the sink.
func (c *Conn) moveTo(to actors.Cursor) {
	c.unsent += uint32(min(to.Seq-min(c.at.Seq, to.Seq), uint64(math.MaxUint32-c.unsent)))
	c.untold += uint32(min(to.Pos-min(c.at.Pos, to.Pos), uint64(math.MaxUint32-c.untold)))
	c.at = to
}

// page takes in what was pulled.
func (c *Conn) page(m *actors.PageRead) {
	c.do(func() (actors.End, bool, *actors.Pull) {
		p := m.Push
		switch {
		case m.Turn != c.turn || c.state != connPulling:
			return 0, false, nil
		case p == nil:
			return actors.EndFailed, true, nil
		}
		c.moveTo(p.To)
		c.behind, c.state = p.More, connLive
		if why, over := c.write(p.Frame(c.format)); over {
			return why, true, nil
		}
		return c.goOn()
	})
}

// goOn delivers what has waited, if no more pages are missing.
func (c *Conn) goOn() (actors.End, bool, *actors.Pull) {
	if c.sight == sightConflated {
		c.conflateQueue()
		return 0, false, nil
	}
	if c.behind {
		return 0, false, c.wantsPage()
	}
	c.behind, c.lost = c.lost, false
	if c.queue == nil {
		return 0, false, c.wantsPage()
	}
	queue := *c.queue
	c.queue = nil
	for _, p := range queue {
		if c.behind {
			break // the journal has the rest
		}
		if why, over := c.deliver(p); over {
			return why, true, nil
		}
	}
	return 0, false, c.wantsPage()
}

// wantsPage returns what to ask the user if it is time for the next page, for
// which the connection then waits; nil: it is not.
func (c *Conn) wantsPage() *actors.Pull {
	if c.state != connLive || !c.behind || c.pending || c.sight == sightConflated {
		return nil
	}
	c.state = connPulling
	c.turn++
	return &actors.Pull{Gate: c.gate.pid, Key: c.Key, Conn: c.id, Turn: c.turn, After: c.at}
}

func (c *Conn) pull(ask *actors.Pull) {
	if ask != nil {
		c.gate.home.Router.Send(c.Key, ask)
	}
}

// write gives frames to the sink.
func (c *Conn) write(b []byte) (actors.End, bool) {
	if len(b) == 0 {
		if !c.pending {
			c.wrote()
		}
		return 0, false
	}
	n, err := c.Sink.Send(b)
	switch {
	case errors.Is(err, actors.ErrSlow):
		return actors.EndSlow, true
	case err != nil:
		return actors.EndGone, true
	case n > 0:
		c.pending = true
	case !c.pending:
		c.wrote()
	}
	return actors.EndGone, c.Once()
}

// wrote notes that the sink has nothing left of what it was given.
func (c *Conn) wrote() {
	if c.unsent > 0 {
		c.unsent, c.news = 0, true
	}
}

// beat writes a heartbeat of its form, unless something else waits to be
// written.
func (c *Conn) beat(frame []byte) {
	c.do(func() (actors.End, bool, *actors.Pull) {
		if c.pending || c.Once() || c.state == connAttaching {
			return 0, false, nil
		}
		if a, ok := c.Sink.(actors.Answerer); ok && len(frame) > 0 && !a.Beat() {
			return actors.EndGone, true, nil
		}
		why, over := c.write(frame)
		return why, over, nil
	})
}

// over tells whether the connection has ended.
func (c *Conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == connOver
}

// enter gives the connection its gateway.
func (c *Conn) enter(g *Gateway) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate = g
}

// name gives the connection the id by which its gateway knows it.
func (c *Conn) name(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id = id
}

// again prepares to attach once more, from where the client stands. It returns
// false if the connection is over.
func (c *Conn) again() (after *actors.Cursor, turn uint32, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == connOver {
		return nil, 0, false
	}
	if c.met || c.start&startResumes != 0 {
		at := c.at
		after = &at
	}
	c.state, c.queue, c.lost = connAttaching, nil, false
	c.turn++
	return after, c.turn, true
}

// mark returns what the client has that is news to its user: everything up to a seq, and of the
// broadcast log; 0 and an empty span are none.
func (c *Conn) mark() (upto uint64, casts actors.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.news {
		upto, c.news = c.at.Seq-uint64(c.unsent), false
	}
	if c.untold > 0 && !c.pending {
		casts = actors.Span{After: c.at.Pos - uint64(c.untold), Upto: c.at.Pos}
		c.untold = 0
	}
	return upto, casts
}

// transport returns the name of the way by which the client came.
func (c *Conn) transport() string {
	if client, ok := c.Sink.(actors.Client); ok {
		return client.Transport()
	}
	return ""
}

func (c *Conn) describe() actors.ConnInfo {
	d := actors.ConnInfo{ID: actors.ConnID(c.id), Transport: c.transport(), Since: actors.TimeText(c.Since()), Visible: c.visible()}
	if client, ok := c.Sink.(actors.Client); ok {
		d.Address = client.Address()
	}
	return d
}

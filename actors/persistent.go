package actors

import "github.com/asynkron/protoactor-go/actor"

// Persistent is what persistent actors share: an activation's way from the
// journal, its outbox, and its end.
//
// An activation ends in one way, whether it is idle, has panicked or may have
// failed to write: it decides nothing more, waits until the store has settled
// all that it was given, leaves the node's directory and stops. Only then can
// another activation read the journal, so there are never two that write.
type Persistent struct {
	Key     Key
	Home    *Home
	Self    *actor.PID
	fence   Fence   // held since before the state is read
	Origin  uint64  // the store's history, since before the state is read
	Stream  *Stream // nil until the state is loaded
	Seq     uint64  // of the last event applied
	Out     outbox
	writes  uint64   // handed to the journal
	Waiting []any    // what came while it was loaded, or ends
	Current *Request // whose turn it is, while it is not in the outbox
	Ending  bool
	over    bool
}

// What persistent actors are told.
type (
	// Committed says that the store has settled something.
	Committed struct{}
	// Panicked says that the last turn did not come to its end.
	Panicked struct{}
	// Unowned says that this node may not write to the actor.
	Unowned struct{}
)

// TimeUp tells an actor that its wake-up at At (unix milliseconds) has come.
type TimeUp struct{ At int64 }

// Passivate asks an actor to stop if it is idle.
type Passivate struct{}

// Doze asks an actor that has to stay to let go of what it can read again.
type Doze struct{}

// Move asks an actor to stop as soon as the store has settled what it was
// given: another node takes its shard over. What comes meanwhile goes there.
type Move struct{}

// NodeLost tells an actor that the link to another node has broken.
type NodeLost struct{ Node string }

var look = &Committed{}

// nudge is called by the store when something of the stream was settled.
func (p *Persistent) nudge() { p.Home.Send(p.Self, look) }

// Activated is the beginning: the actor learns who it is, and takes the
// activation's right to write before its state is read. False means that this
// node has none, and that the activation ends.
func (p *Persistent) Activated(self *actor.PID) bool {
	p.Self, p.Key, p.Origin = self, keyOf(self.Id), p.Home.history()
	var ok bool
	if p.fence, ok = p.Home.Fence(p.Key); !ok {
		p.Home.Send(self, &Unowned{})
	}
	return ok
}

// ErrNotOwner answers what came to a node that may not write to the actor.
var ErrNotOwner = Errorf(Unavailable, "this node does not own the actor's shard; repeat the request")

// Opened says that the state is loaded, up to seq.
func (p *Persistent) Opened(seq uint64) {
	p.Seq, p.Stream = seq, NewStream(p.Key, p.fence, seq, p.nudge)
	p.Stream.History = p.Origin
}

// Begin says that the state is loaded, up to seq, and deletes what lies beyond a
// hole in the journal, if there is one. False means that the store does not take
// that, and that the activation ends.
func (p *Persistent) Begin(seq uint64, b *Beyond) bool {
	p.Opened(seq)
	if b == nil {
		return true
	}
	if err := p.Append(&Write{Stream: p.Stream, After: p.Seq, Delete: b.Runs}); err != nil {
		p.Refuse(err)
		return false
	}
	return true
}

// CatchUp works off what has waited. What act lets wait once more, waits; so does what comes
// behind the end of the activation, or behind a panic.
func (p *Persistent) CatchUp(act func(any)) {
	list := p.Waiting
	p.Waiting = nil
	next := 0
	defer func() {
		if next < len(list) {
			p.Waiting = append(list[next:], p.Waiting...)
		}
	}()
	for next < len(list) && !p.Ending {
		m := list[next]
		next++
		act(m)
	}
}

// Wait keeps a message for later.
func (p *Persistent) Wait(m any) {
	if r, ok := m.(*Request); ok && len(p.Waiting) >= p.Home.Limits.Waiting {
		p.Home.Metrics.Busy.Inc()
		r.Fail(Errorf(Busy, "too many requests wait for this actor to wake up"))
		return
	}
	p.Waiting = append(p.Waiting, m)
}

// HoldsLease tells whether what the actor has in memory is the newest that there is:
// nobody else can have taken its shard and written since.
func (p *Persistent) HoldsLease() bool { return p.Home.HoldsLease == nil || p.Home.HoldsLease(p.Key) }

// ErrUnsure answers what is asked of an actor that is not sure.
var ErrUnsure = Errorf(Unavailable, "this node has not heard from the store for a while, and can't tell whether it still owns the actor's shard; nothing was done, repeat the request")

// Append hands a write to the journal. After an error nothing was done.
func (p *Persistent) Append(w *Write) *Error {
	if p.Ending || p.Stream.Err() != nil {
		return ErrUnknownOutcome
	}
	if err := p.Home.Journal.Append(w); err != nil {
		e := AsError(err)
		if e.Code == Busy {
			p.Home.Metrics.Busy.Inc()
		}
		return e
	}
	p.writes++
	return nil
}

// Leave puts an effect into the outbox, tagged with the last applied seq: a
// push, and an answer to r or else a step that sees to it. The caller flushes.
func (p *Persistent) Leave(e *Effect, r *Request, push *Push, run func()) {
	e.Seq, e.req, e.push, e.run = p.Seq, r, push, run
	p.Out.add(e)
	if r == p.Current {
		p.Current = nil
	}
}

// Flush lets go what has become durable: answers, steps, and all pushes that
// follow each other as one.
func (p *Persistent) Flush(send func(*Push)) {
	if p.Stream.Err() != nil {
		p.End()
		return
	}
	var push *Push
	for e := p.Out.take(p.Stream.Durable()); e != nil; e = p.Out.take(p.Stream.Durable()) {
		if e.push != nil {
			push = join(push, e.push)
		}
		switch run, r := e.run, e.req; { // after either, e may be in use again
		case run != nil:
			if push != nil {
				send(push)
				push = nil
			}
			run()
		case r != nil:
			r.Respond()
		}
	}
	if push != nil {
		send(push)
	}
	if p.Ending {
		p.End()
	}
}

// settled tells whether the store has done with all that it was given.
func (p *Persistent) settled() bool { return p.Stream == nil || p.writes == p.Stream.settled.Load() }

// Handed returns how many writes the store was handed by this activation.
func (p *Persistent) Handed() uint64 { return p.writes }

// HasSettled tells whether the store has done with so many writes.
func (p *Persistent) HasSettled(writes uint64) bool { return p.Stream.settled.Load() >= writes }

// Idle tells whether nothing is under way.
func (p *Persistent) Idle() bool { return p.Out.N == 0 && p.settled() && !p.Ending }

// End ends the activation as soon as the store has settled everything.
func (p *Persistent) End() {
	p.Ending = true
	if p.over || !p.settled() {
		return
	}
	p.over = true
	if p.Stream != nil {
		p.tellFenced()
	}
	p.Home.Forget(p.Key, p.Self)
	p.Home.System.Root.Stop(p.Self)
}

// tellFenced tells the node if another one has taken the actor's shard.
func (p *Persistent) tellFenced() {
	if err := p.Stream.Err(); err != nil && AsError(err).Code == Fenced && p.Home.Fenced != nil {
		p.Home.Fenced(p.fence)
	}
}

// Fail is told of a panic. The request whose turn it was is answered at the
// end, like all that wait in the outbox: the store may have its write.
func (p *Persistent) Fail() {
	if r := p.Current; r != nil {
		p.Leave(&r.Effect, r, nil, nil)
		r.Effect.Seq = Never
	}
	p.End()
}

// ErrUnknownOutcome answers what an activation was asked that ended meanwhile.
var ErrUnknownOutcome = Errorf(Unavailable, "the write may or may not have been stored; repeat it under the same key")

// Stopping answers whoever still waits, so that nobody waits in vain. If the
// store still works on something, those requests are its: nobody may touch
// them, and their callers' time runs out.
func (p *Persistent) Stopping() {
	p.Ending, p.over = true, true
	p.Home.Forget(p.Key, p.Self)
	if p.settled() {
		for e := p.Out.take(Never); e != nil; e = p.Out.take(Never) {
			if e.req != nil {
				e.req.Fail(ErrUnknownOutcome)
			}
		}
	}
	for _, m := range p.Waiting {
		p.Home.bounce(p.Key, m)
	}
	p.Waiting = nil
}

// Unreadable ends an activation whose state could not be read.
func (p *Persistent) Unreadable(err error) {
	if missed, ok := p.Home.unread.Allow(); ok {
		p.Home.Log.Error("an actor can't be read from the journal", "actor", string(p.Key), "err", err, "others", missed)
	}
	p.Refuse(&Error{Code: Unavailable, Detail: "the stored state can't be read", Cause: err})
}

// Refuse ends an activation that can't work, and answers all that waits.
func (p *Persistent) Refuse(err *Error) {
	for _, m := range p.Waiting {
		p.Home.Refuse(m, err)
	}
	p.Waiting = nil
	p.End()
}

// ForOne implements ForOne.
func (*Committed) ForOne() {}

// ForOne implements ForOne.
func (*Panicked) ForOne() {}

// ForOne implements ForOne.
func (*Unowned) ForOne() {}

// ForOne implements ForOne.
func (*Passivate) ForOne() {}

// ForOne implements ForOne.
func (*Doze) ForOne() {}

// ForOne implements ForOne.
func (*Move) ForOne() {}

// ForOne implements ForOne.
func (*NodeLost) ForOne() {}

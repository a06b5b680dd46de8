package actors

import "github.com/asynkron/protoactor-go/actor"

// persistent is what persistent actors share: an activation's way from the
// journal, its outbox, and its end.
//
// An activation ends in one way, whether it is idle, has panicked or may have
// failed to write: it decides nothing more, waits until the store has settled
// all that it was given, leaves the node's directory and stops. Only then can
// another activation read the journal, so there are never two that write.
type persistent struct {
	key     Key
	home    *Home
	self    *actor.PID
	fence   Fence   // held since before the state is read
	origin  uint64  // the store's history, since before the state is read
	stream  *Stream // nil until the state is loaded
	seq     uint64  // of the last event applied
	out     outbox
	writes  uint64   // handed to the journal
	waiting []any    // what came while it was loaded, or ends
	current *Request // whose turn it is, while it is not in the outbox
	ending  bool
	over    bool
}

// What persistent actors are told.
type (
	committed struct{} // look what the store has settled
	panicked  struct{} // the last turn did not come to its end
	unowned   struct{} // this node may not write to it
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

var look = &committed{}

// nudge is called by the store when something of the stream was settled.
func (p *persistent) nudge() { p.home.send(p.self, look) }

// activated is the beginning: the actor learns who it is, and takes the
// activation's right to write before its state is read. False means that this
// node has none, and that the activation ends.
func (p *persistent) activated(self *actor.PID) bool {
	p.self, p.key, p.origin = self, keyOf(self.Id), p.home.history()
	var ok bool
	if p.fence, ok = p.home.Fence(p.key); !ok {
		p.home.send(self, &unowned{})
	}
	return ok
}

var notOwner = Errorf(Unavailable, "this node does not own the actor's shard; repeat the request")

// opened says that the state is loaded, up to seq.
func (p *persistent) opened(seq uint64) {
	p.seq, p.stream = seq, NewStream(p.key, p.fence, seq, p.nudge)
	p.stream.History = p.origin
}

// wait keeps a message for later.
func (p *persistent) wait(m any) {
	if r, ok := m.(*Request); ok && len(p.waiting) >= p.home.Limits.Waiting {
		p.home.Metrics.Busy.Inc()
		r.Fail(Errorf(Busy, "too many requests wait for this actor to wake up"))
		return
	}
	p.waiting = append(p.waiting, m)
}

// sure tells whether what the actor has in memory is the newest that there is:
// nobody else can have taken its shard and written since.
func (p *persistent) sure() bool { return p.home.Sure == nil || p.home.Sure(p.key) }

// unsure answers what is asked of an actor that is not sure.
var unsure = Errorf(Unavailable, "this node has not heard from the store for a while, and can't tell whether it still owns the actor's shard; nothing was done, repeat the request")

// append hands a write to the journal. After an error nothing was done.
func (p *persistent) append(w *Write) *Error {
	if p.ending || p.stream.Err() != nil {
		return unknownOutcome
	}
	if err := p.home.Journal.Append(w); err != nil {
		e := AsError(err)
		if e.Code == Busy {
			p.home.Metrics.Busy.Inc()
		}
		return e
	}
	p.writes++
	return nil
}

// leave puts an effect into the outbox, tagged with the last applied seq: a
// push, and an answer to r or else a step that sees to it. The caller flushes.
func (p *persistent) leave(e *effect, r *Request, push *Push, run func()) {
	e.seq, e.req, e.push, e.run = p.seq, r, push, run
	p.out.add(e)
	if r == p.current {
		p.current = nil
	}
}

// flush lets go what has become durable: answers, steps, and all pushes that
// follow each other as one.
func (p *persistent) flush(send func(*Push)) {
	if p.stream.Err() != nil {
		p.end()
		return
	}
	var push *Push
	for e := p.out.take(p.stream.Durable()); e != nil; e = p.out.take(p.stream.Durable()) {
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
	if p.ending {
		p.end()
	}
}

// settled tells whether the store has done with all that it was given.
func (p *persistent) settled() bool { return p.stream == nil || p.writes == p.stream.settled.Load() }

// idle tells whether nothing is under way.
func (p *persistent) idle() bool { return p.out.n == 0 && p.settled() && !p.ending }

// end ends the activation as soon as the store has settled everything.
func (p *persistent) end() {
	p.ending = true
	if p.over || !p.settled() {
		return
	}
	p.over = true
	if p.stream != nil {
		p.tellFenced()
	}
	p.home.Forget(p.key, p.self)
	p.home.System.Root.Stop(p.self)
}

// tellFenced tells the node if another one has taken the actor's shard.
func (p *persistent) tellFenced() {
	if err := p.stream.Err(); err != nil && AsError(err).Code == Fenced && p.home.Fenced != nil {
		p.home.Fenced(p.fence)
	}
}

// fell is told of a panic. The request whose turn it was is answered at the
// end, like all that wait in the outbox: the store may have its write.
func (p *persistent) fell() {
	if r := p.current; r != nil {
		p.leave(&r.effect, r, nil, nil)
		r.effect.seq = never
	}
	p.end()
}

var unknownOutcome = Errorf(Unavailable, "the write may or may not have been stored; repeat it under the same key")

// stopping answers whoever still waits, so that nobody waits in vain. If the
// store still works on something, those requests are its: nobody may touch
// them, and their callers' time runs out.
func (p *persistent) stopping() {
	p.ending, p.over = true, true
	p.home.Forget(p.key, p.self)
	if p.settled() {
		for e := p.out.take(never); e != nil; e = p.out.take(never) {
			if e.req != nil {
				e.req.Fail(unknownOutcome)
			}
		}
	}
	for _, m := range p.waiting {
		p.home.bounce(p.key, m)
	}
	p.waiting = nil
}

// unreadable ends an activation whose state could not be read.
func (p *persistent) unreadable(err error) {
	if missed, ok := p.home.unread.May(); ok {
		p.home.Log.Error("an actor can't be read from the journal", "actor", string(p.key), "err", err, "others", missed)
	}
	p.refuse(&Error{Code: Unavailable, Detail: "the stored state can't be read", Cause: err})
}

// refuse ends an activation that can't work, and answers all that waits.
func (p *persistent) refuse(err *Error) {
	for _, m := range p.waiting {
		p.home.Refuse(m, err)
	}
	p.waiting = nil
	p.end()
}

// ForOne implements ForOne.
func (*committed) ForOne() {}

// ForOne implements ForOne.
func (*panicked) ForOne() {}

// ForOne implements ForOne.
func (*unowned) ForOne() {}

// ForOne implements ForOne.
func (*Passivate) ForOne() {}

// ForOne implements ForOne.
func (*Doze) ForOne() {}

// ForOne implements ForOne.
func (*Move) ForOne() {}

// ForOne implements ForOne.
func (*NodeLost) ForOne() {}

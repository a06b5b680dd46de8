package mqtt

import (
	"math/rand/v2"
	"time"

	"reddot/actors"
	"reddot/transports"
)

// durable is what a session needs that outlives its connection: the way to the
// user's actor, which writes down what changes.
type durable struct {
	epoch   uint64
	expiry  int64                 // milliseconds
	final   *int64                // what the client wants at the end instead
	change  *actors.SessionChange // what is to be written down; nil: nothing
	effects []func()              // what may happen then, with the lock held
	asking  bool                  // something is being written down, or the user's actor asked for the session
	writing bool                  // something is being written down
	failed  bool                  // and was not, perhaps: what comes behind it would be out of order
	behind  []func()              // what waits for that, of a session that is over
	willing bool                  // the user's actor has a will of its client
	ahead   int                   // subscriptions being written down, and messages of the client that wait behind them
	lost    bool                  // another connection has the session
	told    uint64                // the seq of the last message that has come to wait,
	toldPos uint64                // and the handle of the last broadcast
}

// waits lets messages wait behind those that wait already. Those that it knows
// come by another way than the first. The caller holds the lock.
func (s *session) waits(list []actors.QueuedMessage) {
	o := s.outgoing()
	for _, w := range list {
		if !s.durable.isNew(w.Seq) {
			continue
		}
		d := waitingDelivery(w.Waiting, w.Message)
		if len(o.queue) >= maxHeld {
			d.m = nil // it is fetched when its turn comes
		}
		o.queue = append(o.queue, d)
	}
}

// isNew tells whether a message has not come to wait before, and takes it in.
func (d *durable) isNew(handle uint64) bool {
	last := &d.told
	if actors.IsLogHandle(handle) {
		last = &d.toldPos
	}
	if handle <= *last {
		return false
	}
	*last = handle
	return true
}

// note lets write add to what is to be written down, and effect happen when it
// is. effect may be nil; it is called with the lock held. The caller holds it.
func (s *session) note(write func(*actors.SessionChange), effect func()) {
	d := s.durable
	if d.change == nil {
		d.change = &actors.SessionChange{}
	}
	write(d.change)
	if effect != nil {
		d.effects = append(d.effects, effect)
	}
	if !d.asking {
		d.asking = true
		s.later(s.writeDown)
	}
}

// afterSubscribes calls fn, which publishes, behind the SUBSCRIBEs of before, though they
// may still be being written down: a client need not wait for SUBACK. No lock
// may be held.
func (s *session) afterSubscribes(fn func()) {
	now := true
	s.do(func() {
		d := s.durable
		if d == nil || d.ahead == 0 {
			return
		}
		now = false
		d.ahead++
		s.note(func(*actors.SessionChange) {}, func() {
			s.later(func() {
				fn()
				s.do(func() { d.ahead-- })
			})
		})
	})
	if now {
		fn()
	}
}

// writeDown asks the user's actor to write down what has gathered. No lock may
// be held.
func (s *session) writeDown() {
	var effects []func()
	c := &actors.ChangeSession{Client: s.client}
	idle := false
	s.do(func() {
		d := s.durable
		if idle = d.change == nil || d.lost; idle {
			d.asking = false
			return
		}
		c.Epoch, c.Change, d.writing = d.epoch, d.change, true
		effects, d.effects, d.change = d.effects, nil, nil
	})
	if idle {
		return
	}
	r := actors.NewRequest(s.key, c)
	r.OnReply(func(r *actors.Request) {
		err := r.Answer.Err
		r.Release()
		s.written(err, effects)
	})
	s.server.deps.Router.Send(s.key, r)
}

// written goes on after something was written down, or not: then the session
// does not know where it stands, and begins anew with another connection.
func (s *session) written(err *actors.Error, effects []func()) {
	s.do(func() {
		d := s.durable
		d.writing, d.failed = false, err != nil
		for _, fn := range d.behind {
			s.later(fn)
		}
		d.behind = nil
		switch {
		case err != nil && err.Code == actors.Conflict:
			d.lost = true
			s.end(actors.EndReplaced)
			return
		case err != nil:
			s.end(actors.EndFailed)
			return
		}
		if s.phase == phaseLive {
			for _, effect := range effects {
				effect()
			}
		}
		if more := s.transient != nil && s.transient.again.more; more {
			d.asking = false
			s.reopen()
			return
		}
		if d.change == nil {
			d.asking = false
			return
		}
		s.later(s.writeDown)
	})
}

// resume goes on where the session's last connection has ended. The caller
// holds the lock.
func (s *session) resume(state *actors.SessionState, caller *transports.Principal) {
	early := s.needTransient().early
	s.transient.early = nil
	if len(early) > 0 {
		defer func() {
			s.waits(early)
			s.sendWaiting()
		}()
	}
	if state == nil {
		return
	}
	for _, n := range state.Subscriptions {
		one := s.restored(n)
		if _, filter, _ := actors.SplitShare(n.Filter); !caller.MayRead(s.user(), filter) {
			continue // it may come back with another token
		}
		s.activate(one)
		if n.Reads {
			t := s.needTransient()
			t.reads = append(t.reads, reading{to: one})
		}
	}
	s.announceFilters(nil)
	s.later(func() { s.do(s.requestPage) })
	if s.covers(topicCounts) {
		s.later(func() { s.sendCounts(false) })
	}
	for _, n := range state.Incoming {
		in := s.incoming()
		in.ids = append(in.ids, received{id: uint16(n.Id), once: [16]byte(n.Once), durable: true,
			routed: s.server.routed.has([16]byte(n.Once))})
	}
	if state.Anew {
		// A client that ignores CONNACK, and keeps what it knew, is unlikely
		// to take a message for one of those.
		s.outgoing().last = uint16(rand.Uint32())
	}
	if len(state.Outgoing)+len(state.Waiting) == 0 {
		return
	}
	o := s.outgoing()
	for _, n := range state.Outgoing {
		f := inflight{id: uint16(n.Id), state: inflightAgain}
		f.qos, f.seq, f.inbox = uint8(n.Qos), n.Seq, n.Inbox
		f.retain, f.ids = n.Retain, n.Ids
		if n.Released {
			f.state = inflightReleasedAgain
		}
		o.flights = append(o.flights, f)
		o.last = max(o.last, f.id)
	}
	for _, n := range state.Waiting {
		o.queue = append(o.queue, waitingDelivery(n, nil))
		s.durable.isNew(n.Seq)
	}
	s.sendWaiting()
}

func waitingDelivery(n *actors.Waiting, m *actors.TopicMessage) delivery {
	return delivery{m: m, seq: n.Seq, inbox: n.Inbox, qos: uint8(n.Qos), retain: n.Retain, ids: n.Ids}
}

// Client implements actors.SessionLink.
func (s *session) Client() string { return s.client }

// ID implements actors.SessionLink.
func (s *session) ID() uint64 { return s.socket.ID() }

// Queued implements actors.SessionLink.
func (s *session) Queued(list []actors.QueuedMessage) {
	s.do(func() {
		switch s.phase {
		case phaseLive:
			if !s.isReopening() {
				s.waits(list)
				s.sendWaiting()
				return
			}
			fallthrough
		case phaseOpening: // behind those that the answer to the opening names
			t := s.needTransient()
			t.early = append(t.early, list...)
		}
	})
}

// The session holds the contents of so many messages that wait, and fetches so
// many at a time.
const (
	maxHeld  = 64
	maxFetch = 32
)

// fetch asks for the contents of the next messages. The caller holds the lock.
func (s *session) fetch() {
	o := s.out
	if o.fetching {
		return
	}
	c := &actors.FetchWaiting{Client: s.client}
	add := func(d *delivery) {
		if d.m == nil && d.seq != 0 && len(c.Seqs) < maxFetch {
			c.Seqs, c.Inbox = append(c.Seqs, d.seq), append(c.Inbox, d.inbox)
		}
	}
	for i := range o.flights {
		if o.flights[i].state == inflightAgain {
			add(&o.flights[i].delivery)
		}
	}
	for i := range o.queue {
		add(&o.queue[i])
	}
	if len(c.Seqs) == 0 {
		return
	}
	o.fetching = true
	s.later(func() {
		r := actors.NewRequest(s.key, c)
		r.OnReply(func(r *actors.Request) {
			err, list := r.Answer.Err, r.Answer.Messages
			r.Release()
			s.fetched(c, list, err)
		})
		s.server.deps.Router.Send(s.key, r)
	})
}

// fetched fills the contents in. A message that is no more there is passed
// over.
func (s *session) fetched(c *actors.FetchWaiting, list []*actors.TopicMessage, err *actors.Error) {
	s.do(func() {
		if s.phase != phaseLive {
			return
		}
		if s.out.fetching = false; err != nil {
			s.end(actors.EndFailed)
			return
		}
		for i, seq := range c.Seqs {
			m := list[i]
			if m == nil {
				m = goneMessage
			}
			s.out.fill(seq, m)
		}
		s.sendWaiting()
	})
}

// goneMessage stands for one that is no more there.
var goneMessage = &actors.TopicMessage{}

// leave ends the session's part in everything but its parting; live says that its
// client has heard that it is connected, before which there is no will. The caller
// holds the lock.
func (s *session) leave(live bool) {
	for n := range s.subs.all() {
		if n.general {
			s.server.deps.Topics.Unsubscribe(s.app(), &n.Subscription, s.durable != nil)
		}
	}
	if s.subs != nil {
		s.announceFilters(nil)
	}
	t := s.needTransient()
	p := &parting{key: s.key, client: s.client}
	if live {
		p.will = t.will
	}
	t.will, t.reads = nil, nil
	shared := s.sharedUnsent()
	if len(shared) > 0 {
		s.later(func() {
			for _, d := range shared {
				s.server.deps.Topics.Republish(d.m, d.share)
			}
		})
	}
	s.out.drop()
	if s.client == "" {
		return // it was never opened
	}
	p.waits = p.will != nil
	if d := s.durable; d != nil {
		p.epoch, p.expiry = d.epoch, d.final
		p.waits = live && d.willing
		if last := d.change; last != nil && !d.lost {
			d.change = nil
			s.afterWriting(func() { s.writeLast(p.key, &actors.ChangeSession{Client: p.client, Epoch: p.epoch, Change: last}) })
		}
	}
	s.subs, s.out, s.in = nil, nil, nil
	t.parting = p
}

// afterWriting calls fn when nothing of a session that is over is being written down
// any more. The caller holds the lock, fn is called without.
func (s *session) afterWriting(fn func()) {
	if d := s.durable; d != nil && d.writing {
		d.behind = append(d.behind, fn)
		return
	}
	s.later(fn)
}

// writeLast writes down what a session that ends has not written down yet: what
// it has seen acknowledged need not be sent again. What follows something that was not
// written down is not either: a message would be under way before one that it
// was behind.
func (s *session) writeLast(key actors.Key, c *actors.ChangeSession) {
	failed := false
	s.do(func() { failed = s.durable.failed })
	if failed {
		return
	}
	r := actors.NewRequest(key, c)
	r.OnReply(func(r *actors.Request) {
		r.Release()
	})
	s.server.deps.Router.Send(key, r)
}

// closeDurable tells the user's actor that the session has no connection any more. It
// tries for as long as the actor waits, after a move or a crash, until it takes
// the session for one whose client has said no goodbye.
func (s *session) closeDurable(key actors.Key, c *actors.CloseSession) { s.tryCloseDurable(key, c, 0) }

func (s *session) tryCloseDurable(key actors.Key, c *actors.CloseSession, tries int) {
	again := *c // the exchange writes into what is sent
	r := actors.NewRequest(key, &again)
	r.OnReply(func(r *actors.Request) {
		err := r.Answer.Err
		switch {
		case err == nil:
		case (err.Code == actors.Unavailable || err.Code == actors.Busy) && tries < againTries && !s.server.isClosed():
			time.AfterFunc(againPause, func() { s.tryCloseDurable(key, c, tries+1) })
		default:
			s.server.deps.Log.Warn("a session could not be given back; it is closed when its user wakes up", "user", key.Name(), "err", err)
		}
		r.Release()
	})
	s.server.deps.Router.Send(key, r)
}

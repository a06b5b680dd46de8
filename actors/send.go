package actors

import (
	"context"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Send is the actor of a message to many users. Its order is durable before it
// is answered; it then delivers, each user once, until all have it, across
// restarts. It stays findable, editable and retractable for as long as inboxes
// keep messages; what it said goes before, if it was edited, retracted or has
// expired (sendstate.go).
type Send struct {
	persistent
	state  *sendout // nil until it is loaded
	next   int      // the user whose turn comes next in this round
	flying int
	done   []uint32 // acknowledged, not journaled yet
	failed int      // of done, who refused it for good
	again  bool     // some could not take it now: another round comes
	pause  time.Duration
	armed  int64
}

// What the send's actor tells itself.
type (
	sendLoaded struct {
		state  *sendout
		beyond *beyond // nil: the journal is whole
		err    error
	}
	// The pause before another round is over. The wake-up in the store says the
	// same by wall time, for who takes the send over.
	sendPaused struct {
		armed int64
	}
	acknowledged struct {
		step, user int
		err        *Error
	}
)

// The pace of a send.
const (
	sendWindow   = 64 // users under way at a time
	sendProgress = 128
	sendPause    = time.Second // before the users that were busy are asked again, doubled each time
	sendPauseMax = time.Minute
)

// NewSend returns a Send, for Home.Kinds.
func NewSend(h *Home) actor.Actor { return &Send{persistent: persistent{home: h}} }

// Receive is the actor's table of contents.
func (s *Send) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		s.start(c.Self())
	case *unowned:
		s.persistent.refuse(notOwner)
	case *sendLoaded:
		s.loaded(m)
	case *panicked:
		s.fell()
	case *committed:
		s.let()
	case *acknowledged:
		s.acknowledged(m)
	case *Passivate:
		if s.state != nil && s.idle() && s.flying == 0 && len(s.done) == 0 {
			s.end()
		}
	case *Move:
		s.let()
		s.end()
	case *actor.Stopping:
		s.stopping()
	case *Request, *TimeUp, *sendPaused:
		if s.state == nil || s.ending {
			s.wait(m)
			return
		}
		s.act(m)
	}
}

func (s *Send) act(m any) {
	switch m := m.(type) {
	case *Request:
		if !s.sure() {
			m.Fail(unsure)
			return
		}
		s.current = m
		s.request(m)
		s.current = nil
	case *TimeUp:
		s.timeUp(m)
	case *sendPaused:
		if m.armed == s.armed { // else the wake-up came first
			s.timeUp(&TimeUp{At: m.armed})
		}
	}
}

func (s *Send) start(self *actor.PID) {
	if !s.activated(self) {
		return
	}
	h, key := s.home, s.key
	h.Load(func() {
		st := &sendout{}
		rest, err := h.read(key, func(ctx context.Context) error {
			return h.Journal.Load(ctx, key, st.restore, func(raw []byte) error {
				e, err := decodeSendEvent(raw)
				if err == nil {
					err = st.Apply(e)
				}
				return err
			})
		})
		h.send(self, &sendLoaded{st, rest, err})
	})
}

func (s *Send) loaded(m *sendLoaded) {
	if m.err != nil {
		s.unreadable(m.err)
		return
	}
	s.state = m.state
	s.opened(m.state.seq)
	if !s.mended(m.beyond) {
		s.persistent.refuse(busyStore)
		return
	}
	for len(s.waiting) > 0 && !s.ending {
		var w any
		w, s.waiting = pop(s.waiting)
		s.act(w)
	}
	s.deliver()
}

func (s *Send) let() {
	if s.stream != nil {
		s.flush(func(*Push) {})
	}
}

// request is the table of contents of what a send can be asked.
func (s *Send) request(r *Request) {
	at := s.home.Now()
	switch c := r.Command.(type) {
	case *StartSend:
		s.order(r, &SendEvent{Kind: SendKind_SEND_STARTED, At: at, Message: c.Message, Users: c.Users})
	case *Edit:
		s.edit(r, c, at)
	case *Retract:
		s.order(r, &SendEvent{Kind: SendKind_SEND_RETRACTED, At: at})
	case *Find:
		s.find(r)
	default:
		s.refuse(r, Errorf(Internal, "a send does not know how to do %T", c))
	}
}

// edit checks what each user would refuse, before it is promised.
func (s *Send) edit(r *Request, c *Edit, at int64) {
	if s.state.message != nil {
		m, err := patched(s.state.message, c.Patch)
		if err == nil && len(m.Content) > s.home.Limits.InboxBytes {
			err = Errorf(TooLarge, "the message is larger than an inbox may be (%d bytes)", s.home.Limits.InboxBytes)
		}
		if err != nil {
			s.refuse(r, err)
			return
		}
	}
	s.order(r, &SendEvent{Kind: SendKind_SEND_EDITED, At: at, Patch: c.Patch})
}

func (s *Send) refuse(r *Request, err *Error) {
	r.Answer.Err = err
	s.leave(&r.effect, r, nil, nil)
	s.let()
}

// order takes a step in, answers once it is durable, and carries it out.
func (s *Send) order(r *Request, e *SendEvent) {
	e, err := s.state.decide(e, r.Once)
	if err != nil {
		s.refuse(r, err)
		return
	}
	if e != nil {
		w := &Write{Events: [][]byte{encodeSendEvent(e)}, Wake: Wake{Old: s.armed, New: e.At + sendPause.Milliseconds()}}
		if e.Kind == SendKind_SEND_STARTED {
			w.Own = []ID{ID(e.Message.Id)}
		}
		if err := s.journal(w, e); err != nil {
			s.refuse(r, err)
			return
		}
	}
	r.Answer.ID, r.Answer.Replayed = ID(s.state.message.Id), e == nil
	s.leave(&r.effect, r, nil, nil)
	s.leave(&effect{}, nil, nil, s.deliver)
	s.let()
}

// journal appends the write of one event and applies it.
func (s *Send) journal(w *Write, e *SendEvent) *Error {
	w.Stream, w.After = s.stream, s.seq
	if err := s.append(w); err != nil {
		return err
	}
	if w.Wake != (Wake{}) {
		s.armed = w.Wake.New
	}
	if err := s.state.Apply(e); err != nil {
		panic(err) // we have just decided it
	}
	s.seq = e.Seq
	return nil
}

// deliver keeps the window full.
func (s *Send) deliver() {
	st := s.state
	n := st.step()
	for n < len(st.steps) && !s.ending && s.flying < sendWindow && s.next < len(st.users) {
		i := s.next
		s.next++
		if st.steps[n].done[i] {
			continue
		}
		s.flying++
		s.ask(n, i)
	}
}

// ask sends one user the step.
func (s *Send) ask(step, user int) {
	h, self, t := s.home, s.self, &s.state.steps[step]
	r := NewRequest(UserKey(s.key.App(), s.state.users[user]), s.state.command(t))
	r.Once = Once{Key: t.once, Digest: 1}
	r.OnReply(func(r *Request) {
		err := r.Answer.Err
		if err == nil || err.Code != Unavailable {
			r.Release()
		}
		h.send(self, &acknowledged{step, user, err})
	})
	h.Router.Send(r.Key, r)
}

// acknowledged counts one user's answer.
func (s *Send) acknowledged(m *acknowledged) {
	s.flying--
	switch {
	case m.err == nil, m.err.Code == NotFound && m.step > 0:
		s.done = append(s.done, uint32(m.user))
	case m.err.Temporary(), m.err.Code == Internal:
		s.again = true
	default:
		s.home.Log.Warn("a user refuses a message that was sent to many", "send", string(s.key), "user", s.state.users[m.user], "err", m.err)
		s.done = append(s.done, uint32(m.user))
		s.failed++
	}
	if len(s.done) >= sendProgress || s.flying == 0 && s.next >= len(s.state.users) {
		s.progress(m.step)
	}
	s.deliver()
}

// progress journals who has it, and ends the round when nobody is under way.
func (s *Send) progress(step int) {
	if s.ending {
		return
	}
	now := s.home.Now()
	e := &SendEvent{Kind: SendKind_SEND_PROGRESS, Seq: s.seq + 1, At: now, Step: uint32(step), Done: s.done, Failed: uint32(s.failed)}
	w := &Write{Events: [][]byte{encodeSendEvent(e)}}
	if s.failed > 0 {
		w.Tally = []Tally{{ID(s.state.message.Id), TallyFiltered, int64(s.failed)}}
	}
	over := s.flying == 0 && s.next >= len(s.state.users)
	if over {
		w.Wake = Wake{Old: s.armed, New: s.wakeAfter(step, now)}
	}
	if s.journal(w, e) != nil {
		return // busy: the wake-up that is armed comes back to it
	}
	s.done, s.failed = nil, 0
	if over {
		if s.again {
			h, self, paused := s.home, s.self, &sendPaused{s.armed}
			h.Delay(s.pause, func() { h.send(self, paused) })
		}
		s.next, s.again = 0, false
		if s.state.steps[step].left > 0 {
			s.next = len(s.state.users) // until the wake-up
		}
	}
}

// wakeAfter returns when the send is to be woken after a round: soon, if some
// users could not take the step, else when it may be forgotten.
func (s *Send) wakeAfter(step int, now int64) int64 {
	if !s.again {
		s.pause = 0
		return s.state.due(&s.home.Limits)
	}
	s.pause = min(max(2*s.pause, sendPause), sendPauseMax)
	return now + s.pause.Milliseconds()
}

// timeUp starts another round, or forgets a send that no inbox holds any more.
func (s *Send) timeUp(m *TimeUp) {
	now := s.home.Now()
	switch {
	case s.state.message == nil:
		s.rearm(m.At, 0)
	case s.flying > 0:
		s.rearm(m.At, now+sendPauseMax.Milliseconds())
	case now >= s.state.forgetAt(&s.home.Limits):
		s.forget(m.At)
	case now >= s.state.due(&s.home.Limits) && s.state.void(now):
		s.compact(m.At, now) // who does not have it need not get it
	case s.state.step() < len(s.state.steps):
		s.rearm(m.At, now+sendPauseMax.Milliseconds()) // should this round come to nothing
		s.next = 0
		s.deliver()
	case now >= s.state.due(&s.home.Limits):
		s.compact(m.At, now)
	default:
		s.rearm(m.At, s.state.due(&s.home.Limits))
	}
}

// forget lets go of all of it.
func (s *Send) forget(old int64) {
	id := ID(s.state.message.Id)
	w := &Write{
		Stream: s.stream, After: s.seq, Delete: []Range{{1, s.seq}}, Forget: s.seq + 1,
		Disown: []ID{id}, Untally: []ID{id}, Wake: Wake{Old: old},
	}
	if s.append(w) == nil {
		s.end()
	}
}

// compact writes the state down without what nobody needs any more, in place of
// the events.
func (s *Send) compact(old, now int64) {
	st := s.state
	st.compact(now)
	w := &Write{Stream: s.stream, After: s.seq, Snapshot: st.snapshot(), Forget: s.seq, Wake: Wake{Old: old, New: max(st.due(&s.home.Limits), now+1)}}
	if st.kept < s.seq {
		w.Delete = []Range{{st.kept + 1, s.seq}}
	}
	if s.append(w) == nil {
		s.armed, st.kept = w.Wake.New, s.seq
	}
}

// rearm replaces the wake-up that has come.
func (s *Send) rearm(old, at int64) {
	if s.append(&Write{Stream: s.stream, After: s.seq, Wake: Wake{Old: old, New: at}}) == nil {
		s.armed = at
	}
}

// find answers with the message, its state and its funnel.
func (s *Send) find(r *Request) {
	st, h := s.state, s.home
	if st.message == nil {
		s.refuse(r, notHere)
		return
	}
	m, recipients := st.current(), len(st.users)
	state := "delivering"
	switch {
	case st.retracted():
		state = "retracted"
	case m.Cleared:
		state = "expired"
	case st.step() == len(st.steps):
		state = "delivered"
	}
	r.Answer.ID = ID(m.Id)
	s.leave(&r.effect, r, nil, func() {
		h.Load(func() {
			f, err := h.Lookup.Tallies(context.Background(), ID(m.Id))
			if err != nil {
				r.Fail(AsError(err))
				return
			}
			b := appendMessage(nil, m, State_UNSEEN, 0)
			b = append(b[:len(b)-len(`,"state":"unseen"}`)], `,"state":"`...)
			b = append(append(b, state...), `","recipients":`...)
			b = strconv.AppendInt(b, int64(recipients), 10)
			b = append(b, `,"funnel":`...)
			r.Answer.Body = append(appendFunnel(b, f), '}')
			r.Respond()
		})
	})
	s.let()
}

// ForOne implements ForOne.
func (*sendLoaded) ForOne() {}

// ForOne implements ForOne.
func (*acknowledged) ForOne() {}

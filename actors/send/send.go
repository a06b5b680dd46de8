package send

import (
	"context"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// Send is the actor of a message to many users. Its order is durable before it
// is answered; it then delivers, each user once, until all have it, across
// restarts. It stays findable, editable and retractable for as long as inboxes
// keep messages; what it said goes before, if it was edited, retracted or has
// expired (state.go).
type Send struct {
	actors.Persistent
	state  *state // nil until it is loaded
	next   int    // the user whose turn comes next in this round
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
		state  *state
		beyond *actors.Beyond // nil: the journal is whole
		err    error
	}
	// The pause before another round is over. The wake-up in the store says the
	// same by wall time, for who takes the send over.
	sendPaused struct {
		armed int64
	}
	acknowledged struct {
		step, user int
		err        *actors.Error
	}
)

// The pace of a send.
const (
	sendWindow   = 64 // users under way at a time
	sendProgress = 128
	sendPause    = time.Second // before the users that were busy are asked again, doubled each time
	sendPauseMax = time.Minute
)

// New returns a Send, for Home.Kinds.
func New(h *actors.Home) actor.Actor { return &Send{Persistent: actors.Persistent{Home: h}} }

// Receive is the actor's table of contents.
func (s *Send) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		s.start(c.Self())
	case *actors.Unowned:
		s.Refuse(actors.ErrNotOwner)
	case *sendLoaded:
		s.loaded(m)
	case *actors.Panicked:
		s.Fail()
	case *actors.Committed:
		s.committed()
	case *acknowledged:
		s.acknowledged(m)
	case *actors.Passivate:
		if s.state != nil && s.Idle() && s.flying == 0 && len(s.done) == 0 {
			s.End()
		}
	case *actors.Move:
		s.committed()
		s.End()
	case *actor.Stopping:
		s.Stopping()
	case *actors.Request, *actors.TimeUp, *sendPaused:
		if s.state == nil || s.Ending {
			s.Wait(m)
			return
		}
		s.handle(m)
	}
}

func (s *Send) handle(m any) {
	switch m := m.(type) {
	case *actors.Request:
		if !s.HoldsLease() {
			m.Fail(actors.ErrUnsure)
			return
		}
		s.Current = m
		s.request(m)
		s.Current = nil
	case *actors.TimeUp:
		s.timeUp(m)
	case *sendPaused:
		if m.armed == s.armed { // else the wake-up came first
			s.timeUp(&actors.TimeUp{At: m.armed})
		}
	}
}

func (s *Send) start(self *actor.PID) {
	if !s.Activated(self) {
		return
	}
	h, key := s.Home, s.Key
	h.Load(func() {
		st := &state{}
		rest, err := h.Read(key, func(ctx context.Context) error {
			return h.Journal.Load(ctx, key, st.restore, func(raw []byte) error {
				e, err := decodeSendEvent(raw)
				if err == nil {
					err = st.Apply(e)
				}
				return err
			})
		})
		h.Send(self, &sendLoaded{st, rest, err})
	})
}

func (s *Send) loaded(m *sendLoaded) {
	if m.err != nil {
		s.Unreadable(m.err)
		return
	}
	s.state = m.state
	if s.Begin(m.state.seq, m.beyond) {
		s.CatchUp(s.handle)
		s.deliver()
	}
}

func (s *Send) committed() {
	if s.Stream != nil {
		s.Flush(func(*actors.Push) {})
	}
}

// request is the table of contents of what a send can be asked.
func (s *Send) request(r *actors.Request) {
	at := s.Home.Now()
	switch c := r.Command.(type) {
	case *actors.StartSend:
		s.order(r, &actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, At: at, Message: c.Message, Users: c.Users})
	case *actors.DryRun:
		s.dryRun(r, at)
	case *actors.Edit:
		s.edit(r, c, at)
	case *actors.Retract:
		s.order(r, &actors.SendEvent{Kind: actors.SendKind_SEND_RETRACTED, At: at})
	case *actors.Find:
		s.find(r)
	case *actors.Recipients:
		s.recipients(r, c)
	default:
		s.refuse(r, actors.Errorf(actors.Internal, "a send does not know how to do %T", c))
	}
}

// dryRun answers whether an order to start would be the repeat of an earlier one.
func (s *Send) dryRun(r *actors.Request, at int64) {
	e, err := s.state.decide(&actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, At: at}, r.Once)
	if r.Answer.Err = err; err == nil && e == nil {
		r.Answer.ID, r.Answer.Replayed = actors.ID(s.state.message.Id), true
	}
	s.Leave(&r.Effect, r, nil, nil)
	s.committed()
}

// edit checks what each user would refuse, before it is promised.
func (s *Send) edit(r *actors.Request, c *actors.Edit, at int64) {
	if s.state.message != nil {
		m, err := actors.Patched(s.state.message, c.Patch)
		if err == nil && len(m.Content) > s.Home.Limits.InboxBytes {
			err = actors.Errorf(actors.TooLarge, "the message is larger than an inbox may be (%d bytes)", s.Home.Limits.InboxBytes)
		}
		if err != nil {
			s.refuse(r, err)
			return
		}
	}
	s.order(r, &actors.SendEvent{Kind: actors.SendKind_SEND_EDITED, At: at, Patch: c.Patch})
}

func (s *Send) refuse(r *actors.Request, err *actors.Error) {
	r.Answer.Err = err
	s.Leave(&r.Effect, r, nil, nil)
	s.committed()
}

// order takes a step in, answers once it is durable, and carries it out.
func (s *Send) order(r *actors.Request, e *actors.SendEvent) {
	e, err := s.state.decide(e, r.Once)
	if err != nil {
		s.refuse(r, err)
		return
	}
	if e != nil {
		w := &actors.Write{Events: [][]byte{encodeSendEvent(e)}, Wake: actors.Wake{Old: s.armed, New: e.At + sendPause.Milliseconds()}}
		if e.Kind == actors.SendKind_SEND_STARTED {
			w.Own = []actors.ID{actors.ID(e.Message.Id)}
		}
		if err := s.journal(w, e); err != nil {
			s.refuse(r, err)
			return
		}
	}
	r.Answer.ID, r.Answer.Replayed = actors.ID(s.state.message.Id), e == nil
	s.Leave(&r.Effect, r, nil, nil)
	s.Leave(&actors.Effect{}, nil, nil, s.deliver)
	s.committed()
}

// journal appends the write of one event and applies it.
func (s *Send) journal(w *actors.Write, e *actors.SendEvent) *actors.Error {
	w.Stream, w.After = s.Stream, s.Seq
	if err := s.Append(w); err != nil {
		return err
	}
	if w.Wake != (actors.Wake{}) {
		s.armed = w.Wake.New
	}
	if err := s.state.Apply(e); err != nil {
		panic(err) // we have just decided it
	}
	s.Seq = e.Seq
	return nil
}

// deliver keeps the window full.
func (s *Send) deliver() {
	st := s.state
	n := st.step()
	for n < len(st.steps) && !s.Ending && s.flying < sendWindow && s.next < len(st.users) {
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
	h, self, t := s.Home, s.Self, &s.state.steps[step]
	r := actors.NewRequest(actors.UserKey(s.Key.App(), s.state.users[user]), s.state.command(t))
	r.Once = actors.Once{Key: t.once, Digest: 1}
	r.OnReply(func(r *actors.Request) {
		err := r.Answer.Err
		r.Release()
		h.Send(self, &acknowledged{step, user, err})
	})
	h.Router.Send(r.Key, r)
}

// acknowledged counts one user's answer.
func (s *Send) acknowledged(m *acknowledged) {
	s.flying--
	switch {
	case m.err == nil, m.err.Code == actors.NotFound && m.step > 0:
		s.done = append(s.done, uint32(m.user))
	case m.err.Temporary(), m.err.Code == actors.Internal:
		s.again = true
	default:
		s.Home.Log.Warn("a user refuses a message that was sent to many", "send", string(s.Key), "user", s.state.users[m.user], "err", m.err)
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
	if s.Ending {
		return
	}
	now := s.Home.Now()
	e := &actors.SendEvent{Kind: actors.SendKind_SEND_PROGRESS, Seq: s.Seq + 1, At: now, Step: uint32(step), Done: s.done, Failed: uint32(s.failed)}
	w := &actors.Write{Events: [][]byte{encodeSendEvent(e)}}
	if s.failed > 0 {
		w.Tally = []actors.Tally{{ID: actors.ID(s.state.message.Id), Kind: actors.TallyFiltered, N: int64(s.failed)}}
	}
	over := s.flying == 0 && s.next >= len(s.state.users)
	if over {
		w.Wake = actors.Wake{Old: s.armed, New: s.wakeAfter(step, now)}
	}
	if s.journal(w, e) != nil {
		return // busy: the wake-up that is armed comes back to it
	}
	s.done, s.failed = nil, 0
	if over {
		if s.again {
			h, self, paused := s.Home, s.Self, &sendPaused{s.armed}
			h.Delay(s.pause, func() { h.Send(self, paused) })
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
		return s.state.due(&s.Home.Limits)
	}
	s.pause = min(max(2*s.pause, sendPause), sendPauseMax)
	return now + s.pause.Milliseconds()
}

// timeUp starts another round, or forgets a send that no inbox holds any more.
func (s *Send) timeUp(m *actors.TimeUp) {
	now := s.Home.Now()
	switch {
	case s.state.message == nil:
		s.rearm(m.At, 0)
	case s.flying > 0:
		s.rearm(m.At, now+sendPauseMax.Milliseconds())
	case now >= s.state.forgetAt(&s.Home.Limits):
		s.forget(m.At)
	case now >= s.state.due(&s.Home.Limits) && s.state.void(now):
		s.compact(m.At, now) // who does not have it need not get it
	case s.state.step() < len(s.state.steps):
		s.rearm(m.At, now+sendPauseMax.Milliseconds()) // should this round come to nothing
		s.next, s.done, s.failed = 0, nil, 0           // who could not be written down is asked again
		s.deliver()
	case now >= s.state.due(&s.Home.Limits):
		s.compact(m.At, now)
	default:
		s.rearm(m.At, s.state.due(&s.Home.Limits))
	}
}

// forget lets go of all of it.
func (s *Send) forget(old int64) {
	id := actors.ID(s.state.message.Id)
	w := &actors.Write{
		Stream: s.Stream, After: s.Seq, Delete: []actors.Range{{First: 1, Last: s.Seq}}, Forget: s.Seq + 1,
		Disown: []actors.ID{id}, Untally: []actors.ID{id}, Wake: actors.Wake{Old: old},
	}
	if s.Append(w) == nil {
		s.End()
	}
}

// compact writes the state down without what nobody needs any more, in place of
// the events.
func (s *Send) compact(old, now int64) {
	st := s.state.compacted(now)
	w := &actors.Write{Stream: s.Stream, After: s.Seq, Snapshot: st.snapshot(), Forget: s.Seq, Wake: actors.Wake{Old: old, New: max(st.due(&s.Home.Limits), now+1)}}
	if st.kept < s.Seq {
		w.Delete = []actors.Range{{First: st.kept + 1, Last: s.Seq}}
	}
	if s.Append(w) == nil {
		s.state, s.armed, st.kept = st, w.Wake.New, s.Seq
		s.done, s.failed = nil, 0
	}
}

// rearm replaces the wake-up that has come.
func (s *Send) rearm(old, at int64) {
	if s.Append(&actors.Write{Stream: s.Stream, After: s.Seq, Wake: actors.Wake{Old: old, New: at}}) == nil {
		s.armed = at
	}
}

// find answers with the message, its state and its funnel.
func (s *Send) find(r *actors.Request) {
	st, h := s.state, s.Home
	if st.message == nil {
		s.refuse(r, actors.ErrNotHere)
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
	r.Answer.ID = actors.ID(m.Id)
	s.Leave(&r.Effect, r, nil, func() {
		h.Load(func() {
			f, err := h.Lookup.Tallies(context.Background(), actors.ID(m.Id))
			if err != nil {
				r.Fail(actors.AsError(err))
				return
			}
			b := append(actors.AppendStateless(nil, m), `,"state":"`...)
			b = append(actors.AppendTemplate(append(append(b, state...), '"'), m), `,"recipients":`...)
			b = strconv.AppendInt(b, int64(recipients), 10)
			b = append(b, `,"funnel":`...)
			r.Answer.Body = append(actors.AppendFunnel(b, f), '}')
			r.Respond()
		})
	})
	s.committed()
}

// ForOne implements ForOne.
func (*sendLoaded) ForOne() {}

// ForOne implements ForOne.
func (*acknowledged) ForOne() {}

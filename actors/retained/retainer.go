package retained

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// Retainer is the actor of what a shard of an app's topics retains: for each
// topic the last message that was published to be kept.
type Retainer struct {
	actors.Persistent
	state *retained // nil until it is loaded
	armed int64
}

// retainedLoaded is what the actor tells itself.
type retainedLoaded struct {
	state  *retained
	beyond *actors.Beyond // nil: the journal is whole
	err    error
}

// retainedSnapshot is how many events a Retainer leaves behind its snapshot.
const retainedSnapshot = 256

// New returns a Retainer, for Home.Kinds.
func New(h *actors.Home) actor.Actor { return &Retainer{Persistent: actors.Persistent{Home: h}} }

// Receive is the actor's table of contents.
func (t *Retainer) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		t.start(c.Self())
	case *retainedLoaded:
		t.loaded(m)
	case *actors.Unowned:
		t.Refuse(actors.ErrNotOwner)
	case *actors.Panicked:
		t.Fail()
	case *actors.Committed:
		t.committed()
	case *actors.Passivate:
		if t.state != nil && t.Idle() {
			t.End()
		}
	case *actors.Move:
		t.committed()
		t.End()
	case *actor.Stopping:
		t.Stopping()
	case *actors.Request, *actors.TimeUp:
		if t.state == nil || t.Ending {
			t.Wait(m)
			return
		}
		t.handle(m)
	}
}

func (t *Retainer) handle(m any) {
	switch m := m.(type) {
	case *actors.Request:
		t.request(m)
	case *actors.TimeUp:
		t.timeUp(m)
	}
}

// timeUp takes from the disk what is retained no more (actors/inbox/retention.go).
func (t *Retainer) timeUp(m *actors.TimeUp) {
	if t.Home.Now() >= t.due() && !t.snapshot() {
		return // the sweeper comes again
	}
	if next := t.due(); t.Append(&actors.Write{Stream: t.Stream, After: t.state.seq, Wake: actors.Wake{Old: m.At, New: next}}) == nil {
		t.armed = next
	}
}

// due returns when something is to leave the disk; 0: nothing is.
func (t *Retainer) due() (at int64) {
	s, l := t.state, &t.Home.Limits
	over := s.oldest
	if over != 0 && l.RetainedAge > 0 {
		over += l.RetainedAge.Milliseconds() + 1
	} else {
		over = 0
	}
	for _, since := range [3]int64{s.stale, s.expires, over} {
		if since == 0 {
			continue
		}
		if due := l.SweepAt(since, actors.CollapseHash(string(t.Key))); at == 0 || due < at {
			at = due
		}
	}
	return at
}

func (t *Retainer) start(self *actor.PID) {
	if !t.Activated(self) {
		return
	}
	h, key := t.Home, t.Key
	h.Load(func() {
		s := newRetained()
		rest, err := h.Read(key, func(ctx context.Context) error { return h.Journal.Load(ctx, key, s.restore, s.replay) })
		h.Send(self, &retainedLoaded{s, rest, err})
	})
}

func (t *Retainer) loaded(m *retainedLoaded) {
	if m.err != nil {
		t.Unreadable(m.err)
		return
	}
	t.state = m.state
	if t.Begin(m.state.seq, m.beyond) {
		t.CatchUp(t.handle)
	}
}

func (t *Retainer) committed() {
	if t.Stream != nil {
		t.Flush(func(*actors.Push) {})
	}
}

// request is the table of contents of what can be asked.
func (t *Retainer) request(r *actors.Request) {
	if !t.HoldsLease() {
		r.Fail(actors.ErrUnsure)
		return
	}
	t.Current = r
	switch c := r.Command.(type) {
	case *actors.Retain:
		t.retain(r, c.Message)
	case *actors.Retained:
		r.Answer.Messages, r.Answer.More = t.state.matching(c, t.Home.Now(), &t.Home.Limits)
		t.answer(r)
	default:
		r.Answer.Err = actors.Errorf(actors.Internal, "a topic does not know how to do %T", c)
		t.answer(r)
	}
	t.Current = nil
}

func (t *Retainer) answer(r *actors.Request) {
	t.Leave(&r.Effect, r, nil, nil)
	t.committed()
}

// retain keeps a message, or forgets the one that is kept.
func (t *Retainer) retain(r *actors.Request, m *actors.TopicMessage) {
	s, l := t.state, &t.Home.Limits
	old := s.byTopic[m.Topic]
	switch {
	case len(m.Payload) == 0 && old == nil: // [MQTT-3.3.1-6]: nothing is kept
	case len(m.Payload) > l.RetainedBytes:
		r.Answer.Err = actors.Errorf(actors.TooLarge, "a topic retains at most %d bytes", l.RetainedBytes)
	case len(m.Payload) > 0 && s.refused(m, old, l) != nil:
		t.Home.Metrics.Refuse("retained")
		r.Answer.Err = s.refused(m, old, l)
	default:
		e := &actors.RetainedEvent{Seq: s.seq + 1, Message: m}
		w := &actors.Write{Stream: t.Stream, After: s.seq, Events: [][]byte{encodeRetained(e)}}
		s.note(m)
		if due := t.due(); due != 0 && (t.armed == 0 || due < t.armed) {
			w.Wake = actors.Wake{Old: t.armed, New: due}
		}
		if err := t.Append(w); err != nil {
			r.Answer.Err = err
			break
		}
		if w.Wake.New != 0 {
			t.armed = w.Wake.New
		}
		s.apply(e)
		t.Seq = s.seq
		t.maybeSnapshot()
	}
	t.answer(r)
}

// maybeSnapshot writes the state down when it has changed often.
func (t *Retainer) maybeSnapshot() {
	s := t.state
	if s.seq-s.since < max(retainedSnapshot, uint64(len(s.byTopic))) {
		return
	}
	t.snapshot()
}

// snapshot writes down what is retained in place of all events; false means that
// the store is too busy.
func (t *Retainer) snapshot() bool {
	s, now, l := t.state, t.Home.Now(), &t.Home.Limits
	w := &actors.Write{Stream: t.Stream, After: s.seq, Snapshot: s.snapshot(now, l), Forget: s.seq}
	if s.since < s.seq {
		w.Delete = []actors.Range{{First: s.since + 1, Last: s.seq}}
	}
	if t.Append(w) != nil {
		return false
	}
	s.expire(now, l)
	s.since, s.stale = s.seq, 0
	return true
}

// ForOne implements ForOne.
func (*retainedLoaded) ForOne() {}

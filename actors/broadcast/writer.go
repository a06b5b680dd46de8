package broadcast

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/actors/rule"
)

// Writer is the actor that writes an app's broadcast log. It answers an entry when that
// is durable and the nodes know of it.
type Writer struct {
	actors.Persistent
	state    *state // nil until it is loaded
	armed    int64  // the wake-up in the store, unix milliseconds; 0: none
	clearing bool   // entries without their contents are being made
	asked    int    // requests that wait for nodes, or for a content
}

// What the writer tells itself.
type (
	loaded struct {
		state  *state
		beyond *actors.Beyond // nil: the journal is whole
		err    error
	}
	contentLoaded struct { // the content that an edit changes
		req  *actors.Request
		body uint64
		old  *actors.Message
		err  error
	}
	contentsCleared struct {
		list []actors.Rewrite
		err  error
	}
	told struct{} // nodes have heard of an entry
)

// New returns a Writer, for Home.Kinds.
func New(h *actors.Home) actor.Actor { return &Writer{Persistent: actors.Persistent{Home: h}} }

// Receive is the actor's table of contents.
func (w *Writer) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		w.start(c.Self())
	case *actors.Unowned:
		w.Refuse(actors.ErrNotOwner)
	case *loaded:
		w.loaded(m)
	case *actors.Panicked:
		w.Fail()
	case *actors.Committed:
		w.committed()
	case *told:
		w.asked--
	case *contentsCleared:
		w.contentsCleared(m)
	case *actors.Passivate:
		if w.state != nil && w.Idle() && w.asked == 0 && !w.clearing {
			w.End()
		}
	case *actors.Move:
		w.committed()
		w.End()
	case *actor.Stopping:
		w.Stopping()
	case *contentLoaded:
		if w.state == nil || w.Ending {
			w.Wait(m.req)
			return
		}
		w.edit(m)
	case *actors.Request, *actors.TimeUp:
		if w.state == nil || w.Ending {
			w.Wait(m)
			return
		}
		w.handle(m)
	}
}

func (w *Writer) handle(m any) {
	switch m := m.(type) {
	case *actors.Request:
		if !w.HoldsLease() {
			m.Fail(actors.ErrUnsure)
			return
		}
		w.Current = m
		w.request(m)
		w.Current = nil
	case *actors.TimeUp:
		w.timeUp(m)
	}
}

func (w *Writer) start(self *actor.PID) {
	if !w.Activated(self) {
		return
	}
	h, key := w.Home, w.Key
	h.Load(func() {
		s := &state{}
		rest, err := h.Read(key, func(ctx context.Context) error {
			return h.Journal.Load(ctx, key, s.restore, func(raw []byte) error {
				e, err := actors.DecodeLogEntry(raw)
				if err == nil {
					err = s.apply(e)
				}
				return err
			})
		})
		h.Send(self, &loaded{s, rest, err})
	})
}

func (w *Writer) loaded(m *loaded) {
	if m.err != nil {
		w.Unreadable(m.err)
		return
	}
	w.state = m.state
	if w.Begin(m.state.pos, m.beyond) {
		w.armed = w.state.wakeAt(&w.Home.Limits)
		w.CatchUp(w.handle)
		w.clear()
	}
}

func (w *Writer) committed() {
	if w.Stream != nil {
		w.Flush(func(*actors.Push) {})
	}
}

// request is the table of contents of what a log can be asked.
func (w *Writer) request(r *actors.Request) {
	if m, err := w.state.replayed(r.Once); err != nil {
		w.refuse(r, err)
		return
	} else if m != nil {
		r.Answer.ID, r.Answer.Replayed = actors.ID(m.Id), true
		w.answer(r)
		return
	}
	now := w.Home.Now()
	switch c := r.Command.(type) {
	case *actors.Broadcast:
		w.publish(r, c, now)
	case *actors.DryRun:
		w.dryRun(r, c)
	case *actors.Edit:
		w.loadContent(r, c)
	case *actors.Retract:
		if m := w.state.find(c.ID); m == nil || m.over != 0 {
			w.refuse(r, actors.ErrNotHere)
		} else {
			w.append(r, w.state.about(m, actors.LogKind_LOG_RETRACTED, now, r.Once))
		}
	case *actors.Find:
		w.find(r, c)
	default:
		w.refuse(r, actors.Errorf(actors.Internal, "a broadcast log does not know how to do %T", c))
	}
}

func (w *Writer) publish(r *actors.Request, c *actors.Broadcast, now int64) {
	holds := w.Home.Broadcasts.MayHold()
	err := w.check(c, holds)
	switch {
	case err == nil && w.state.find(actors.ID(c.Message.Id)) != nil: // a repeat of one without a key
		r.Answer.ID, r.Answer.Replayed = actors.ID(c.Message.Id), true
		w.answer(r)
		return
	case err == nil:
		err = w.room(c.Message)
	}
	if err != nil {
		w.refuse(r, err)
		return
	}
	w.append(r, w.state.publish(c, holds, r.Once, now))
}

// dryRun answers whether a broadcast would be refused.
func (w *Writer) dryRun(r *actors.Request, c *actors.DryRun) {
	b, ok := c.Of.(*actors.Broadcast)
	if !ok {
		w.refuse(r, actors.Errorf(actors.Internal, "a broadcast log does not know how %T would be done", c.Of))
		return
	}
	if r.Answer.Err = w.check(b, w.Home.Broadcasts.MayHold()); r.Answer.Err == nil {
		r.Answer.Err = w.room(b.Message)
	}
	w.answer(r)
}

// room tells why the log, or inboxes, have no room for a message.
func (w *Writer) room(m *actors.Message) *actors.Error {
	l := &w.Home.Limits
	switch {
	case len(m.Content) > l.InboxBytes:
		return actors.Errorf(actors.TooLarge, "the message is larger than an inbox may be (%d bytes)", l.InboxBytes)
	case len(w.state.messages) >= l.Broadcasts:
		w.Home.Metrics.Refuse("broadcasts")
		return actors.Errorf(actors.TooMany, "an app's broadcast log keeps at most %d messages", l.Broadcasts)
	}
	return nil
}

// check tells what is wrong with a broadcast: each node has to understand the entry. holds
// tells whether all know that rules may hold it.
func (w *Writer) check(b *actors.Broadcast, holds bool) *actors.Error {
	a := b.Audience
	if err := a.Check(); err != nil {
		return actors.Errorf(actors.Invalid, "%s", err)
	}
	if s := a.Segment; s != nil {
		if _, err := compile(s.Where); err != nil {
			return actors.AsError(err)
		}
	}
	if b.Message.Policy != nil && !holds {
		return actors.Errorf(actors.Unavailable, "not all nodes have a program that lets a policy judge broadcasts; bring all nodes to one version")
	}
	if p := b.Message.Policy; p != nil {
		if policy, err := rule.Parse(p.Name, p.Version, p.Body); err == nil && policy.HasQuotas() {
			return &actors.Error{Code: actors.Invalid, Field: "policy", Detail: "policy: it has quotas, which nobody counts of a broadcast; let a campaign send it"}
		}
	}
	return w.Home.Broadcasts.Understand(a)
}

func (w *Writer) refuse(r *actors.Request, err *actors.Error) {
	r.Answer.Err = err
	w.answer(r)
}

// answer answers once all that is applied is durable.
func (w *Writer) answer(r *actors.Request) {
	w.Leave(&r.Effect, r, nil, nil)
	w.committed()
}

// append journals an entry and applies it. When it is durable the nodes hear of it, and
// then r is answered, if there is one. False: the store is busy.
func (w *Writer) append(r *actors.Request, e *actors.LogEntry) bool {
	raw := actors.EncodeLogEntry(e)
	step := &actors.Write{Stream: w.Stream, After: w.state.pos, Events: [][]byte{raw}}
	if e.Kind == actors.LogKind_LOG_PUBLISHED {
		step.Own = []actors.ID{e.Concerns()}
	}
	w.wakeBy(step, e)
	if err := w.Append(step); err != nil {
		if r != nil {
			w.refuse(r, err)
		}
		return false
	}
	if step.Wake.New != 0 {
		w.armed = step.Wake.New
	}
	if err := w.state.apply(e); err != nil {
		panic(err) // we have just decided it
	}
	w.Seq = e.Pos
	w.asked++
	h, self, app := w.Home, w.Self, w.Key.App()
	effect := &actors.Effect{}
	if r != nil {
		effect = &r.Effect
		r.Answer.ID = e.Concerns()
	}
	w.Leave(effect, r, nil, func() {
		trace(h, app, e)
		h.Broadcasts.Appended(app, e, func() {
			if r != nil {
				r.Respond()
			}
			h.Send(self, &told{})
		})
		w.clear()
	})
	w.committed()
	return true
}

// wakeBy lets the write of an entry wake the writer in time for what follows from it.
func (w *Writer) wakeBy(step *actors.Write, e *actors.LogEntry) {
	l := &w.Home.Limits
	if m := e.Message; m != nil {
		step.WakeBy(m.ExpiresAt)
		if e.Hidden {
			step.WakeBy(m.SendAt)
		}
	}
	if len(e.Once) > 0 {
		step.WakeBy(e.At + actors.CallerKeyAge)
	}
	step.WakeBy((&message{shown: e.At}).forgetAt(l))
	if at := step.Wake.New; w.armed == 0 || at < w.armed {
		step.Wake.Old = w.armed
	} else {
		step.Wake = actors.Wake{}
	}
}

// timeUp writes down what time has changed, and forgets what is too old.
func (w *Writer) timeUp(m *actors.TimeUp) {
	now := w.Home.Now()
	for e := w.state.due(now); e != nil; e = w.state.due(now) {
		if !w.append(nil, e) {
			return // busy: the sweeper comes again
		}
	}
	w.trim(now)
	w.rearm(m.At)
}

// rearm replaces the wake-up that has come.
func (w *Writer) rearm(old int64) {
	at := w.state.wakeAt(&w.Home.Limits)
	if at != 0 {
		at = max(at, w.Home.Now()+1)
	}
	if w.Append(&actors.Write{Stream: w.Stream, After: w.Seq, Wake: actors.Wake{Old: old, New: at}}) == nil {
		w.armed = at
	}
}

// trim forgets what is too old, in favor of a snapshot.
func (w *Writer) trim(now int64) {
	before := *w.state
	floor, gone := w.state.trim(now, &w.Home.Limits)
	if len(gone) == 0 && len(w.state.keys) == len(before.keys) {
		return
	}
	step := &actors.Write{Stream: w.Stream, After: w.Seq, Forget: w.Seq, Upkeep: true}
	for _, m := range gone {
		step.Disown, step.Untally = append(step.Disown, actors.ID(m.Id)), append(step.Untally, actors.ID(m.Id))
	}
	if floor > before.floor {
		step.Delete = []actors.Range{{First: before.floor + 1, Last: floor}}
		w.state.floor = floor
	}
	step.Snapshot = w.state.snapshot()
	if w.Append(step) != nil {
		*w.state = before
	}
}

// clear takes contents that nobody needs any more out of their entries.
func (w *Writer) clear() {
	list := w.state.stale()
	if len(list) == 0 || w.clearing || w.Ending {
		return
	}
	w.clearing = true
	h, self, key := w.Home, w.Self, w.Key
	h.Load(func() { h.Send(self, readCleared(context.Background(), h.Journal, key, list)) })
}

// readCleared reads entries and takes their contents out.
func readCleared(ctx context.Context, j actors.Journal, key actors.Key, list []leftover) *contentsCleared {
	m := &contentsCleared{}
	for _, old := range list {
		pos := old.pos
		r, failed := actors.Rewrite{Seq: pos}, error(nil)
		err := j.Events(ctx, key, pos, pos, func(_ uint64, raw []byte) bool {
			var e *actors.LogEntry
			if e, failed = actors.DecodeLogEntry(raw); failed == nil {
				r.Event = actors.EncodeLogEntry(e.Cleared(old.over))
			}
			return false
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			m.err = err
			break
		}
		m.list = append(m.list, r)
	}
	return m
}

func (w *Writer) contentsCleared(m *contentsCleared) {
	w.clearing = false
	if m.err != nil {
		w.Home.Log.Error("what is to leave a broadcast log can't be read", "actor", string(w.Key), "err", m.err)
	}
	if len(m.list) == 0 || w.Ending || w.state == nil {
		return
	}
	step := &actors.Write{Stream: w.Stream, After: w.Seq, Upkeep: true}
	done := make([]uint64, 0, len(m.list))
	for _, r := range m.list {
		if done = append(done, r.Seq); len(r.Event) > 0 {
			step.Rewrite = append(step.Rewrite, r)
		}
	}
	if w.Append(step) == nil {
		w.state.cleared(done)
		w.clear() // there may be more since
	}
}

// ForOne implements ForOne.
func (*loaded) ForOne() {}

// ForOne implements ForOne.
func (*told) ForOne() {}

// ForOne implements ForOne.
func (*contentsCleared) ForOne() {}

// Refused implements Refusable.
func (m *contentLoaded) Refused(_ *actors.Home, err *actors.Error) { m.req.Fail(err) }

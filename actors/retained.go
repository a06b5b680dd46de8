package actors

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// Retainer is the actor of what a shard of an app's topics retains: for each
// topic the last message that was published to be kept.
type Retainer struct {
	Persistent
	state *retained // nil until it is loaded
	armed int64
}

// retainedLoaded is what the actor tells itself.
type retainedLoaded struct {
	state  *retained
	beyond *Beyond // nil: the journal is whole
	err    error
}

// retainedSnapshot is how many events a Retainer leaves behind its snapshot.
const retainedSnapshot = 256

// NewRetainer returns a Retainer, for Home.Kinds.
func NewRetainer(h *Home) actor.Actor { return &Retainer{Persistent: Persistent{Home: h}} }

// Receive is the actor's table of contents.
func (t *Retainer) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		t.start(c.Self())
	case *retainedLoaded:
		t.loaded(m)
	case *Unowned:
		t.Refuse(ErrNotOwner)
	case *Panicked:
		t.Fell()
	case *Committed:
		t.let()
	case *Passivate:
		if t.state != nil && t.Idle() {
			t.End()
		}
	case *Move:
		t.let()
		t.End()
	case *actor.Stopping:
		t.Stopping()
	case *Request, *TimeUp:
		if t.state == nil || t.Ending {
			t.Wait(m)
			return
		}
		t.act(m)
	}
}

func (t *Retainer) act(m any) {
	switch m := m.(type) {
	case *Request:
		t.request(m)
	case *TimeUp:
		t.timeUp(m)
	}
}

// timeUp takes from the disk what is retained no more (retention.go).
func (t *Retainer) timeUp(m *TimeUp) {
	if t.Home.Now() >= t.due() && !t.snapshot() {
		return // the sweeper comes again
	}
	if next := t.due(); t.Append(&Write{Stream: t.Stream, After: t.state.seq, Wake: Wake{Old: m.At, New: next}}) == nil {
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
		if due := l.SweepAt(since, collapseHash(string(t.Key))); at == 0 || due < at {
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
	t.Opened(m.state.seq)
	if !t.Mended(m.beyond) {
		t.Refuse(ErrBusyStore)
		return
	}
	for len(t.Waiting) > 0 && !t.Ending {
		var w any
		w, t.Waiting = Pop(t.Waiting)
		t.act(w)
	}
}

func (t *Retainer) let() {
	if t.Stream != nil {
		t.Flush(func(*Push) {})
	}
}

// request is the table of contents of what can be asked.
func (t *Retainer) request(r *Request) {
	if !t.Sure() {
		r.Fail(ErrUnsure)
		return
	}
	t.Current = r
	switch c := r.Command.(type) {
	case *Retain:
		t.retain(r, c.Message)
	case *Retained:
		r.Answer.Messages, r.Answer.More = t.state.matching(c, t.Home.Now(), &t.Home.Limits)
		t.answer(r)
	default:
		r.Answer.Err = Errorf(Internal, "a topic does not know how to do %T", c)
		t.answer(r)
	}
	t.Current = nil
}

func (t *Retainer) answer(r *Request) {
	t.Leave(&r.Effect, r, nil, nil)
	t.let()
}

// retain keeps a message, or forgets the one that is kept.
func (t *Retainer) retain(r *Request, m *TopicMessage) {
	s, l := t.state, &t.Home.Limits
	old := s.byTopic[m.Topic]
	switch {
	case len(m.Payload) == 0 && old == nil: // [MQTT-3.3.1-6]: nothing is kept
	case len(m.Payload) > l.RetainedBytes:
		r.Answer.Err = Errorf(TooLarge, "a topic retains at most %d bytes", l.RetainedBytes)
	case len(m.Payload) > 0 && s.refused(m, old, l) != nil:
		t.Home.Metrics.refuse("retained")
		r.Answer.Err = s.refused(m, old, l)
	default:
		e := &RetainedEvent{Seq: s.seq + 1, Message: m}
		w := &Write{Stream: t.Stream, After: s.seq, Events: [][]byte{encodeRetained(e)}}
		s.note(m)
		if due := t.due(); due != 0 && (t.armed == 0 || due < t.armed) {
			w.Wake = Wake{Old: t.armed, New: due}
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
	s := t.state
	s.expire(t.Home.Now(), &t.Home.Limits)
	w := &Write{Stream: t.Stream, After: s.seq, Snapshot: s.snapshot(), Forget: s.seq}
	if s.since < s.seq {
		w.Delete = []Range{{s.since + 1, s.seq}}
	}
	if t.Append(w) != nil {
		return false
	}
	s.since, s.stale = s.seq, 0
	return true
}

// Wild tells whether a filter has a wildcard.
func Wild(filter string) bool { return strings.ContainsAny(filter, "+#") }

// retain asks for the message to be kept.
func (t *Topics) retain(m *TopicMessage, done func(*Error)) {
	key := RetainedKey(m.App, m.Topic)
	t.ask(key, &Retain{m}, func(r *Request) { done(r.Answer.Err) })
}

// A RetainedPage is some of what topics retain, in the order of the topics.
type RetainedPage struct {
	Messages []*TopicMessage
	More     bool // there is more behind the last of them
	Err      *Error
}

// Retained calls done with a page of the messages that the topics retain which a
// filter without a share matches: of the topics behind after, "" at first. Who
// asks for the next when its client has taken one needs memory for a page alone,
// and is told of each topic as it then is. No lock may be held; done may be
// called before Retained returns.
func (t *Topics) Retained(app, filter, after string, done func(RetainedPage)) {
	c := &Retained{filter, after}
	if !Wild(filter) {
		t.ask(RetainedKey(app, filter), c, func(r *Request) { done(RetainedPage{r.Answer.Messages, false, r.Answer.Err}) })
		return
	}
	var parts [retainedShards]RetainedPage
	p := &publishing{}
	p.left.Store(retainedShards)
	p.end = func(p *publishing) {
		page := joined(parts[:])
		page.Err = p.err.Load()
		done(page)
	}
	for i := range parts {
		t.ask(retainedKey(app, uint64(i)), c, func(r *Request) { // #nosec G115 -- few
			parts[i] = RetainedPage{Messages: r.Answer.Messages, More: r.Answer.More}
			p.done(0, r.Answer.Err)
		})
	}
}

// joined returns one page of those of all parts: no further than each part has
// told.
func joined(parts []RetainedPage) RetainedPage {
	var page RetainedPage
	last := ""
	for _, p := range parts {
		page.Messages = append(page.Messages, p.Messages...)
		if n := len(p.Messages); p.More && n > 0 {
			page.More = true
			if end := p.Messages[n-1].Topic; last == "" || end < last {
				last = end
			}
		}
	}
	slices.SortFunc(page.Messages, func(a, b *TopicMessage) int { return cmp.Compare(a.Topic, b.Topic) })
	size := 0
	for i, m := range page.Messages {
		size += m.held()
		if last != "" && m.Topic > last || i == retainedPageMessages || i > 0 && size > retainedPageBytes {
			page.Messages, page.More = page.Messages[:i:i], true
			break
		}
	}
	return page
}

// ask sends a request, and lets done look at the answer.
func (t *Topics) ask(key Key, c Command, done func(*Request)) {
	r := NewRequest(key, c)
	r.OnReply(func(r *Request) {
		done(r)
		if err := r.Answer.Err; err == nil || err.Code != Unavailable {
			r.Release()
		}
	})
	t.home.Router.Send(key, r)
}

// ForOne implements ForOne.
func (*retainedLoaded) ForOne() {}

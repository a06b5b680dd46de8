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
	persistent
	state *retained // nil until it is loaded
	armed int64
}

// retainedLoaded is what the actor tells itself.
type retainedLoaded struct {
	state  *retained
	beyond *beyond // nil: the journal is whole
	err    error
}

// retainedSnapshot is how many events a Retainer leaves behind its snapshot.
const retainedSnapshot = 256

// NewRetainer returns a Retainer, for Home.Kinds.
func NewRetainer(h *Home) actor.Actor { return &Retainer{persistent: persistent{home: h}} }

// Receive is the actor's table of contents.
func (t *Retainer) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		t.start(c.Self())
	case *retainedLoaded:
		t.loaded(m)
	case *unowned:
		t.refuse(notOwner)
	case *panicked:
		t.fell()
	case *committed:
		t.let()
	case *Passivate:
		if t.state != nil && t.idle() {
			t.end()
		}
	case *Move:
		t.let()
		t.end()
	case *actor.Stopping:
		t.stopping()
	case *Request, *TimeUp:
		if t.state == nil || t.ending {
			t.wait(m)
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
	if t.home.Now() >= t.due() && !t.snapshot() {
		return // the sweeper comes again
	}
	if next := t.due(); t.append(&Write{Stream: t.stream, After: t.state.seq, Wake: Wake{Old: m.At, New: next}}) == nil {
		t.armed = next
	}
}

// due returns when something is to leave the disk; 0: nothing is.
func (t *Retainer) due() (at int64) {
	s, l := t.state, &t.home.Limits
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
		if due := l.sweepAt(since, collapseHash(string(t.key))); at == 0 || due < at {
			at = due
		}
	}
	return at
}

func (t *Retainer) start(self *actor.PID) {
	if !t.activated(self) {
		return
	}
	h, key := t.home, t.key
	h.Load(func() {
		s := newRetained()
		rest, err := h.read(key, func(ctx context.Context) error { return h.Journal.Load(ctx, key, s.restore, s.replay) })
		h.send(self, &retainedLoaded{s, rest, err})
	})
}

func (t *Retainer) loaded(m *retainedLoaded) {
	if m.err != nil {
		t.unreadable(m.err)
		return
	}
	t.state = m.state
	t.opened(m.state.seq)
	if !t.mended(m.beyond) {
		t.refuse(busyStore)
		return
	}
	for len(t.waiting) > 0 && !t.ending {
		var w any
		w, t.waiting = pop(t.waiting)
		t.act(w)
	}
}

func (t *Retainer) let() {
	if t.stream != nil {
		t.flush(func(*Push) {})
	}
}

// request is the table of contents of what can be asked.
func (t *Retainer) request(r *Request) {
	if !t.sure() {
		r.Fail(unsure)
		return
	}
	t.current = r
	switch c := r.Command.(type) {
	case *Retain:
		t.retain(r, c.Message)
	case *Retained:
		r.Answer.Messages, r.Answer.More = t.state.matching(c, t.home.Now(), &t.home.Limits)
		t.answer(r)
	default:
		r.Answer.Err = Errorf(Internal, "a topic does not know how to do %T", c)
		t.answer(r)
	}
	t.current = nil
}

func (t *Retainer) answer(r *Request) {
	t.leave(&r.effect, r, nil, nil)
	t.let()
}

// retain keeps a message, or forgets the one that is kept.
func (t *Retainer) retain(r *Request, m *TopicMessage) {
	s, l := t.state, &t.home.Limits
	old := s.byTopic[m.Topic]
	switch {
	case len(m.Payload) == 0 && old == nil: // [MQTT-3.3.1-6]: nothing is kept
	case len(m.Payload) > l.RetainedBytes:
		r.Answer.Err = Errorf(TooLarge, "a topic retains at most %d bytes", l.RetainedBytes)
	case len(m.Payload) > 0 && s.refused(m, old, l) != nil:
		t.home.Metrics.refuse("retained")
		r.Answer.Err = s.refused(m, old, l)
	default:
		e := &RetainedEvent{Seq: s.seq + 1, Message: m}
		w := &Write{Stream: t.stream, After: s.seq, Events: [][]byte{encodeRetained(e)}}
		s.note(m)
		if due := t.due(); due != 0 && (t.armed == 0 || due < t.armed) {
			w.Wake = Wake{Old: t.armed, New: due}
		}
		if err := t.append(w); err != nil {
			r.Answer.Err = err
			break
		}
		if w.Wake.New != 0 {
			t.armed = w.Wake.New
		}
		s.apply(e)
		t.seq = s.seq
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
	s.expire(t.home.Now(), &t.home.Limits)
	w := &Write{Stream: t.stream, After: s.seq, Snapshot: s.snapshot(), Forget: s.seq}
	if s.since < s.seq {
		w.Delete = []Range{{s.since + 1, s.seq}}
	}
	if t.append(w) != nil {
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

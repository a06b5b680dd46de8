package actors

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// Retainer is the actor of what a shard of an app's topics retains: for each
// topic the last message that was published to be kept.
type Retainer struct {
	persistent
	state *retained // nil until it is loaded
}

// retained is the pure state of a Retainer.
type retained struct {
	seq     uint64
	since   uint64 // the seq of the newest snapshot
	byTopic map[string]*TopicMessage
	of      map[string]int // how many are a user's
}

// retainedLoaded is what the actor tells itself.
type retainedLoaded struct {
	state *retained
	err   error
}

// retainedSnapshot is how many events a Retainer leaves behind its snapshot.
const retainedSnapshot = 256

func newRetainer(h *Home) *Retainer { return &Retainer{persistent: persistent{home: h}} }

func newRetained() *retained {
	return &retained{byTopic: map[string]*TopicMessage{}, of: map[string]int{}}
}

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
	case *Request:
		if t.state == nil || t.ending {
			t.wait(m)
			return
		}
		t.request(m)
	}
}

func (t *Retainer) start(self *actor.PID) {
	if !t.activated(self) {
		return
	}
	h, key := t.home, t.key
	h.Load(func() {
		s := newRetained()
		err := h.Journal.Load(context.Background(), key, s.restore, s.replay)
		h.send(self, &retainedLoaded{s, err})
	})
}

func (t *Retainer) loaded(m *retainedLoaded) {
	if m.err != nil {
		t.unreadable(m.err)
		return
	}
	t.state = m.state
	t.opened(m.state.seq)
	for len(t.waiting) > 0 && !t.ending {
		var w any
		w, t.waiting = pop(t.waiting)
		if r, ok := w.(*Request); ok {
			t.request(r)
		}
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
		r.Answer.Messages = t.state.matching(c.Filter, t.home.Now())
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
	case len(m.Payload) > 0 && old == nil && s.of[m.User] >= retainedOfPart(l.Retained):
		r.Answer.Err = Errorf(TooMany, "topics retain at most about %d messages of one user", l.Retained)
	default:
		e := &RetainedEvent{Seq: s.seq + 1, Message: m}
		w := &Write{Stream: t.stream, After: s.seq, Events: [][]byte{encodeRetained(e)}}
		if err := t.append(w); err != nil {
			r.Answer.Err = err
			break
		}
		s.apply(e)
		t.seq = s.seq
		t.maybeSnapshot()
	}
	t.answer(r)
}

// retainedOfPart is how many messages of one user a part of the topics retains
// if all parts together are to retain limit. No user's topics are spread quite
// evenly, so it is a quarter more than their share.
func retainedOfPart(limit int) int {
	return max(1, (limit*5/4+retainedShards-1)/retainedShards)
}

// maybeSnapshot writes the state down when it has changed often.
func (t *Retainer) maybeSnapshot() {
	s := t.state
	if s.seq-s.since < max(retainedSnapshot, uint64(len(s.byTopic))) {
		return
	}
	s.expire(t.home.Now())
	w := &Write{Stream: t.stream, After: s.seq, Snapshot: s.snapshot(), Delete: []Range{{s.since + 1, s.seq}}, Forget: s.seq}
	if t.append(w) == nil {
		s.since = s.seq
	}
}

// apply takes in an event.
func (s *retained) apply(e *RetainedEvent) {
	m := e.Message
	s.seq = e.Seq
	s.drop(m.Topic)
	if len(m.Payload) > 0 {
		s.byTopic[m.Topic] = m
		s.of[m.User]++
	}
}

func (s *retained) drop(topic string) {
	if old := s.byTopic[topic]; old != nil {
		delete(s.byTopic, topic)
		if s.of[old.User]--; s.of[old.User] == 0 {
			delete(s.of, old.User)
		}
	}
}

func (s *retained) expire(now int64) {
	for topic, m := range s.byTopic {
		if m.ExpiresAt != 0 && m.ExpiresAt <= now {
			s.drop(topic)
		}
	}
}

// matching returns the messages of those topics that a filter matches.
func (s *retained) matching(filter string, now int64) []*TopicMessage {
	var list []*TopicMessage
	add := func(m *TopicMessage) {
		if m != nil && (m.ExpiresAt == 0 || m.ExpiresAt > now) {
			list = append(list, m)
		}
	}
	if !Wild(filter) {
		add(s.byTopic[filter])
		return list
	}
	for topic, m := range s.byTopic {
		if MatchTopic(filter, topic) {
			add(m)
		}
	}
	return list
}

func (s *retained) replay(raw []byte) error {
	e := &RetainedEvent{}
	if len(raw) == 0 || raw[0] != eventVersion {
		return fmt.Errorf("an event in an encoding that this program does not know")
	}
	if err := e.UnmarshalVT(raw[1:]); err != nil {
		return err
	}
	if e.Seq != s.seq+1 || e.Message == nil {
		return fmt.Errorf("event %d follows event %d, or has no message: the journal is damaged", e.Seq, s.seq)
	}
	s.apply(e)
	return nil
}

func (s *retained) restore(raw []byte) error {
	p := &RetainedState{}
	if len(raw) == 0 || raw[0] != eventVersion {
		return fmt.Errorf("a snapshot in an encoding that this program does not know")
	}
	if err := p.UnmarshalVT(raw[1:]); err != nil {
		return err
	}
	for _, m := range p.Messages {
		s.apply(&RetainedEvent{Message: m})
	}
	s.seq, s.since = p.Seq, p.Seq
	return nil
}

func (s *retained) snapshot() []byte {
	p := &RetainedState{Seq: s.seq}
	for _, m := range s.byTopic {
		p.Messages = append(p.Messages, m)
	}
	b := make([]byte, 1+p.SizeVT())
	b[0] = eventVersion
	if _, err := p.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}

func encodeRetained(e *RetainedEvent) []byte {
	b := make([]byte, 1+e.SizeVT())
	b[0] = eventVersion
	if _, err := e.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}

// Wild tells whether a filter has a wildcard.
func Wild(filter string) bool { return strings.ContainsAny(filter, "+#") }

// retain asks for the message to be kept.
func (t *Topics) retain(m *TopicMessage, done func(*Error)) {
	key := RetainedKey(m.App, m.Topic)
	t.ask(key, &Retain{m}, func(r *Request) { done(r.Answer.Err) })
}

// Retained calls done with the messages that the topics retain which a filter
// without a share matches. No lock may be held; done may be called before
// Retained returns.
func (t *Topics) Retained(app, filter string, done func([]*TopicMessage, *Error)) {
	if !Wild(filter) {
		t.ask(RetainedKey(app, filter), &Retained{filter}, func(r *Request) { done(r.Answer.Messages, r.Answer.Err) })
		return
	}
	var parts [retainedShards][]*TopicMessage
	p := &publishing{}
	p.left.Store(retainedShards)
	p.end = func(p *publishing) {
		list := slices.Concat(parts[:]...)
		slices.SortFunc(list, func(a, b *TopicMessage) int { return cmp.Compare(a.Topic, b.Topic) })
		done(list, p.err.Load())
	}
	for i := range parts {
		t.ask(retainedKey(app, uint64(i)), &Retained{filter}, func(r *Request) { // #nosec G115 -- few
			parts[i] = r.Answer.Messages
			p.done(0, r.Answer.Err)
		})
	}
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

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
	armed int64
}

// retained is the pure state of a Retainer.
type retained struct {
	seq     uint64
	since   uint64 // the seq of the newest snapshot
	stale   int64  // when the first payload of an event since then was replaced (unix milliseconds); 0: none was
	expires int64  // no message expires before it, likewise; 0: none does
	oldest  int64  // no message is older, likewise; 0: none has a time
	byTopic map[string]*TopicMessage
	topics  []string         // of byTopic, in order
	of      map[string]holds // what is a user's
	size    int              // bytes of all
}

// holds is how much of what is retained is one user's.
type holds struct{ n, size int }

// retainedLoaded is what the actor tells itself.
type retainedLoaded struct {
	state  *retained
	beyond *beyond // nil: the journal is whole
	err    error
}

// retainedSnapshot is how many events a Retainer leaves behind its snapshot.
const retainedSnapshot = 256

func newRetainer(h *Home) *Retainer { return &Retainer{persistent: persistent{home: h}} }

func newRetained() *retained {
	return &retained{byTopic: map[string]*TopicMessage{}, of: map[string]holds{}}
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

// retainedOfPart is how many messages of one user a part of the topics retains
// if all parts together are to retain limit. No user's topics are spread quite
// evenly, so it is a quarter more than their share.
func retainedOfPart(limit int) int {
	return max(1, (limit*5/4+retainedShards-1)/retainedShards)
}

// refused tells why a message may not be retained in the place of the old one,
// which may be nil.
func (s *retained) refused(m, old *TopicMessage, l *Limits) *Error {
	mine, all := s.of[m.User], s.size
	if old != nil {
		all -= old.held()
		if old.User == m.User {
			mine.n, mine.size = mine.n-1, mine.size-old.held()
		}
	}
	switch {
	case mine.n >= retainedOfPart(l.Retained):
		return Errorf(TooMany, "topics retain at most about %d messages of one user", l.Retained)
	case mine.size+m.held() > max(retainedOfPart(l.RetainedOfUser), l.RetainedBytes):
		return Errorf(TooMany, "topics retain at most about %d bytes of one user", l.RetainedOfUser)
	case all+m.held() > max(retainedOfPart(l.RetainedOfApp), l.RetainedBytes):
		return Errorf(TooMany, "topics retain at most about %d bytes of one app", l.RetainedOfApp)
	}
	return nil
}

// heldBeside is about what a message takes up beside its bytes.
const heldBeside = 256

// held returns about how many bytes the message takes up.
func (m *TopicMessage) held() int {
	return len(m.Topic) + len(m.Payload) + len(m.Attributes) + heldBeside
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

// note takes in when m lets something be retained no more.
func (s *retained) note(m *TopicMessage) {
	if s.byTopic[m.Topic] != nil && s.stale == 0 {
		s.stale = m.At
	}
	s.time(m)
}

// time takes in when m will be over.
func (s *retained) time(m *TopicMessage) {
	if m.ExpiresAt != 0 && (s.expires == 0 || m.ExpiresAt < s.expires) {
		s.expires = m.ExpiresAt
	}
	if len(m.Payload) > 0 && m.At != 0 && (s.oldest == 0 || m.At < s.oldest) {
		s.oldest = m.At
	}
}

// apply takes in an event.
func (s *retained) apply(e *RetainedEvent) {
	m := e.Message
	s.seq = e.Seq
	s.note(m)
	s.drop(m.Topic)
	if len(m.Payload) == 0 {
		return
	}
	s.byTopic[m.Topic] = m
	if i, there := slices.BinarySearch(s.topics, m.Topic); !there {
		s.topics = slices.Insert(s.topics, i, m.Topic)
	}
	h := s.of[m.User]
	s.of[m.User] = holds{h.n + 1, h.size + m.held()}
	s.size += m.held()
}

func (s *retained) drop(topic string) {
	old := s.byTopic[topic]
	if old == nil {
		return
	}
	delete(s.byTopic, topic)
	if i, there := slices.BinarySearch(s.topics, topic); there {
		s.topics = slices.Delete(s.topics, i, i+1)
	}
	s.size -= old.held()
	if h := s.of[old.User]; h.n > 1 {
		s.of[old.User] = holds{h.n - 1, h.size - old.held()}
	} else {
		delete(s.of, old.User)
	}
}

// isOver tells whether a message is retained no longer.
func (m *TopicMessage) isOver(now int64, l *Limits) bool {
	return m.ExpiresAt != 0 && m.ExpiresAt <= now || m.At != 0 && l.RetainedAge > 0 && now-m.At > l.RetainedAge.Milliseconds()
}

func (s *retained) expire(now int64, l *Limits) {
	s.expires, s.oldest = 0, 0
	for topic, m := range s.byTopic {
		if m.isOver(now, l) {
			s.drop(topic)
		} else {
			s.time(m)
		}
	}
}

// The bounds of one page of what topics retain; one message may be larger.
const (
	retainedPageMessages = 32
	retainedPageBytes    = 64 << 10
)

// matching returns a page of the messages that topics retain which a filter
// matches, in the order of the topics, and whether there are more.
func (s *retained) matching(c *Retained, now int64, l *Limits) (list []*TopicMessage, more bool) {
	if !Wild(c.Filter) {
		if m := s.byTopic[c.Filter]; m != nil && c.Filter > c.After && !m.isOver(now, l) {
			list = append(list, m)
		}
		return list, false
	}
	prefix := c.Filter[:strings.IndexAny(c.Filter, "+#")]
	prefix = strings.TrimSuffix(prefix, "/") // a/# matches a
	i, at := slices.BinarySearch(s.topics, max(prefix, c.After))
	if at && s.topics[i] == c.After {
		i++
	}
	size := 0
	for ; i < len(s.topics) && strings.HasPrefix(s.topics[i], prefix); i++ {
		m := s.byTopic[s.topics[i]]
		if m.isOver(now, l) || !MatchTopic(c.Filter, m.Topic) {
			continue
		}
		if size += m.held(); len(list) == retainedPageMessages || len(list) > 0 && size > retainedPageBytes {
			return list, true
		}
		list = append(list, m)
	}
	return list, false
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

package actors

import (
	"sync"
	"sync/atomic"
)

// A TopicPush are messages of one topic, the oldest first, on their way to who
// is connected here. They get it one after the other; it keeps what was encoded
// for one for the others.
type TopicPush struct {
	Messages []*TopicMessage
	one      [1]*TopicMessage // the memory of Messages, which are mostly one
	forms    [MaxTopicForms]struct {
		frames []byte
		there  bool
	}
}

// TopicForm names a wire form of topics' messages: sessions with the same form
// share its bytes. Each belongs to the transport that has made it.
type TopicForm uint8

// MaxTopicForms is how many wire forms of topics' messages a program may have.
const MaxTopicForms = 8

var topicForms atomic.Uint32

// NewTopicForm returns a form that is nobody else's, for a variable of a package. It
// panics past MaxTopicForms.
func NewTopicForm() TopicForm { return TopicForm(numbered(&topicForms, MaxTopicForms)) }

// topicPushes are between two deliveries.
var topicPushes = sync.Pool{New: func() any { return new(TopicPush) }}

// largestFrame is up to how many bytes of a form are kept for the next push.
const largestFrame = 16 << 10

func newTopicPush(m *TopicMessage) *TopicPush {
	p := topicPushes.Get().(*TopicPush)
	p.one[0] = m
	p.Messages = p.one[:]
	return p
}

// release gives the push's memory back.
func (p *TopicPush) release() {
	p.Messages, p.one[0] = nil, nil
	for i := range p.forms {
		f := &p.forms[i]
		if f.there = false; cap(f.frames) > largestFrame {
			f.frames = nil
		}
	}
	topicPushes.Put(p)
}

// Frame returns the messages in a wire form, in which encode appends one. The
// first to ask pays. It is good for as long as Deliver lasts.
func (p *TopicPush) Frame(form TopicForm, encode func(b []byte, m *TopicMessage) []byte) []byte {
	f := &p.forms[form]
	if !f.there {
		f.frames, f.there = f.frames[:0], true
		for _, m := range p.Messages {
			f.frames = encode(f.frames, m)
		}
	}
	return f.frames
}

// Lasts tells whether frames from Frame may be kept beyond Deliver: large ones
// are never written to again.
func Lasts(frames []byte) bool { return cap(frames) > largestFrame }

// Brings tells whether the subscription brings the message to its session
// directly.
func (s *TopicSubscription) Brings(m *TopicMessage) bool { return s.takes(m) && !s.isLocal(m) }

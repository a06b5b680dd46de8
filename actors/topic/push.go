package topic

import (
	"sync"
	"sync/atomic"

	"reddot/actors"
)

// A Push are messages of one topic, the oldest first, on their way to who
// is connected here. They get it one after the other; it keeps what was encoded
// for one for the others.
type Push struct {
	Messages []*actors.TopicMessage
	one      [1]*actors.TopicMessage // the memory of Messages, which are mostly one
	forms    [maxForms]struct {
		frames []byte
		there  bool
	}
}

// Form names a wire form of topics' messages: sessions with the same form
// share its bytes. Each belongs to the transport that has made it.
type Form uint8

// maxForms is how many wire forms of topics' messages a program may have.
const maxForms = 8

var forms atomic.Uint32

// NewForm returns a form that is nobody else's, for a variable of a package. It
// panics past maxForms.
func NewForm() Form { return Form(actors.NextForm(&forms, maxForms)) }

// pushes are between two deliveries.
var pushes = sync.Pool{New: func() any { return new(Push) }}

// largestFrame is up to how many bytes of a form are kept for the next push.
const largestFrame = 16 << 10

func newPush(m *actors.TopicMessage) *Push {
	p := pushes.Get().(*Push)
	p.one[0] = m
	p.Messages = p.one[:]
	return p
}

// release gives the push's memory back.
func (p *Push) release() {
	p.Messages, p.one[0] = nil, nil
	for i := range p.forms {
		f := &p.forms[i]
		if f.there = false; cap(f.frames) > largestFrame {
			f.frames = nil
		}
	}
	pushes.Put(p)
}

// Frame returns the messages in a wire form, in which encode appends one. The
// first to ask pays. It is good for as long as Deliver lasts.
func (p *Push) Frame(form Form, encode func(b []byte, m *actors.TopicMessage) []byte) []byte {
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
func (s *Subscription) Brings(m *actors.TopicMessage) bool { return s.takes(m) && !s.isLocal(m) }

package topic

import (
	"strings"
	"testing"

	"reddot/actors"
)

var plain, loud = NewForm(), NewForm()

// TestPushFrame: a wire form is encoded once for all sessions that share it, all
// messages of a push in their order, and each form by itself.
func TestPushFrame(t *testing.T) {
	encoded := 0
	encode := func(b []byte, m *actors.TopicMessage) []byte {
		encoded++
		return append(append(b, m.Payload...), ';')
	}
	p := newPush(nil)
	p.Messages = []*actors.TopicMessage{say("a", "one", 0), say("a", "two", 0)}
	for range 3 {
		if got := string(p.Frame(plain, encode)); got != "one;two;" {
			t.Errorf("got %q", got)
		}
	}
	if encoded != 2 {
		t.Errorf("two messages were encoded %d times for three sessions", encoded)
	}
	got := string(p.Frame(loud, func(b []byte, m *actors.TopicMessage) []byte {
		return append(b, strings.ToUpper(string(m.Payload))...)
	}))
	if got != "ONETWO" || string(p.Frame(plain, encode)) != "one;two;" {
		t.Errorf("got %q in the other form; the first must stay", got)
	}
	p.release()

	// The next push has nothing of the last one's, also in its memory.
	next := newPush(say("b", "three", 0))
	defer next.release()
	if got := string(next.Frame(plain, encode)); got != "three;" {
		t.Errorf("got %q of the push before", got)
	}
}

// TestPushLasts: who keeps a frame beyond Deliver may do so only if it is too large to
// be written to again.
func TestPushLasts(t *testing.T) {
	frame := func(text string) []byte {
		p := newPush(say("a", text, 0))
		defer p.release()
		return p.Frame(plain, func(b []byte, m *actors.TopicMessage) []byte { return append(b, m.Payload...) })
	}
	if Lasts(frame("short")) {
		t.Error("a short frame is kept, whose memory the next push writes to")
	}
	large := strings.Repeat("x", largestFrame+1)
	kept := frame(large)
	if !Lasts(kept) {
		t.Error("a large frame is not kept")
	}
	for range 10 {
		frame("another")
	}
	if string(kept) != large {
		t.Error("a frame that lasts was written to")
	}
}

package actors

import "sync/atomic"

// A TopicPush are messages of one topic, the oldest first, on their way to who
// is connected here. It is shared by all of them and never changed, and keeps
// what one has encoded for the others.
type TopicPush struct {
	Messages []*TopicMessage
	one      [1]*TopicMessage // the memory of Messages, which are mostly one
	forms    [numTopicForms]atomic.Pointer[[]byte]
}

// TopicForm names a wire form of topics' messages: sessions with the same form
// share its bytes.
type TopicForm uint8

// The wire forms.
const (
	TopicSSE TopicForm = iota
	TopicWebSocket
	TopicWebSocketDeflated // the same, compressed
	TopicMQTT311           // with QoS 0
	TopicMQTT5             // likewise
	TopicMQTT311Framed     // within WebSocket
	TopicMQTT5Framed       // likewise
	numTopicForms
)

func newTopicPush(m *TopicMessage) *TopicPush {
	p := &TopicPush{}
	p.one[0] = m
	p.Messages = p.one[:]
	return p
}

// Frame returns the messages in a wire form, in which encode appends one. The
// first to ask pays.
func (p *TopicPush) Frame(form TopicForm, encode func(b []byte, m *TopicMessage) []byte) []byte {
	slot := &p.forms[form]
	if b := slot.Load(); b != nil {
		return *b
	}
	var b []byte
	for _, m := range p.Messages {
		b = encode(b, m)
	}
	slot.Store(&b)
	return b
}

// Brings tells whether the subscription brings the message to its session
// directly.
func (s *TopicSubscription) Brings(m *TopicMessage) bool { return s.takes(m) && !s.isLocal(m) }

package actors

import "sync/atomic"

// A TopicPush is a message on its way to who is connected here. It is shared by
// all of them and never changed, and keeps what one has encoded for the others.
type TopicPush struct {
	*TopicMessage
	forms [numTopicForms]atomic.Pointer[[]byte]
}

// TopicForm names a wire form of topics' messages: sessions with the same form
// share its bytes.
type TopicForm uint8

// The wire forms.
const (
	TopicSSE TopicForm = iota
	TopicWebSocket
	TopicWebSocketDeflated // the same, compressed
	numTopicForms
)

// Frame returns the message in a wire form. The first to ask pays.
func (p *TopicPush) Frame(form TopicForm, encode func(*TopicMessage) []byte) []byte {
	slot := &p.forms[form]
	if b := slot.Load(); b != nil {
		return *b
	}
	b := encode(p.TopicMessage)
	slot.Store(&b)
	return b
}

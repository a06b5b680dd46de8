package ws

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports"
	"reddot/transports/streams"
	"reddot/transports/websocket"
)

// The wire forms of topics' messages.
var (
	topicForm         = topic.NewForm()
	deflatedTopicForm = topic.NewForm()
)

// appendText appends a text frame.
func appendText(b, text []byte) []byte { return websocket.AppendFrame(b, websocket.OpText, text) }

// maxTopics is the most topics of one frame. How many a connection may have is
// for transports.Limits.
const maxTopics = 1000

// setTopics reads the fields of a frame about topics.
func (c *command) setTopics(f *frame) error {
	if c.kind == "publish" {
		return c.setMessage(f)
	}
	if f.seek(fieldTopic) {
		if err := c.addTopic(f, "topic"); err != nil {
			return err
		}
	}
	if f.seek(fieldTopics) {
		if err := c.addTopics(f); err != nil {
			return err
		}
	}
	if c.topics == nil {
		return invalid("topic", "give a topic, or topics")
	}
	return nil
}

func (c *command) addTopics(f *frame) error {
	wrong := invalid("topics", fmt.Sprintf("topics is a list of 1 to %d topics", maxTopics))
	if !f.Open('[') {
		return wrong
	}
	n := 0
	for ; f.Item(n == 0); n++ {
		if n == maxTopics {
			return wrong
		}
		if err := c.addTopic(f, "topics"); err != nil {
			return err
		}
	}
	if n == 0 {
		return wrong
	}
	return nil
}

func (c *command) addTopic(f *frame, name string) error {
	t, err := f.TextField(name, len("$share/")+2*transports.MaxTopic)
	if err != nil {
		return err
	}
	filter := t.String()
	c.topics = append(c.topics, filter)
	return transports.CheckFilter(filter)
}

// setMessage reads what a frame publishes.
func (c *command) setMessage(f *frame) error {
	c.message = &actors.TopicMessage{}
	if !f.seek(fieldTopic) {
		return invalid("topic", "give the topic")
	}
	t, err := f.TextField("topic", 2*transports.MaxTopic)
	if err != nil {
		return err
	}
	c.message.Topic = t.String()
	if err := transports.CheckTopic(c.message.Topic); err != nil {
		return err
	}
	if f.seek(fieldRetain) {
		if c.message.Retain, err = f.BoolField("retain"); err != nil {
			return err
		}
	}
	switch f.has & (fieldPayload | fieldBase64) {
	case 0:
		return invalid("payload", "give the payload; an empty string is one, too")
	case fieldPayload:
		c.message.Payload, err = f.payload()
	case fieldBase64:
		c.message.Payload, err = f.base64()
	default:
		err = invalid("payload_base64", "give one of payload and payload_base64")
	}
	return err
}

// payload reads the bytes of a message: those of a string, or the text of an
// object or an array as it stands in the frame.
func (f *frame) payload() ([]byte, error) {
	f.seek(fieldPayload)
	switch f.Peek() {
	case '"':
		t, _ := f.Text()
		return t.AppendTo(make([]byte, 0, t.Size)), nil
	case '{', '[':
		raw, _ := f.Raw()
		return bytes.Clone(raw), nil
	}
	return nil, invalid("payload", "a payload is a string, an object or an array")
}

// base64 reads the bytes of a message that is no text.
func (f *frame) base64() ([]byte, error) {
	f.seek(fieldBase64)
	if f.Peek() != '"' {
		return nil, invalid("payload_base64", "payload_base64 is a string")
	}
	t, _ := f.Text()
	text := t.Bytes()
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		return nil, invalid("payload_base64", "this is no base64 (RFC 4648 section 4)")
	}
	return b[:n], nil
}

// listen subscribes to topics, or ends that.
func (s *session) listen(place *slot, c *command) bool {
	topics := s.subscriber()
	if topics == s.kind.sockets.gone {
		return false
	}
	if c.kind == "unsubscribe" {
		topics.Unsubscribe(c.topics)
		return s.answer(place, appendOK(nil, c.id, nil))
	}
	// It is answered when all nodes know of it.
	if err := topics.Subscribe(c.topics, func() { s.answer(place, appendOK(nil, c.id, nil)) }); err != nil {
		return s.answer(place, appendError(nil, c.id, actors.AsError(err)))
	}
	return true
}

// subscriber returns the Subscriber to topics, which it makes if there is none.
func (s *session) subscriber() *streams.Subscriber {
	if t := s.topics.Load(); t != nil {
		return t
	}
	s.topics.CompareAndSwap(nil, streams.NewSubscriber(&s.kind.sockets.deps, s.socket, s.kind.topics))
	return s.topics.Load()
}

// Drained implements streams.Buffering.
func (s *session) Drained(*streams.Socket) {
	if t := s.topics.Load(); t != nil {
		t.Drained()
	}
}

// Left implements streams.Leaver.
func (s *session) Left(*streams.Socket) {
	if t := s.topics.Swap(s.kind.sockets.gone); t != nil {
		t.Leave()
	}
}

// publish gives a message to whoever is subscribed. Its answer comes in
// whichever goroutine has it.
func (s *session) publish(place *slot, c *command) {
	id := c.id
	streams.Publish(&s.kind.sockets.deps, s.socket.Caller(), s.socket.Key(), c.message, func(took int, err *actors.Error) {
		frame := appendPublished(nil, id, took)
		if err != nil {
			frame = appendError(nil, id, err)
		}
		s.answer(place, frame)
	})
}

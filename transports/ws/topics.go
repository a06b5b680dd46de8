package ws

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/valyala/fastjson"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/websocket"
)

// appendText appends a text frame.
func appendText(b, text []byte) []byte { return websocket.AppendFrame(b, websocket.OpText, text) }

// maxTopics is the most topics of one frame. How many a connection may have is
// for transports.Limits.
const maxTopics = 1000

// setTopic reads one field of a frame about topics.
func (c *command) setTopic(name string, v *fastjson.Value) error {
	switch name {
	case "topic":
		text, err := v.StringBytes()
		switch {
		case err != nil:
			return invalid(name, "a topic is a string")
		case c.message != nil:
			c.message.Topic = string(text)
			return transports.CheckTopic(c.message.Topic)
		}
		return c.addTopic(string(text))
	case "topics":
		list, err := v.Array()
		if err != nil || len(list) == 0 || len(list) > maxTopics {
			return invalid(name, fmt.Sprintf("topics is a list of 1 to %d topics", maxTopics))
		}
		for _, e := range list {
			text, err := e.StringBytes()
			if err != nil {
				return invalid(name, "a topic is a string")
			}
			if err := c.addTopic(string(text)); err != nil {
				return err
			}
		}
	case "payload", "payload_base64":
		if c.message.Payload != nil {
			return invalid(name, "give one of payload and payload_base64")
		}
		p, err := parsePayload(name, v, c.text)
		c.message.Payload = p
		return err
	case "retain":
		retain, err := v.Bool()
		if err != nil {
			return invalid(name, "retain is true or false")
		}
		c.message.Retain = retain
	}
	return nil
}

func (c *command) addTopic(filter string) error {
	c.topics = append(c.topics, filter)
	return transports.CheckFilter(filter)
}

// parsePayload reads the bytes of a message: those of a string, or the text of
// an object or an array as it stands in the frame, which the parser in use would
// write in another way.
func parsePayload(name string, v *fastjson.Value, frame []byte) ([]byte, error) {
	text, err := v.StringBytes()
	switch {
	case name == "payload" && err == nil:
		return append([]byte{}, text...), nil
	case name == "payload" && (v.Type() == fastjson.TypeObject || v.Type() == fastjson.TypeArray):
		var f struct {
			Payload json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(frame, &f); err != nil {
			return nil, invalid(name, "the payload is no JSON")
		}
		return f.Payload, nil
	case name == "payload":
		return nil, invalid(name, "a payload is a string, an object or an array")
	case err != nil:
		return nil, invalid(name, "payload_base64 is a string")
	}
	b, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, invalid(name, "this is no base64 (RFC 4648 section 4)")
	}
	return b, nil
}

// checkTopic tells whether the fields of a frame about topics fit together.
func (c *command) checkTopic() error {
	switch {
	case c.message != nil && c.message.Topic == "":
		return invalid("topic", "give the topic")
	case c.message != nil && c.message.Payload == nil:
		return invalid("payload", "give the payload; an empty string is one, too")
	case (c.kind == "subscribe" || c.kind == "unsubscribe") && c.topics == nil:
		return invalid("topic", "give a topic, or topics")
	}
	return nil
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

// subscriber returns what hears of topics, which it makes if there is none.
func (s *session) subscriber() *transports.Subscriber {
	if t := s.topics.Load(); t != nil {
		return t
	}
	s.topics.CompareAndSwap(nil, transports.NewSubscriber(&s.kind.sockets.deps, s.socket, s.kind.topics))
	return s.topics.Load()
}

// Drained implements transports.Patient.
func (s *session) Drained(*transports.Socket) {
	if t := s.topics.Load(); t != nil {
		t.Drained()
	}
}

// Left implements transports.Leaver.
func (s *session) Left(*transports.Socket) {
	if t := s.topics.Swap(s.kind.sockets.gone); t != nil {
		t.Leave()
	}
}

// publish gives a message to whoever is subscribed. Its answer comes in
// whichever goroutine has it.
func (s *session) publish(place *slot, c *command) {
	id := c.id
	transports.Publish(&s.kind.sockets.deps, s.socket.Caller(), s.socket.Key(), c.message, func(took int, err *actors.Error) {
		frame := appendPublished(nil, id, took)
		if err != nil {
			frame = appendError(nil, id, err)
		}
		s.answer(place, frame)
	})
}

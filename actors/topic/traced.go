package topic

import (
	"strconv"

	"reddot/actors"
)

// trace tells that a message is published, if somebody traces its topic, or its user.
func (t *Broker) trace(m *actors.TopicMessage) {
	to := t.home.Traces.On()
	if to == nil {
		return
	}
	h := &actors.Happening{What: "topic", App: m.App, At: m.At, User: m.User, Topic: m.Topic}
	if !to.Wants(h) {
		return
	}
	if h.At == 0 {
		h.At = t.home.Now()
	}
	b := strconv.AppendInt([]byte(`,"bytes":`), int64(len(m.Payload)), 10)
	b = strconv.AppendUint(append(b, `,"qos":`...), uint64(m.Qos), 10)
	h.Body = strconv.AppendBool(append(b, `,"retain":`...), m.Retain)
	to.Tell(h)
}

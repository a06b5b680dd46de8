package mqtt

import (
	"errors"
	"slices"
	"strings"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports/mqtt/packet"
	"reddot/transports/websocket"
)

// Deliver implements topic.Subscriber.
func (s *session) Deliver(p *topic.Push, subs []*topic.Subscription) {
	s.do(func() {
		switch {
		case s.phase != phaseLive:
		case s.isPlain(p, subs):
			s.sendShared(p)
		default:
			for _, m := range p.Messages {
				if d, ok := deliveryOf(m, subs); ok && !s.doomed {
					s.deliver(d)
				}
			}
		}
	})
}

// deliveryOf returns a message as some subscriptions bring it; false: they do
// not.
func deliveryOf(m *actors.TopicMessage, subs []*topic.Subscription) (d delivery, ok bool) {
	d.m = m
	for _, n := range subs {
		if !n.Brings(m) {
			continue
		}
		ok = true
		d.qos = max(d.qos, n.QoS)
		d.retain = d.retain || n.AsPublished && m.Retain
		if n.ID != 0 {
			d.ids = append(d.ids, n.ID)
		}
		if strings.HasPrefix(n.Filter, "$share/") {
			d.share = n.Filter
		}
	}
	d.qos = min(d.qos, uint8(m.Qos))
	return d, ok
}

// isPlain tells whether the messages look the same to this client as to very
// many others: at most once, with nothing in them that is its own. The caller
// holds the lock.
func (s *session) isPlain(p *topic.Push, subs []*topic.Subscription) bool {
	n := subs[0]
	if len(subs) > 1 || n.ID != 0 || n.NoLocal || s.limit != 0 || s.aliases != 0 && s.version == packet.V5 {
		return false
	}
	return !slices.ContainsFunc(p.Messages, func(m *actors.TopicMessage) bool {
		return n.QoS > 0 && m.Qos > 0 || n.AsPublished && m.Retain
	})
}

// topicForms are the wire forms of messages with QoS 0, by version.
type topicForms struct{ v311, v5 topic.Form }

func (f *topicForms) of(v packet.Version) topic.Form {
	if v == packet.V5 {
		return f.v5
	}
	return f.v311
}

var (
	plainForms  = topicForms{topic.NewForm(), topic.NewForm()}
	framedForms = topicForms{topic.NewForm(), topic.NewForm()} // within WebSocket
)

// sendShared sends messages as they look to all, in one write. The caller holds
// the lock.
func (s *session) sendShared(p *topic.Push) {
	form := &plainForms
	if s.framed {
		form = &framedForms
	}
	send := s.socket.Send
	frames := p.Frame(form.of(s.version), s.appendShared)
	if topic.Lasts(frames) {
		send = s.socket.SendShared
	}
	n, err := send(frames)
	switch {
	case errors.Is(err, actors.ErrSlow):
		s.server.metrics.dropped.WithLabelValues("slow").Add(float64(len(p.Messages)))
	case err != nil:
		s.end(actors.EndGone)
	default:
		s.slow = s.slow || n > 0
		s.server.metrics.sent.Add(float64(len(p.Messages)))
	}
}

// appendShared appends a message as it looks to all.
func (s *session) appendShared(b []byte, m *actors.TopicMessage) []byte {
	p := packet.Publish{Topic: []byte(m.Topic), Payload: m.Payload}
	if s.version == packet.V5 {
		s.addProperties(&p, &delivery{m: m})
	}
	size := p.Size(s.version)
	if size > packet.MaxSize { // nobody can have it
		return b
	}
	if s.framed {
		b = websocket.AppendHead(b, websocket.OpBinary, size)
	}
	return p.Append(b, s.version)
}

package mqtt

import (
	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports/websocket"
)

// What topics retain comes to a new subscription in pages, the next when the
// client has taken the last: whatever its speed and its window, it gets all, and
// the memory is that of one page.

// A reading is what the topics of a subscription retain, behind one of them.
type reading struct {
	to    *subscription
	after string
}

// readsOn tells whether what the topics retain comes to a session that outlives
// its connection in the end, whatever happens meanwhile.
func (n *subscription) readsOn() bool { return n.Durable && n.general && n.QoS > 0 }

// sendRetained begins to send what the topics of new subscriptions retain. The
// caller holds the lock.
func (s *session) sendRetained(list []*subscription, wanted []bool) {
	for i, n := range list {
		if !wanted[i] {
			continue
		}
		if n.inbox&(1<<topicCounts) != 0 {
			s.later(func() { s.sendCounts(true) })
		}
		if n.general {
			t := s.needTransient()
			t.reads = append(t.reads, reading{to: n})
		}
	}
	s.requestPage()
}

// requestPage asks for the next page, unless the client has not taken the last one.
// The caller holds the lock.
func (s *session) requestPage() {
	t := s.transient
	if t == nil || t.paging > 0 || s.phase != phaseLive || s.slow || s.doomed || s.out != nil && len(s.out.queue) > 0 {
		return
	}
	for len(t.reads) > 0 && *s.to(t.reads[0].to.Filter) != t.reads[0].to {
		t.reads = t.reads[1:] // it was given up, or replaced
	}
	if len(t.reads) == 0 {
		t.reads = nil
		return
	}
	t.paging = 1
	r := t.reads[0]
	s.later(func() {
		s.server.deps.Topics.Retained(s.app(), r.to.Filter, r.after, func(p topic.RetainedPage) { s.retained(r, p) })
	})
}

// retained sends a page.
func (s *session) retained(r reading, p topic.RetainedPage) {
	if p.Err != nil {
		s.server.deps.Log.Warn("what topics retain could not be read", "err", p.Err)
		s.do(func() { s.end(actors.EndFailed) }) // it subscribes again
		return
	}
	s.do(func() {
		t := s.transient
		if s.phase != phaseLive || t == nil || len(t.reads) == 0 || t.reads[0] != r {
			s.paged()
			return
		}
		s.sendPage(r.to, p.Messages)
		if n := len(p.Messages); p.More && n > 0 {
			t.reads[0].after = p.Messages[n-1].Topic
		} else {
			t.reads = t.reads[1:]
			s.readAll(r.to)
		}
		s.paged()
	})
}

// paged says that a part of a page has come in. The caller holds the lock.
func (s *session) paged() {
	if t := s.transient; t != nil && t.paging > 0 {
		t.paging--
		s.requestPage()
	}
}

// readAll notes that a session which outlives its connection has got all that
// topics retain. The caller holds the lock.
func (s *session) readAll(n *subscription) {
	if s.durable != nil && n.readsOn() && *s.to(n.Filter) == n {
		s.note(func(c *actors.SessionChange) { c.Set = append(c.Set, n.stored(false)) }, nil)
	}
}

// sendPage sends messages that topics retain: those with QoS 0 in one write. The
// caller holds the lock.
func (s *session) sendPage(n *subscription, list []*actors.TopicMessage) {
	var frames []byte
	for _, m := range list {
		d := delivery{m: m, qos: min(n.QoS, uint8(m.Qos)), retain: true}
		if n.ID != 0 {
			d.ids = []uint32{n.ID}
		}
		switch {
		case d.qos > 0 && s.durable != nil:
			s.transient.paging++
			s.later(func() { s.queueRetained(n, m) })
		case d.qos > 0:
			s.deliver(d)
		default:
			if b, ok := s.encode(&d, 0, false); ok {
				frames = append(frames, s.framedBytes(b)...)
				s.server.metrics.sent.Inc()
			}
		}
	}
	if len(frames) > 0 && !s.doomed {
		s.wrote(s.socket.Send(frames))
	}
}

// queueRetained lets what a topic retains wait for a session that outlives its
// connection, as every other message does.
func (s *session) queueRetained(n *subscription, m *actors.TopicMessage) {
	r := actors.NewRequest(s.key, &actors.QueueMessage{Message: m, Client: s.client, Filter: n.Filter, Retained: true})
	r.OnReply(func(r *actors.Request) {
		err := r.Answer.Err
		r.Release()
		s.do(func() {
			if err != nil {
				s.end(actors.EndFailed)
			}
			s.paged()
		})
	})
	s.server.deps.Router.Send(r.Key, r)
}

// framedBytes returns a packet as it stands in the stream.
func (s *session) framedBytes(b []byte) []byte {
	if s.framed {
		b = append(websocket.AppendHead(make([]byte, 0, len(b)+10), websocket.OpBinary, len(b)), b...)
	}
	return b
}

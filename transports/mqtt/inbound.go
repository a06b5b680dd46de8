package mqtt

import (
	"slices"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/mqtt/packet"
)

// inbound is what is under way from a client. It is there once it has published
// something.
type inbound struct {
	receipts []*receipt // PUBACKs and PUBRECs that are owed, in the order of their PUBLISHes [MQTT-4.6.0-2] [MQTT-4.6.0-3]
	ids      []received
	aliases  map[uint16]string
}

// A receipt is owed for a PUBLISH.
type receipt struct {
	id     uint16
	qos    packet.QoS
	reason packet.Reason
	done   bool
	why    string // what the client can do about a refusal; empty: nothing more is known
}

// received is a message with QoS 2 that is not released.
type received struct {
	id      uint16
	once    [16]byte
	durable bool // it is written down
	routed  bool // everybody has it
}

func (s *session) incoming() *inbound {
	if s.in == nil {
		s.in = &inbound{}
	}
	return s.in
}

// attributes returns the properties of a PUBLISH or a will that go on to those
// who get it, as they came [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-17].
func attributes(p packet.Properties) []byte {
	var a packet.Properties
	a.AddFrom(p, packet.TopicAlias, packet.MessageExpiryInterval, packet.SubscriptionIdentifier, packet.WillDelayInterval)
	return a.Raw()
}

// handlePublish takes a message from the client.
func (s *session) handlePublish(frame []byte) error {
	var p packet.Publish
	if err := p.Decode(frame, s.version); err != nil {
		return err
	}
	s.server.metrics.received.Inc()
	if err := s.checkPace(1); err != nil {
		return err
	}
	topic, again, err := s.acceptPublish(&p)
	if err != nil || again {
		return err
	}
	if rest, _, ok := transports.OwnTopic(topic, s.user()); ok && rest == readTopic {
		return s.publishRead(&p)
	}
	reason := s.mayPublish(topic)
	if reason == packet.QuotaExceeded && (p.QoS == packet.AtMostOnce || s.version == packet.V311) {
		return refusal(packet.MessageRateTooHigh, "this client's user or key publishes too much") // there are no words for this message alone
	}
	if reason != packet.Success {
		s.server.metrics.refused.Inc()
		switch {
		case p.QoS == packet.AtMostOnce:
		case s.version == packet.V311: // [MQTT-3.3.5-2] of 3.1.1: an acknowledgement would say that it was taken
			return refusal(reason, "a message is refused")
		default:
			s.do(func() { s.refusePublish(&p, reason) })
		}
		return nil
	}
	now := s.server.now()
	m := &actors.TopicMessage{App: s.app(), Topic: topic, Payload: append([]byte(nil), p.Payload...), Qos: uint32(p.QoS), Retain: p.Retain,
		At: now, User: s.user(), Client: s.client}
	if s.version == packet.V5 {
		m.Attributes = attributes(p.Properties)
		if p.Properties.Has(packet.MessageExpiryInterval) {
			m.ExpiresAt = now + int64(p.Properties.Uint(packet.MessageExpiryInterval))*1000
		}
	}
	s.publish(&p, m)
	return nil
}

// acceptPublish finds the topic of a PUBLISH and its place. again says that the
// message has come before, and that what it needs is under way.
func (s *session) acceptPublish(p *packet.Publish) (topic string, again bool, err error) {
	s.do(func() {
		s.incoming()
		if s.version == packet.V5 {
			topic, err = s.resolve(p)
		} else {
			topic = string(p.Topic)
		}
		if err != nil {
			return
		}
		if p.QoS == packet.ExactlyOnce {
			if again = s.repeated(p.ID); again {
				return
			}
		}
		if p.QoS > 0 && s.unacknowledged() >= s.server.cfg.ReceiveMaximum && (s.version == packet.V5 || p.QoS == packet.ExactlyOnce) { // MQTT 5, 3.3.4
			s.server.metrics.limited.WithLabelValues("receive_maximum").Inc()
			err = refusal(packet.ReceiveMaximumExceeded, "more messages are under way than Receive Maximum allows")
		}
	})
	return topic, again, err
}

// unacknowledged returns how many messages of the client are not acknowledged: in 3.1.1 of
// those with QoS 2, which stay until the client releases them. The caller holds
// the lock.
func (s *session) unacknowledged() int {
	n := len(s.in.ids)
	if s.version == packet.V311 {
		return n
	}
	for _, r := range s.in.receipts {
		if r.qos == packet.AtLeastOnce {
			n++
		}
	}
	return n
}

// resolve returns the topic that a PUBLISH means by an alias, and refuses what
// only servers send.
func (s *session) resolve(p *packet.Publish) (string, error) {
	if p.Properties.Has(packet.SubscriptionIdentifier) { // [MQTT-3.3.4-6]
		return "", refusal(packet.ProtocolError, "a client sends no Subscription Identifier in a PUBLISH")
	}
	if !p.Properties.Has(packet.TopicAlias) {
		return string(p.Topic), nil
	}
	n := uint16(p.Properties.Uint(packet.TopicAlias))
	if int(n) > s.server.cfg.AliasesIn { // [MQTT-3.3.2-9]
		return "", refusal(packet.TopicAliasInvalid, "the Topic Alias is above the maximum")
	}
	if len(p.Topic) == 0 {
		topic, ok := s.in.aliases[n]
		if !ok { // MQTT 5, 3.3.2.3.4
			return "", refusal(packet.ProtocolError, "the Topic Alias stands for no topic")
		}
		return topic, nil
	}
	if s.in.aliases == nil {
		s.in.aliases = map[uint16]string{}
	}
	topic := string(p.Topic)
	s.in.aliases[n] = topic
	return topic, nil
}

// mayPublish tells whether the client may publish to the topic, and counts the
// message against what its caller may publish by all of its connections.
func (s *session) mayPublish(topic string) packet.Reason {
	caller := s.socket.Caller()
	switch {
	case !s.server.fits(topic):
		return packet.TopicNameInvalid
	case !caller.MayWrite(s.user(), topic):
		return packet.NotAuthorized
	case s.server.overspends(caller):
		return packet.QuotaExceeded
	}
	return packet.Success
}

// overspends counts one more message of the caller, or tells that there is one too
// many.
func (s *Server) overspends(caller *transports.Principal) bool {
	access := s.access.Load()
	return !access.Dev && access.Gate.Publish(caller, 1) != nil
}

// refusePublish answers a message that is not taken, which only MQTT 5 has words
// for. The caller holds the lock.
func (s *session) refusePublish(p *packet.Publish, reason packet.Reason) {
	r := &receipt{id: p.ID, qos: p.QoS, reason: reason, done: true}
	s.in.receipts = append(s.in.receipts, r)
	s.sendReceipts()
}

// repeated deals with a message with QoS 2 that has come before; false: it has
// not, or is to be published again under its key. The caller holds the lock.
func (s *session) repeated(id uint16) bool {
	for i := range s.in.ids {
		n := &s.in.ids[i]
		if n.id != id {
			continue
		}
		switch {
		case n.routed: // [MQTT-4.3.3-10]
			s.in.receipts = append(s.in.receipts, &receipt{id: id, qos: packet.ExactlyOnce, done: true})
			s.sendReceipts()
		case n.durable && !slices.ContainsFunc(s.in.receipts, func(r *receipt) bool { return r.id == id && r.qos == packet.ExactlyOnce }):
			return false // of another connection, which did not come so far
		}
		return true
	}
	return false
}

// publish gives the message to all who are subscribed, and acknowledges it when
// that is done. No lock may be held.
func (s *session) publish(p *packet.Publish, m *actors.TopicMessage) {
	topics := s.server.deps.Topics
	if p.QoS == packet.AtMostOnce {
		s.afterSubscribes(func() { topics.Publish(m, nil) })
		return
	}
	r := &receipt{id: p.ID, qos: p.QoS}
	route := func() { topics.Publish(m, func(took int, err *actors.Error) { s.published(r, took, err) }) }
	now := true
	s.do(func() {
		s.in.receipts = append(s.in.receipts, r)
		if p.QoS == packet.AtLeastOnce {
			return
		}
		for i := range s.in.ids {
			if n := &s.in.ids[i]; n.id == p.ID { // it comes again, under its key
				m.Once = append([]byte(nil), n.once[:]...)
				return
			}
		}
		n := received{id: p.ID}
		if s.durable != nil {
			n.once, n.durable = actors.NewID(), true
			m.Once = append([]byte(nil), n.once[:]...)
			now = false
			s.note(func(c *actors.SessionChange) {
				c.Forgotten = slices.DeleteFunc(c.Forgotten, func(id uint32) bool { return id == uint32(n.id) })
				c.Received = append(c.Received, &actors.Incoming{Id: uint32(n.id), Once: m.Once})
			}, func() { s.later(route) })
		}
		s.in.ids = append(s.in.ids, n)
	})
	if now {
		s.afterSubscribes(route)
	}
}

// published acknowledges a message that everybody has, or was refused.
func (s *session) published(r *receipt, took int, err *actors.Error) {
	s.do(func() {
		if s.phase != phaseLive {
			return
		}
		switch {
		case err != nil && err.Code == actors.Unavailable:
			// It may or may not be stored: the client repeats it when it
			// comes again.
			s.end(actors.EndFailed)
			return
		case err != nil && s.version == packet.V311: // there are no words for it
			s.server.metrics.refused.Inc()
			s.endWith(reasonOfPublish(err.Code))
			return
		case err != nil:
			r.reason, r.why = reasonOfPublish(err.Code), err.Detail
			s.server.metrics.refused.Inc()
		case took == 0 && s.version == packet.V5 && r.qos == packet.AtLeastOnce:
			r.reason = packet.NoMatchingSubscribers
		}
		if r.qos == packet.ExactlyOnce {
			s.routedOne(r)
		}
		r.done = true
		s.sendReceipts()
	})
}

// routedOne notes what has become of a message with QoS 2.
func (s *session) routedOne(r *receipt) {
	i := slices.IndexFunc(s.in.ids, func(n received) bool { return n.id == r.id })
	if i < 0 {
		return
	}
	n := &s.in.ids[i]
	if !r.reason.Failed() {
		n.routed = true
		if n.durable {
			s.server.routed.add(n.once)
		}
		return
	}
	s.forget(i)
}

// forget takes a message with QoS 2 out of those that are under way.
func (s *session) forget(i int) {
	n := s.in.ids[i]
	if s.in.ids = slices.Delete(s.in.ids, i, i+1); len(s.in.ids) == 0 {
		s.in.ids = nil
	}
	if n.durable {
		s.note(func(c *actors.SessionChange) { c.Forgotten = append(c.Forgotten, uint32(n.id)) }, nil)
	}
}

func reasonOfPublish(c actors.Code) packet.Reason {
	switch c {
	case actors.Invalid:
		return packet.PayloadFormatInvalid
	case actors.Forbidden:
		return packet.NotAuthorized
	case actors.TooLarge, actors.TooMany, actors.Busy:
		return packet.QuotaExceeded
	}
	return packet.UnspecifiedError
}

// sendReceipts sends those whose turn it is. The caller holds the lock.
func (s *session) sendReceipts() {
	in := s.in
	for len(in.receipts) > 0 && in.receipts[0].done {
		r := in.receipts[0]
		in.receipts = in.receipts[1:]
		var ps packet.Properties
		if r.why != "" && s.version == packet.V5 && !s.terse { // [MQTT-3.1.2-29]
			ps.SetString(packet.ReasonString, r.why)
		}
		if r.qos == packet.AtLeastOnce {
			s.write(&packet.Puback{ID: r.id, Reason: r.reason, Properties: ps})
		} else {
			s.write(&packet.Pubrec{ID: r.id, Reason: r.reason, Properties: ps})
		}
	}
	if len(in.receipts) == 0 {
		in.receipts = nil
	}
}

// handlePubrel takes the release of a message with QoS 2.
func (s *session) handlePubrel(frame []byte) error {
	var p packet.Pubrel
	if err := p.Decode(frame, s.version); err != nil {
		return err
	}
	if err := s.checkPace(1); err != nil {
		return err
	}
	s.do(func() {
		in := s.incoming()
		i := slices.IndexFunc(in.ids, func(n received) bool { return n.id == p.ID })
		switch {
		case i < 0 && s.version == packet.V5:
			s.write(&packet.Pubcomp{ID: p.ID, Reason: packet.PacketIDNotFound})
		case i < 0:
			s.write(&packet.Pubcomp{ID: p.ID})
		case !in.ids[i].durable:
			s.forget(i)
			s.write(&packet.Pubcomp{ID: p.ID})
		default:
			s.forget(i)
			s.note(func(*actors.SessionChange) {}, func() { s.write(&packet.Pubcomp{ID: p.ID}) })
		}
	})
	return nil
}

// publishRead marks messages of the user's inbox as read.
func (s *session) publishRead(p *packet.Publish) error {
	mark, fault := parseRead(p.Payload)
	if err := s.socket.Caller().Can(transports.ToMark); err != nil {
		fault = actors.AsError(err)
	}
	r := &receipt{id: p.ID, qos: p.QoS}
	if p.QoS > 0 {
		s.do(func() {
			s.in.receipts = append(s.in.receipts, r)
			if p.QoS == packet.ExactlyOnce {
				s.in.ids = append(s.in.ids, received{id: p.ID})
			}
		})
	}
	done := func(err *actors.Error) {
		if p.QoS == packet.AtMostOnce {
			return
		}
		s.published(r, 1, err)
	}
	if fault != nil {
		if p.QoS == packet.AtMostOnce {
			s.server.metrics.refused.Inc()
		}
		done(fault)
		return nil
	}
	req := actors.NewRequest(s.key, mark)
	req.Once = actors.EdgeOnce(actors.NewID())
	req.OnReply(func(req *actors.Request) {
		err := req.Answer.Err
		req.Release()
		done(err)
	})
	s.server.deps.Router.Send(req.Key, req)
	return nil
}

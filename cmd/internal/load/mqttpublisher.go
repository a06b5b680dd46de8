package load

import (
	"fmt"

	"reddot/cmd/internal/load/http1"
	"reddot/cmd/internal/load/mqtt"
	"reddot/cmd/internal/load/poller"
)

// toTopic publishes to a topic: by HTTP, or by MQTT.
func (p *publisher) toTopic(name int, s stamp) {
	w := p.w
	w.tally.sent++
	p.line = appendBody(p.line[:0], w.b.run, s, w.cfg.BodySize)
	if p.broker != nil {
		w.to = w.appendTopic(w.to[:0], name)
		p.broker.publish(w.to, p.line)
		return
	}
	b := append(append(w.scratch[:0], "POST "...), p.to.Path...)
	p.post(w.appendTopic(append(b, "/v1/topics/"...), name), "text/plain", p.line)
}

// taken notes that a message for a user's topic was accepted.
func (w *worker) taken(r ref, now int64) {
	w.tally.accepted++
	if w.cfg.QoS > 0 || w.cfg.PublishBy == "http" {
		if w.measuring(r.sent) {
			w.answers.Record(now - r.sent)
		}
	}
	if u := &w.users[r.user]; w.b.each {
		u.taken++
		if p := u.at(r.n); p != nil {
			p.answered = true
			u.settle()
		}
	}
}

// reached hears that a message which nobody answers has reached all.
func (p *publisher) reached() {
	if p.op != opTopic {
		return
	}
	p.broker.since = 0
	p.w.done[p.op]++
	p.free()
	p.w.ready(p)
}

// expire ends what was sent before the time.
func (p *publisher) expire(before int64) {
	if p.broker == nil {
		p.caller.Expire(before)
		return
	}
	if m := p.broker; m.since != 0 && m.since < before {
		m.end(http1.ErrTimeout)
	}
}

// An mqttPublisher publishes by MQTT, one message at a time.
type mqttPublisher struct {
	p         *publisher
	link      poller.Link
	framer    mqtt.Framer
	connected bool
	next      []byte // waits for CONNACK
	id        uint16
	since     int64 // when what is under way was sent; 0: nothing is
}

// publish sends a message, connecting first if need be.
func (m *mqttPublisher) publish(topic, payload []byte) {
	w := m.p.w
	m.since = max(1, w.now())
	m.id = max(1, m.id+1)
	packet := mqtt.AppendPublish(w.scratch[:0], topic, payload, w.cfg.QoS, m.id)
	w.scratch = packet
	switch {
	case m.link == nil:
		l, err := w.p.Open(m.p.from, w.b.broker, m)
		if err != nil {
			m.end(err)
			return
		}
		m.link, m.framer, m.connected = l, mqtt.Framer{}, false
		m.next = append(m.next[:0], packet...)
		name := fmt.Sprintf("%s-publisher-%d-%d", w.b.run, w.id, m.p.nth)
		l.Write(mqtt.AppendConnect(nil, name, name, w.cfg.Token, 0, false))
	case !m.connected:
		m.next = append(m.next[:0], packet...)
	default:
		m.send(packet)
	}
}

// send writes a message. One with QoS 0 counts as accepted, and is done as soon
// as it has reached all, or at once where others see to that.
func (m *mqttPublisher) send(packet []byte) {
	m.link.Write(packet)
	w := m.p.w
	if w.cfg.QoS > 0 || m.since == 0 {
		return
	}
	r := m.p.refs[0]
	if m.p.op == opBroadcast {
		w.b.broadcasts.Add(1)
	}
	var waits *pending
	if w.b.each {
		if waits = w.users[r.user].at(r.n); waits != nil && w.users[r.user].conns > 0 {
			waits.by = m.p
		}
	}
	w.taken(r, w.now())
	if waits == nil || waits.by == nil {
		m.done()
	}
}

// done ends what is under way, and goes on.
func (m *mqttPublisher) done() {
	m.since = 0
	m.p.w.done[m.p.op]++
	m.p.free()
	m.p.w.ready(m.p)
}

// Received implements poller.Peer.
func (m *mqttPublisher) Received(b []byte) {
	err := m.framer.Feed(b, func(first byte, body []byte) error {
		if m.link == nil {
			return nil
		}
		return m.packet(first, body)
	})
	if err != nil && m.link != nil {
		m.end(err)
	}
}

func (m *mqttPublisher) packet(first byte, body []byte) error {
	w := m.p.w
	switch first >> 4 {
	case mqtt.Connack:
		if err := mqtt.ParseConnack(body); err != nil {
			return err
		}
		m.connected = true
		m.send(m.next)
	case mqtt.Puback:
		if len(body) < 2 || uint16(body[0])<<8|uint16(body[1]) != m.id || m.since == 0 {
			return fmt.Errorf("%w: a PUBACK of nothing", mqtt.ErrProtocol)
		}
		if m.p.op == opBroadcast {
			w.b.broadcasts.Add(1)
		}
		w.taken(m.p.refs[0], w.now())
		m.done()
	default:
		return fmt.Errorf("%w: a packet of type %d", mqtt.ErrProtocol, first>>4)
	}
	return nil
}

// Closed implements poller.Peer.
func (m *mqttPublisher) Closed(err error) {
	m.link = nil
	m.end(err)
}

// end hangs up, and tells of a failure if a message is under way.
func (m *mqttPublisher) end(err error) {
	if m.link != nil {
		m.link.Shut()
		m.link = nil
	}
	if m.since == 0 {
		return
	}
	m.since = 0
	for _, r := range m.p.refs {
		if late := m.p.w.users[r.user].at(r.n); late != nil {
			late.by = nil
		}
	}
	m.p.Failed(err)
}

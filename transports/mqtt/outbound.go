package mqtt

import (
	"errors"
	"fmt"
	"slices"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/mqtt/packet"
)

// outbound is what is under way to a client. It is there once something was
// sent that the client has to acknowledge, or that waits.
type outbound struct {
	flights  []inflight        // in the order in which they were sent first
	queue    []delivery        // what waits, the oldest first
	size     int               // bytes of payload that are in queue, and of flights that are held
	claim    *transports.Claim // of size; nil: none is counted
	last     uint16            // the packet identifier that was given last
	fetching bool
	aliases  map[string]uint16 // the topics that have one
	fresh    string            // the topic that got one with the last packet
}

// A delivery is a message on its way to the client.
type delivery struct {
	m      *actors.TopicMessage
	seq    uint64   // of the event that holds it; 0: it does not outlive the connection
	ids    []uint32 // subscription identifiers
	share  string   // the filter of the shared subscription that brings it
	qos    uint8
	retain bool
	inbox  bool // it is a message of the user's inbox
	me     bool // the client calls its user me
	counts bool // it says where the counts stand
}

// A inflight is a message that was given a packet identifier.
type inflight struct {
	delivery
	id    uint16
	state inflightState
}

type inflightState uint8

const (
	inflightStored        inflightState = iota // its packet identifier is being written down
	inflightSent                               // PUBACK or PUBREC is to come
	inflightReleasing                          // PUBREC has come, and is being written down
	inflightReleased                           // PUBCOMP is to come
	inflightAgain                              // as flightSent, of another connection: to be sent again
	inflightReleasedAgain                      // likewise
)

// isHeld tells whether it holds its content, which another member of the shared
// subscription may have to take.
func (f *inflight) isHeld() bool { return f.share != "" && f.seq == 0 && f.m != nil }

// charge lets what is held for the client count for its address and its user.
// More than those may have ends the connection, as a full queue does. The caller
// holds the lock.
func (s *session) charge() {
	o := s.out
	if o == nil || o.size == 0 && o.claim == nil || s.doomed {
		return
	}
	if o.claim == nil {
		o.claim = s.socket.Claim()
	}
	if o.claim.Resize(o.size) != nil {
		s.server.metrics.dropped.WithLabelValues("queue_full").Inc()
		s.endWith(packet.QuotaExceeded)
		return
	}
	if o.size == 0 {
		o.drop()
	}
}

// drop ends what is counted.
func (o *outbound) drop() {
	if o != nil {
		o.claim.Close()
		o.claim = nil
	}
}

func (s *session) outgoing() *outbound {
	if s.out == nil {
		s.out = &outbound{}
	}
	return s.out
}

// fill gives the deliveries of an event their content.
func (o *outbound) fill(seq uint64, m *actors.TopicMessage) {
	for i := range o.flights {
		if f := &o.flights[i]; f.seq == seq && f.m == nil {
			f.m = m
		}
	}
	for i := range o.queue {
		if d := &o.queue[i]; d.seq == seq && d.m == nil {
			d.m = m
		}
	}
}

// Is implements topic.Subscriber.
func (s *session) Is(user, client string) bool { return s.client == client && s.user() == user }

// deliver sends a message, or lets it wait. The caller holds the lock.
func (s *session) deliver(d delivery) {
	if d.qos == 0 {
		s.sendOnce(d)
		return
	}
	o := s.outgoing()
	if d.counts {
		for i := range o.queue {
			if q := &o.queue[i]; q.counts { // overtaken
				o.size += len(d.m.Payload) - len(q.m.Payload)
				q.m = d.m
				return
			}
		}
	}
	if len(o.queue) >= s.server.cfg.QueueMessages || o.size+len(d.m.Payload) > s.server.cfg.QueueBytes {
		s.server.metrics.dropped.WithLabelValues("queue_full").Inc()
		s.endWith(packet.QuotaExceeded)
		return
	}
	o.queue = append(o.queue, d)
	o.size += len(d.m.Payload)
	s.sendWaiting()
	s.charge()
}

// sendOnce sends a message with QoS 0, which a client that reads too slowly
// does not get.
func (s *session) sendOnce(d delivery) {
	b, ok := s.encode(&d, 0, false)
	if !ok {
		return
	}
	n, err := s.sendBytes(b)
	switch {
	case errors.Is(err, actors.ErrSlow):
		s.server.metrics.dropped.WithLabelValues("slow").Inc()
		if s.out != nil {
			delete(s.out.aliases, s.out.fresh) // the client has not heard of it
		}
	case err != nil:
		s.end(actors.EndGone)
	default:
		s.slow = s.slow || n > 0
		s.server.metrics.sent.Inc()
	}
}

// sendWaiting sends what waits, as far as the client takes it, and then what
// topics retain. The caller holds the lock.
func (s *session) sendWaiting() {
	s.sendQueued()
	s.requestPage()
}

func (s *session) sendQueued() {
	o := s.out
	if o == nil || s.phase != phaseLive || s.slow || s.doomed || !s.sendAgain() {
		return
	}
	for len(o.queue) > 0 && len(o.flights) < int(s.window) && !s.slow && !s.doomed {
		d := o.queue[0]
		if d.m == nil {
			break
		}
		o.queue = slices.Delete(o.queue, 0, 1)
		if d.seq == 0 {
			o.size -= len(d.m.Payload)
		}
		if !s.wanted(&d) {
			continue
		}
		if d.share != "" && d.seq == 0 {
			o.size += len(d.m.Payload) // until the client has it
		}
		s.sendInflight(d)
	}
	s.charge()
	if len(o.queue) == 0 {
		o.queue = nil
	}
	if len(o.queue) > 0 && o.queue[0].m == nil && len(o.flights) < int(s.window) {
		s.fetch()
	}
}

// wanted tells whether a message that has waited is still to be sent. One that
// is not is forgotten.
func (s *session) wanted(d *delivery) bool {
	why := ""
	switch {
	case d.m == goneMessage:
		why = "gone"
	case s.expired(d.m):
		why = "expired"
	case !d.inbox && d.seq != 0 && !s.socket.Caller().MayRead(s.user(), d.m.Topic):
		why = "forbidden"
	default:
		return true
	}
	s.server.metrics.dropped.WithLabelValues(why).Inc()
	if d.seq != 0 {
		seq := d.seq
		s.note(func(c *actors.SessionChange) { c.Dropped = append(c.Dropped, seq) }, nil)
	}
	return false
}

func (s *session) expired(m *actors.TopicMessage) bool {
	return m.ExpiresAt > 0 && m.ExpiresAt <= s.server.now()
}

// sendInflight gives a message its packet identifier and sends it; one that outlives
// the connection with QoS 2 not before that is written down. One with QoS 1 does not
// wait for the store, so after a crash, or to a connection that takes the session over
// just then, it comes again as if it were new: without DUP, by another identifier.
func (s *session) sendInflight(d delivery) {
	o := s.out
	f := inflight{delivery: d, id: o.nextID(), state: inflightSent}
	if d.seq == 0 || s.durable == nil {
		o.flights = append(o.flights, f)
		s.transmit(f.id, false)
		return
	}
	sent := &actors.Outgoing{Id: uint32(f.id), Seq: d.seq, Qos: uint32(d.qos), Inbox: d.inbox}
	if d.qos == 1 {
		o.flights = append(o.flights, f)
		s.note(func(c *actors.SessionChange) { c.Sent = append(c.Sent, sent) }, nil)
		s.transmit(f.id, false)
		return
	}
	f.state = inflightStored
	o.flights = append(o.flights, f)
	s.note(func(c *actors.SessionChange) { c.Sent = append(c.Sent, sent) }, func() {
		if f := s.inflight(sent.Id); f != nil && f.state == inflightStored {
			f.state = inflightSent
			s.transmit(f.id, false)
		}
	})
}

// nextID returns a packet identifier that is free.
func (o *outbound) nextID() uint16 {
	for {
		if o.last++; o.last != 0 && !slices.ContainsFunc(o.flights, func(f inflight) bool { return f.id == o.last }) {
			return o.last
		}
	}
}

func (s *session) inflight(id uint32) *inflight {
	if s.out == nil {
		return nil
	}
	for i := range s.out.flights {
		if f := &s.out.flights[i]; uint32(f.id) == id {
			return f
		}
	}
	return nil
}

// transmit sends an inflight message. One that is too large for the client
// counts as sent and acknowledged [MQTT-3.1.2-25].
func (s *session) transmit(id uint16, again bool) {
	f := s.inflight(uint32(id))
	b, ok := s.encode(&f.delivery, id, again)
	if !ok {
		s.server.metrics.dropped.WithLabelValues("too_large").Inc()
		s.forgetInflight(id)
		return
	}
	s.server.metrics.sent.Inc()
	s.writeBytes(b)
	if f.share == "" || f.seq != 0 {
		f.m = nil // another connection fetches it, or there is none
	}
}

// sendAgain sends what an earlier connection did not see acknowledged, in its
// order [MQTT-4.6.0-1]. It returns false while something of it is to come.
func (s *session) sendAgain() bool {
	o := s.out
	for !s.slow && !s.doomed {
		i := slices.IndexFunc(o.flights, func(f inflight) bool { return f.state >= inflightAgain })
		if i < 0 {
			return true
		}
		switch f := &o.flights[i]; {
		case f.state == inflightReleasedAgain:
			f.state = inflightReleased
			s.write(&packet.Pubrel{ID: f.id})
		case f.m == nil:
			s.fetch()
			return false
		case f.m != goneMessage && !s.expired(f.m):
			f.state = inflightSent
			s.transmit(f.id, true)
		case f.qos == 1:
			s.forgetInflight(f.id)
		default: // the client may have it and wait for its release
			s.release(f)
		}
	}
	return false
}

// forgetInflight forgets an inflight message that has come to its end.
func (s *session) forgetInflight(id uint16) {
	o := s.out
	i := slices.IndexFunc(o.flights, func(f inflight) bool { return f.id == id })
	if i < 0 {
		return
	}
	seq := o.flights[i].seq
	if o.flights[i].isHeld() {
		o.size -= len(o.flights[i].m.Payload)
	}
	if o.flights = slices.Delete(o.flights, i, i+1); len(o.flights) == 0 {
		o.flights = nil
	}
	if seq != 0 && s.durable != nil {
		s.note(func(c *actors.SessionChange) { c.Done = append(c.Done, uint32(id)) }, nil)
	}
}

// release sends PUBREL, once it is written down that PUBREC has come.
func (s *session) release(f *inflight) {
	id := f.id
	if f.seq == 0 || s.durable == nil {
		if f.isHeld() {
			s.out.size -= len(f.m.Payload)
		}
		f.state, f.m = inflightReleased, nil
		s.write(&packet.Pubrel{ID: id})
		return
	}
	f.state, f.m = inflightReleasing, nil
	s.note(func(c *actors.SessionChange) { c.Released = append(c.Released, uint32(id)) }, func() {
		if f := s.inflight(uint32(id)); f != nil && f.state == inflightReleasing {
			f.state = inflightReleased
			s.write(&packet.Pubrel{ID: id})
		}
	})
}

// handleAck takes the client's acknowledgements.
func (s *session) handleAck(frame []byte) error {
	var id uint16
	var reason packet.Reason
	t := packet.Type(frame[0] >> 4)
	p, err := packet.Decode(frame, s.version)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packet.Puback:
		id, reason = p.ID, p.Reason
	case *packet.Pubrec:
		id, reason = p.ID, p.Reason
	case *packet.Pubcomp:
		id = p.ID
	}
	wrong, unknown := false, false
	s.do(func() {
		f := s.inflight(uint32(id))
		unknown = f == nil
		switch {
		case f == nil && t == packet.TypePubrec: // [MQTT-4.13.1-1]: it is told that nothing is known of it
			s.write(&packet.Pubrel{ID: id, Reason: packet.PacketIDNotFound})
		case f == nil:
		case t == packet.TypePuback && f.qos == 1 && f.state == inflightSent,
			t == packet.TypePubcomp && f.qos == 2 && f.state == inflightReleased,
			t == packet.TypePubrec && f.qos == 2 && f.state == inflightSent && reason.Failed():
			s.forgetInflight(id)
		case t == packet.TypePubrec && f.qos == 2 && f.state == inflightSent:
			s.release(f)
		case t == packet.TypePubrec && f.qos == 2 && f.state == inflightReleased:
			s.write(&packet.Pubrel{ID: id})
		case t == packet.TypePubrec && f.qos == 2 && f.state == inflightReleasing: // it comes again; PUBREL is under way
		default:
			wrong = true
		}
		s.sendWaiting()
	})
	if unknown {
		if err := s.checkPace(1); err != nil {
			return err
		}
	}
	if wrong {
		return refusal(packet.ProtocolError, fmt.Sprintf("%v does not answer what was sent", t))
	}
	return nil
}

// encode returns the PUBLISH of a delivery; false: the client does not take one
// that is so large.
func (s *session) encode(d *delivery, id uint16, dup bool) ([]byte, bool) {
	p := packet.Publish{Dup: dup, QoS: packet.QoS(d.qos), Retain: d.retain, ID: id, Topic: []byte(s.topicOf(d)), Payload: d.m.Payload}
	alias := uint16(0)
	if s.version == packet.V5 {
		s.addProperties(&p, d)
		alias = s.alias(&p)
	}
	if p.Size(s.version) > min(s.packetLimit(), packet.MaxSize) {
		return nil, false
	}
	if s.out != nil {
		s.out.fresh = ""
	}
	if alias != 0 {
		s.out.fresh = string(p.Topic)
		s.out.aliases[s.out.fresh] = alias
	}
	return p.Append(nil, s.version), true
}

// topicOf returns the topic as the client's filter names it.
func (s *session) topicOf(d *delivery) string {
	if d.inbox || d.me || d.counts {
		return s.ownTopic(d)
	}
	return d.m.Topic
}

// addProperties adds what a PUBLISH tells in MQTT 5.
func (s *session) addProperties(p *packet.Publish, d *delivery) {
	if d.inbox {
		p.Properties.AddUser([]byte("cursor"), d.m.Attributes)
	} else {
		p.Properties.AddFrom(packet.PropertiesOf(d.m.Attributes))
	}
	if d.m.ExpiresAt > 0 { // [MQTT-3.3.2-6]
		left := (d.m.ExpiresAt - s.server.now() + 999) / 1000
		p.Properties.SetUint(packet.MessageExpiryInterval, uint32(max(left, 0)))
	}
	for _, id := range d.ids { // [MQTT-3.3.4-3]
		p.Properties.AddSubscriptionID(id)
	}
}

// alias lets an alias stand for the topic, if the client takes any. It returns
// one that is new, and to be remembered when the packet is sent.
func (s *session) alias(p *packet.Publish) uint16 {
	if s.aliases == 0 || s.version != packet.V5 {
		return 0
	}
	o := s.outgoing()
	if n := o.aliases[string(p.Topic)]; n != 0 {
		p.Properties.SetUint(packet.TopicAlias, uint32(n))
		p.Topic = nil
		return 0
	}
	if len(o.aliases) >= int(s.aliases) {
		return 0
	}
	if o.aliases == nil {
		o.aliases = map[string]uint16{}
	}
	n := uint16(len(o.aliases) + 1)
	p.Properties.SetUint(packet.TopicAlias, uint32(n))
	return n
}

// sharedUnsent returns what came by shared subscriptions and the client has not
// acknowledged, of a session that ends: others may take it (MQTT 5, 4.8.2).
func (s *session) sharedUnsent() []delivery {
	if s.out == nil || s.durable != nil {
		return nil
	}
	var list []delivery
	for i := range s.out.flights {
		if f := &s.out.flights[i]; f.share != "" && f.m != nil && f.state == inflightSent {
			list = append(list, f.delivery)
		}
	}
	for i := range s.out.queue {
		if s.out.queue[i].share != "" {
			list = append(list, s.out.queue[i])
		}
	}
	return list
}

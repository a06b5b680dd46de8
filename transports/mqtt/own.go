package mqtt

import (
	"reddot/actors"
	"reddot/transports"
)

// The topics of the user's own inbox, as they stand in transports.InboxTopics.
const (
	topicMessages = iota
	topicCounts
	topicEvents
	numInboxTopics
)

// readTopic is where a client publishes what was read.
const readTopic = "read"

// inboxOf returns which topics of the user's inbox a filter matches, as bits,
// and whether it names the user by me.
func inboxOf(filter, user string) (mask uint8, me bool) {
	rest, me, ok := transports.OwnTopic(filter, user)
	if !ok || rest == "" {
		return 0, false
	}
	for i, name := range transports.InboxTopics {
		if actors.MatchTopic(rest, name) {
			mask |= 1 << i
		}
	}
	return mask, me
}

// ownSubscription is a subscription to one of them by its own name, which is
// what nearly all clients have: one byte. Those with an identifier stand among
// the others.
type ownSubscription uint8

// What an ownSubscription holds: the QoS in the low bits, and these.
const (
	ownThere = 1 << 7
	ownMe    = 1 << 6 // by users/me/
	ownQoS   = ownMe - 1
)

func newOwn(qos uint8, me bool) ownSubscription {
	if me {
		qos |= ownMe
	}
	return ownSubscription(qos | ownThere)
}

func (o ownSubscription) there() bool { return o&ownThere != 0 }
func (o ownSubscription) me() bool    { return o&ownMe != 0 }
func (o ownSubscription) qos() uint8  { return uint8(o & ownQoS) }

// Translate implements streams.Translator: an event of the user becomes what
// the session subscribes to. It is called with the Conn's lock held.
func (s *session) Translate(frames []byte) []byte {
	s.doElsewhere(func() {
		for s.phase == phaseLive && !s.doomed {
			e, rest, ok := cutEvent(frames)
			if !ok {
				break
			}
			s.tell(&e)
			frames = rest
		}
	})
	return nil
}

// tell sends what an event means to the client.
func (s *session) tell(e *event) {
	if len(e.message) > 0 {
		s.tellOwn(topicMessages, e.message, e.cursor)
	}
	s.tellOwn(topicEvents, e.json, e.cursor)
	s.tellOwn(topicCounts, e.counts, e.cursor)
}

// tellOwn publishes to one topic of the inbox.
func (s *session) tellOwn(topic int, payload, cursor []byte) {
	d, ok := s.subscribed(topic)
	if !ok || topic == topicMessages && d.qos > 0 && s.durable != nil {
		return // it comes by the session
	}
	d.m = &actors.TopicMessage{Topic: transports.InboxTopics[topic], Payload: append([]byte(nil), payload...), Attributes: append([]byte(nil), cursor...)}
	d.counts = topic == topicCounts
	s.deliver(d)
}

// subscribed returns how the session subscribes to a topic of the inbox.
func (s *session) subscribed(topic int) (d delivery, ok bool) {
	d = delivery{inbox: true, me: true}
	add := func(qos uint8, id uint32, me bool) {
		d.qos, ok = max(d.qos, qos), true
		d.me = d.me && me
		if id != 0 {
			d.ids = append(d.ids, id)
		}
	}
	if o := s.own[topic]; o.there() {
		add(o.qos(), 0, o.me())
	}
	for n := range s.subs.all() {
		if n.inbox&(1<<topic) != 0 {
			add(n.QoS, n.ID, n.me)
		}
	}
	return d, ok
}

// covers tells whether the session subscribes to a topic of the inbox.
func (s *session) covers(topic int) bool {
	_, ok := s.subscribed(topic)
	return ok
}

// ownTopic returns the name of a topic of the inbox as the client knows it.
func (s *session) ownTopic(d *delivery) string {
	user := s.user()
	name := d.m.Topic
	if d.seq != 0 { // a message, which has its topic from the user's actor
		name = transports.InboxTopics[topicMessages]
		if now, ok := s.subscribed(topicMessages); ok {
			d.me = now.me
		}
	}
	if d.me {
		user = transports.Me
	}
	return transports.UsersTopics + user + "/" + name
}

// sendCounts sends where the counts stand: retained says that it is for a new
// subscription. No lock may be held.
func (s *session) sendCounts(retained bool) {
	r := actors.NewRequest(s.key, &actors.Counts{})
	r.OnReply(func(r *actors.Request) {
		if r.Answer.Err != nil {
			return // the next change tells them
		}
		s.do(func() {
			d, ok := s.subscribed(topicCounts)
			if !ok || s.phase != phaseLive {
				return
			}
			d.m = &actors.TopicMessage{Topic: transports.InboxTopics[topicCounts], Payload: append([]byte(nil), r.Answer.Counts...),
				Attributes: r.Answer.Cursor.Append(nil)}
			d.counts, d.retain = true, retained
			s.deliver(d)
		})
		r.Release()
	})
	s.server.deps.Router.Send(s.key, r)
}

// parseRead reads what a client publishes to users/{user}/read, as POST …/read
// has it.
func parseRead(payload []byte) (*actors.Mark, *actors.Error) {
	var r transports.FieldReader
	m := &actors.Mark{To: actors.MarkRead}
	if err := r.Mark(payload, m, transports.MarkMany); err != nil {
		return nil, actors.AsError(err)
	}
	return m, nil
}

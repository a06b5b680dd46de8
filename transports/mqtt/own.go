package mqtt

import (
	"github.com/valyala/fastjson"

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

// Translate implements transports.Translator: an event of the user becomes what
// the session subscribes to. It is called with the Conn's lock held.
func (s *session) Translate(frames []byte) []byte {
	s.beside(func() {
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

// maxReadIDs is the most messages that one PUBLISH marks as read.
const maxReadIDs = 1000

// parseRead reads what a client publishes to users/{user}/read: an object with
// one of ids, up_to and all, and perhaps a category, as POST …/read has it.
func parseRead(payload []byte) (*actors.Mark, *actors.Error) {
	bad := func(field, detail string) *actors.Error {
		return &actors.Error{Code: actors.Invalid, Field: field, Detail: detail}
	}
	var p fastjson.Parser
	v, err := p.ParseBytes(payload)
	if err != nil || v.Type() != fastjson.TypeObject {
		return nil, bad("", `the payload is a JSON object, as {"ids":[…]}, {"up_to":"…"} or {"all":true}`)
	}
	m := &actors.Mark{To: actors.MarkRead}
	targets := 0
	var fault *actors.Error
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "ids":
			targets++
			list, err := v.Array()
			if err != nil || len(list) == 0 || len(list) > maxReadIDs {
				fault = bad("ids", "ids is a list of 1 to 1000 message ids")
				return
			}
			for _, e := range list {
				id, err := actors.ParseID(string(e.GetStringBytes()))
				if err != nil {
					fault = bad("ids", "this is no message id")
					return
				}
				m.IDs = append(m.IDs, id)
			}
		case "up_to":
			targets++
			if m.UpTo, err = transports.ParseAfter(v.GetStringBytes()); err != nil || m.UpTo == nil {
				fault = bad("up_to", "this is no cursor")
			}
		case "all":
			targets++
			if v.Type() != fastjson.TypeTrue {
				fault = bad("all", "all is true, or left out")
			}
		case "category":
			if m.Category = string(v.GetStringBytes()); m.Category == "" {
				fault = bad("category", "a category is a string that is not empty")
			}
		default:
			fault = bad("", "there is a member that nobody knows")
		}
	})
	if fault == nil && targets != 1 {
		fault = bad("", "give one of ids, up_to and all")
	}
	return m, fault
}

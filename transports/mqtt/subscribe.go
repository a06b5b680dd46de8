package mqtt

import (
	"iter"
	"slices"
	"strings"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports"
	"reddot/transports/mqtt/packet"
)

// A subscription is one filter of a session, but for those to the topics of the
// inbox by their own names (ownSubscription).
type subscription struct {
	topic.Subscription
	inbox   uint8 // which topics of the inbox it matches, as bits
	me      bool  // it calls the user me
	general bool  // it stands in the tree of topics
	next    *subscription
}

// all are the subscriptions from the first on.
func (n *subscription) all() iter.Seq[*subscription] {
	return func(yield func(*subscription) bool) {
		for at := n; at != nil && yield(at); at = at.next {
		}
	}
}

// to returns the place of the subscription with the filter in the list, or
// that of the end.
func (s *session) to(filter string) **subscription {
	at := &s.subs
	for *at != nil && (*at).Filter != filter {
		at = &(*at).next
	}
	return at
}

// exactly returns which topic of the inbox a filter is; false: none.
func exactly(filter, user string) (topic int, me, ok bool) {
	rest, me, ok := transports.OwnTopic(filter, user)
	if !ok {
		return 0, false, false
	}
	topic = slices.Index(transports.InboxTopics[:], rest)
	return topic, me, topic >= 0
}

// restored returns a subscription as it was written down.
func (s *session) restored(n *actors.Subscription) *subscription {
	one := &subscription{Subscription: topic.Subscription{Filter: n.Filter, ID: n.Id, QoS: uint8(n.Qos),
		NoLocal: n.NoLocal, AsPublished: n.AsPublished, Durable: s.durable != nil, Subscriber: s}}
	_, filter, shared := actors.SplitShare(n.Filter)
	if !shared {
		one.inbox, one.me = inboxOf(filter, s.user())
	}
	_, _, exact := exactly(filter, s.user())
	one.general = shared || !exact
	return one
}

// stored returns the subscription as it is written down. reads says that what its
// topics retain is still to be sent.
func (n *subscription) stored(reads bool) *actors.Subscription {
	return &actors.Subscription{Filter: n.Filter, Qos: uint32(n.QoS), NoLocal: n.NoLocal, AsPublished: n.AsPublished, Id: n.ID,
		Inbox: n.inbox&(1<<topicMessages) != 0, Reads: reads}
}

// activate puts a subscription in the place of the one with its filter, and
// tells whether there was one. The caller holds the lock.
func (s *session) activate(one *subscription) (existed bool) {
	existed = s.drop(one.Filter, true)
	if topic, me, ok := exactly(one.Filter, s.user()); ok && one.ID == 0 && !s.own[topic].there() {
		s.own[topic] = newOwn(one.QoS, me)
		return existed
	}
	*s.to(one.Filter) = one
	if one.general {
		user := actors.Key("")
		if s.durable != nil {
			user = s.key
		}
		s.server.deps.Topics.Subscribe(s.app(), &one.Subscription, user, s.client)
	}
	return existed
}

// drop takes the subscription with the filter away; false: there is none.
// replaced says that another takes its place.
func (s *session) drop(filter string, replaced bool) bool {
	if topic, me, ok := exactly(filter, s.user()); ok && s.own[topic].there() && s.own[topic].me() == me {
		s.own[topic] = 0
		return true
	}
	at := s.to(filter)
	n := *at
	if n == nil {
		return false
	}
	if n.general {
		s.server.deps.Topics.Unsubscribe(s.app(), &n.Subscription, replaced && s.durable != nil)
	}
	*at = n.next
	return true
}

func (s *session) has(filter string) bool {
	if topic, me, ok := exactly(filter, s.user()); ok && s.own[topic].there() && s.own[topic].me() == me {
		return true
	}
	return *s.to(filter) != nil
}

// count returns how many subscriptions the session has.
func (s *session) count() int {
	n := 0
	for range s.subs.all() {
		n++
	}
	for _, o := range s.own {
		if o.there() {
			n++
		}
	}
	return n
}

// announceFilters lets other nodes know which filters sessions of this one have now.
// When they do, then is called, with the lock held; it may be nil. The caller
// holds it.
func (s *session) announceFilters(then func()) {
	topics := s.server.deps.Topics
	if then == nil {
		s.later(func() { topics.Announce(nil) })
		return
	}
	s.later(func() {
		topics.Announce(func() {
			s.do(func() {
				if s.phase == phaseLive {
					then()
				}
			})
		})
	})
}

// handleSubscribe takes subscriptions.
func (s *session) handleSubscribe(p *packet.Subscribe) error {
	ack := &packet.Suback{ID: p.ID}
	var list []*subscription
	var retained []bool
	id := uint32(0)
	if s.version == packet.V5 {
		id = p.Properties.Uint(packet.SubscriptionIdentifier)
	}
	s.do(func() {
		room := s.server.cfg.Subscriptions - s.count()
		for i := range p.Subscriptions {
			n := &p.Subscriptions[i]
			filter := string(n.Filter)
			code := s.mayTake(filter, &room)
			ack.Reasons = append(ack.Reasons, code)
			if code.Failed() {
				continue
			}
			ack.Reasons[i] = packet.Reason(n.QoS) // the codes of the grants are the QoS
			one := s.restored(&actors.Subscription{Filter: filter, Qos: uint32(n.QoS), NoLocal: n.NoLocal, AsPublished: n.RetainAsPublished, Id: id})
			list = append(list, one)
			_, _, shared := actors.SplitShare(filter)
			known := s.has(filter) || slices.ContainsFunc(list[:len(list)-1], func(o *subscription) bool { return o.Filter == filter })
			retained = append(retained, !shared && (n.RetainHandling == packet.SendRetained || n.RetainHandling == packet.SendRetainedIfNew && !known))
		}
		effect := func() {
			for _, one := range list {
				s.activate(one)
			}
			if !slices.ContainsFunc(list, func(one *subscription) bool { return one.general }) {
				s.write(ack)
				s.sendRetained(list, retained)
				return
			}
			s.announceFilters(func() { // not before the whole cluster knows
				s.write(ack)
				s.sendRetained(list, retained)
			})
		}
		if s.durable == nil || len(list) == 0 {
			effect()
			return
		}
		s.durable.ahead++
		s.note(func(c *actors.SessionChange) {
			for i, n := range list {
				c.Set = append(c.Set, n.stored(retained[i] && n.readsOn()))
				c.Unset = slices.DeleteFunc(c.Unset, func(f string) bool { return f == n.Filter })
			}
		}, func() {
			s.durable.ahead--
			effect()
		})
	})
	return nil
}

// mayTake tells whether the session may have a subscription. The caller holds
// the lock.
func (s *session) mayTake(filter string, room *int) packet.Reason {
	_, rest, _ := actors.SplitShare(filter)
	switch {
	case slices.Contains(s.server.cfg.RefusedFilters, filter):
		return packet.UnspecifiedError
	case len(filter) > s.server.cfg.FilterBytes || strings.Count(rest, "/") >= s.server.cfg.FilterLevels:
		return packet.TopicFilterInvalid
	case !s.socket.Caller().MayRead(s.user(), rest):
		return packet.NotAuthorized
	case s.has(filter):
	case *room <= 0:
		return packet.QuotaExceeded
	default:
		*room--
	}
	return packet.Success
}

// handleUnsubscribe ends subscriptions.
func (s *session) handleUnsubscribe(p *packet.Unsubscribe) error {
	ack := &packet.Unsuback{ID: p.ID}
	var gone []string
	s.do(func() {
		for _, f := range p.Filters {
			filter := string(f)
			code := packet.NoSubscriptionExisted
			if s.drop(filter, false) {
				code, gone = packet.Success, append(gone, filter)
			}
			ack.Reasons = append(ack.Reasons, code)
		}
		if len(gone) > 0 {
			s.announceFilters(nil)
		}
		if s.durable == nil || len(gone) == 0 {
			s.write(ack)
			return
		}
		s.note(func(c *actors.SessionChange) {
			c.Unset = append(c.Unset, gone...)
			c.Set = slices.DeleteFunc(c.Set, func(n *actors.Subscription) bool { return slices.Contains(gone, n.Filter) })
		}, func() { s.write(ack) })
	})
	return nil
}

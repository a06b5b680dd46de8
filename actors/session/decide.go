package session

import (
	"slices"
	"time"

	"reddot/actors"
)

// Open decides about a connection that takes a session or makes one. A session that
// ends with its connection leaves no trace here; nil: nothing changes. crowded says
// that the app has no room for another one; origin is the store's history. wills are
// those of the connections before, to be published. One whose connection is there
// still waits for as long as grace, since its client may say goodbye.
func (s *Set) Open(c *actors.OpenSession, t actors.Moment, l *actors.Limits, crowded bool, grace time.Duration, origin uint64) (change *actors.SessionChange, wills []*actors.Will, err *actors.Error) {
	old := s.Find(c.Client)
	change = &actors.SessionChange{Client: c.Client}
	if old != nil && old.Will != nil && !old.Publishing && (c.Clean || old.WillAt == 0 && old.Will.Delay == 0) {
		// The session ends, or a connection is taken over whose will does not
		// wait [MQTT-3.1.3-9].
		if change.Yields = old.ClosedAt == 0; change.Yields {
			change.WillAt = t.Now + grace.Milliseconds()
		} else {
			wills = append(wills, old.Will)
		}
	}
	change.Ended = old != nil && c.Clean
	if c.Expiry > 0 || old != nil && !c.Clean {
		switch {
		case old == nil && len(s.List) >= l.Sessions:
			return nil, nil, actors.Errorf(actors.TooMany, "a user has at most %d sessions that outlive their connections", l.Sessions)
		case old == nil && crowded:
			return nil, nil, actors.Errorf(actors.TooMany, "an app has at most about %d sessions that outlive their connections", l.SessionsOfApp)
		}
		change.Opened, change.Expiry, change.Will, change.Origin = true, c.Expiry, c.Will, origin
	}
	if !change.Ended && !change.Opened {
		change = nil
	}
	return change, wills, nil
}

// Close decides about a session whose connection has ended.
func (t *Session) Close(c *actors.CloseSession, now actors.Moment) *actors.SessionChange {
	change := &actors.SessionChange{Client: t.Client, Closed: true, Expiry: t.expiry}
	if c.Expiry != nil {
		change.Expiry = *c.Expiry
	}
	if t.Will != nil && !c.Orderly {
		change.WillAt = now.Now + min(int64(t.Will.Delay)*1000, change.Expiry)
	}
	return change
}

// Queue decides for which sessions a topic's message waits. crowded says that all
// those of the app have no room for it; left is how many have none.
func (s *Set) Queue(c *actors.QueueMessage, user string, l *actors.Limits, crowded bool) (queue []*actors.Queueing, left int) {
	full := crowded || s.full(len(c.Message.Payload), l)
	for _, t := range s.List {
		w, ok := t.takes(c, user)
		switch {
		case !ok:
		case full || !t.hasRoom(len(c.Message.Payload), l):
			left++
		default:
			queue = append(queue, &actors.Queueing{Client: t.Client, Waiting: w.Stored()})
		}
	}
	return queue, left
}

// takes tells how a session takes a topic's message: with QoS 1 or 2, or not.
func (t *Session) takes(c *actors.QueueMessage, user string) (queued, bool) {
	m := c.Message
	w := queued{size: uint32(len(m.Payload)), expires: m.ExpiresAt}
	for i := range t.subs {
		n := &t.subs[i]
		_, filter, shared := actors.SplitShare(n.filter)
		switch {
		case c.Client != "" && (c.Client != t.Client || c.Filter != n.filter):
			continue
		case c.Client == "" && shared:
			continue
		case !c.Retained && n.noLocal && m.Client == t.Client && m.User == user:
			continue
		case !actors.MatchTopic(filter, m.Topic):
			continue
		}
		if shared {
			w.share = n.filter
		}
		w.retain = w.retain || m.Retain && (n.asPublished || c.Retained)
		w.add(n)
	}
	w.qos = min(w.qos, uint8(m.Qos))
	return w, w.qos > 0
}

// hasRoom tells whether one more message of size bytes may wait.
func (t *Session) hasRoom(size int, l *actors.Limits) bool {
	if len(t.queue) >= l.SessionMessages {
		return false
	}
	for i := range t.queue {
		size += int(t.queue[i].size)
	}
	return size <= l.SessionBytes
}

// full tells whether all sessions together have no room for size more bytes.
func (s *Set) full(size int, l *actors.Limits) bool {
	if len(s.List)*l.SessionBytes <= l.SessionsBytes {
		return false // none can be fuller than it may
	}
	return size+s.Size() > l.SessionsBytes
}

// Size returns how many bytes wait for all sessions, besides those of the inbox.
func (s *Set) Size() int {
	size := 0
	for _, t := range s.List {
		for i := range t.queue {
			if w := &t.queue[i]; !w.Inbox {
				size += int(w.size)
			}
		}
	}
	return size
}

// Over tells whether the session's time is over.
func (t *Session) Over(now actors.Moment) bool {
	return t.ClosedAt != 0 && t.WillAt == 0 && now.Now >= t.ClosedAt+t.expiry
}

// Expire decides which sessions end since their time is over.
func (s *Set) Expire(t actors.Moment) (ends []*actors.SessionChange) {
	if s.next == 0 || t.Now < s.next {
		return nil
	}
	for _, one := range s.List {
		if one.Over(t) && !one.Offering {
			ends = append(ends, &actors.SessionChange{Client: one.Client, Ended: true})
		}
	}
	return ends
}

// Lapse decides which messages have expired while they waited for sessions that are
// away. Those of a session that is connected are its connection's.
func (s *Set) Lapse(t actors.Moment) (drops []*actors.SessionChange) {
	if s.lapse == 0 || t.Now < s.lapse {
		return nil
	}
	for _, one := range s.List {
		var over []uint64
		for i := range one.queue {
			if w := &one.queue[i]; one.ClosedAt != 0 && w.expires != 0 && w.expires <= t.Now {
				over = append(over, w.Seq)
			}
		}
		if len(over) > 0 && !one.Offering {
			drops = append(drops, &actors.SessionChange{Client: one.Client, Dropped: over})
		}
	}
	return drops
}

// filters returns the general filters by which messages may come to wait for
// sessions, each once.
func (s *Set) filters() []string {
	var list []string
	for _, t := range s.List {
		for i := range t.subs {
			n := &t.subs[i]
			if _, filter, shared := actors.SplitShare(n.filter); n.qos > 0 && !shared && !slices.Contains(list, filter) {
				list = append(list, filter)
			}
		}
	}
	return list
}

// An Offer is a message that another session may take.
type Offer struct {
	Seq   uint64
	Share string // by which filter
}

// Offering tells whether what waits for a session is being offered to others.
func (s *Set) Offering() bool {
	return slices.ContainsFunc(s.List, func(t *Session) bool { return t.Offering })
}

// Offers returns what others may take: what was not sent to the client and, if
// the session ends, what it has not acknowledged. With QoS 2 that is not before
// the session ends, and never what it may have seen [MQTT-4.8.2-4]
// [MQTT-4.8.2-5].
func (t *Session) Offers(ends bool) []Offer {
	var list []Offer
	for i := range t.queue {
		if w := &t.queue[i]; w.share != "" && (w.qos == 1 || ends) {
			list = append(list, Offer{w.Seq, w.share})
		}
	}
	for i := range t.inflight {
		if o := &t.inflight[i]; ends && o.share != "" && o.qos == 1 {
			list = append(list, Offer{o.seq, o.share})
		}
	}
	return list
}

// Interest returns which messages may come to wait for the sessions.
func (s *Set) Interest() actors.Interest {
	f := actors.Interest{Filters: s.filters(), Any: len(s.List) > 0, Sessions: len(s.List), Size: s.Size()}
	for _, t := range s.List {
		for i := range t.subs {
			if _, _, shared := actors.SplitShare(t.subs[i].filter); shared {
				f.Shares = append(f.Shares, actors.SharedInterest{Client: t.Client, Filter: t.subs[i].filter})
			}
		}
	}
	return f
}

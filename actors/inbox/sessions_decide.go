package inbox

import (
	"slices"
	"time"

	"reddot/actors"
)

// What a user decides about its sessions. These methods change nothing.

// SessionEvent returns an event about a client's session.
func (b *Inbox) SessionEvent(client string, t actors.Moment) (*actors.Event, *actors.SessionChange) {
	e := b.Next(actors.Kind_SESSION, 0, t)
	e.Session = &actors.SessionChange{Client: client}
	return e, e.Session
}

// OpenSession decides about a connection that takes a session or makes one. A
// session that ends with its connection leaves no trace here. crowded says that
// the app has no room for another one. wills are those
// of the connections before, to be published. One whose connection is there still
// waits for as long as grace, since its client may say goodbye.
func (b *Inbox) OpenSession(c *actors.OpenSession, t actors.Moment, l *actors.Limits, crowded bool, grace time.Duration) (r Ready, wills []*actors.Will) {
	old := b.Sessions.Find(c.Client)
	e, change := b.SessionEvent(c.Client, t)
	if old != nil && old.Will != nil && (c.Clean || old.WillAt == 0 && old.Will.Delay == 0) {
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
		case old == nil && len(b.Sessions.List) >= l.Sessions:
			return Ready{Err: actors.Errorf(actors.TooMany, "a user has at most %d sessions that outlive their connections", l.Sessions)}, nil
		case old == nil && crowded:
			return Ready{Err: actors.Errorf(actors.TooMany, "an app has at most about %d sessions that outlive their connections", l.SessionsOfApp)}, nil
		}
		change.Opened, change.Expiry, change.Will, change.Origin = true, c.Expiry, c.Will, b.Origin
	}
	if change.Ended || change.Opened {
		r.Events = []*actors.Event{e}
	}
	return r, wills
}

// CloseSession decides about a session whose connection has ended.
func (b *Inbox) CloseSession(c *actors.CloseSession, t actors.Moment) Ready {
	s := b.Sessions.Find(c.Client)
	if s == nil || s.ClosedAt != 0 || c.Epoch != b.Token(s) {
		return Ready{}
	}
	e, change := b.SessionEvent(c.Client, t)
	change.Closed, change.Expiry = true, s.expiry
	if c.Expiry != nil {
		change.Expiry = *c.Expiry
	}
	if s.Will != nil && !c.Orderly {
		change.WillAt = t.Now + min(int64(s.Will.Delay)*1000, change.Expiry)
	}
	return Ready{Events: []*actors.Event{e}}
}

// ChangeSession decides about what a connection says of its session.
func (b *Inbox) ChangeSession(c *actors.ChangeSession, t actors.Moment) Ready {
	s := b.Sessions.Find(c.Client)
	if s == nil || s.ClosedAt != 0 || c.Epoch != b.Token(s) {
		return Ready{Err: b.Stranger(c.Epoch)}
	}
	e, _ := b.SessionEvent(c.Client, t)
	e.Session = c.Change
	e.Session.Client = c.Client
	return Ready{Events: []*actors.Event{e}}
}

// QueueMessage decides for which sessions a topic's message waits. crowded says
// that all those of the app have no room for it; left is how many have none.
func (b *Inbox) QueueMessage(c *actors.QueueMessage, user string, once actors.Once, t actors.Moment, l *actors.Limits, crowded bool) (r Ready, left int) {
	if done, ok := b.Replayed(once, t); ok {
		return done, 0
	}
	e := b.Next(actors.Kind_QUEUED, 0, t)
	full := crowded || b.Sessions.full(len(c.Message.Payload), l)
	for _, s := range b.Sessions.List {
		w, ok := s.takes(c, user)
		switch {
		case !ok:
		case full || !s.hasRoom(len(c.Message.Payload), l):
			left++
		default:
			e.Queue = append(e.Queue, &actors.Queueing{Client: s.Client, Waiting: w.Stored()})
		}
	}
	if len(e.Queue) == 0 {
		return Ready{}, left
	}
	e.Topic = c.Message
	once.Stamp(e)
	return Ready{Events: []*actors.Event{e}}, left
}

// takes tells how a session takes a topic's message: with QoS 1 or 2, or not.
func (t *Subscriptions) takes(c *actors.QueueMessage, user string) (awaited, bool) {
	m := c.Message
	w := awaited{size: uint32(len(m.Payload)), expires: m.ExpiresAt} // #nosec G115 -- bounded by the size of packets
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
	w.qos = min(w.qos, uint8(m.Qos)) // #nosec G115 -- 0 to 2
	return w, w.qos > 0
}

// hasRoom tells whether one more message of size bytes may wait.
func (t *Subscriptions) hasRoom(size int, l *actors.Limits) bool {
	if len(t.waiting) >= l.SessionMessages {
		return false
	}
	for i := range t.waiting {
		size += int(t.waiting[i].size)
	}
	return size <= l.SessionBytes
}

// full tells whether all sessions together have no room for size more bytes.
func (s *sessions) full(size int, l *actors.Limits) bool {
	if len(s.List)*l.SessionBytes <= l.SessionsBytes {
		return false // none can be fuller than it may
	}
	return size+s.Size() > l.SessionsBytes
}

// Heft returns how many bytes wait for all sessions, besides those of the inbox.
func (s *sessions) Size() int {
	size := 0
	for _, t := range s.List {
		for i := range t.waiting {
			if w := &t.waiting[i]; !w.Inbox {
				size += int(w.size)
			}
		}
	}
	return size
}

// Over tells whether the session's time is over.
func (t *Subscriptions) Over(now actors.Moment) bool {
	return t.ClosedAt != 0 && t.WillAt == 0 && now.Now >= t.ClosedAt+t.expiry
}

// expireSessions adds the end of those sessions whose time is over.
func (b *Inbox) expireSessions(r *Ready, rev uint64, t actors.Moment) {
	if b.Sessions.next == 0 || t.Now < b.Sessions.next {
		return
	}
	for _, s := range b.Sessions.List {
		if !s.Over(t) || s.Handing {
			continue
		}
		e := b.Next(actors.Kind_SESSION, len(r.Events), t)
		e.Rev = rev
		e.Session = &actors.SessionChange{Client: s.Client, Ended: true}
		r.Events = append(r.Events, e)
	}
}

// Lapse decides which messages have expired while they waited for sessions that
// are away. Those of a session that is connected are its connection's.
func (b *Inbox) Lapse(t actors.Moment) (r Ready) {
	if b.Sessions.lapse == 0 || t.Now < b.Sessions.lapse {
		return r
	}
	for _, s := range b.Sessions.List {
		var over []uint64
		for i := range s.waiting {
			if w := &s.waiting[i]; s.ClosedAt != 0 && w.expires != 0 && w.expires <= t.Now {
				over = append(over, w.Seq)
			}
		}
		if len(over) > 0 && !s.Handing {
			e := b.Next(actors.Kind_SESSION, len(r.Events), t)
			e.Session = &actors.SessionChange{Client: s.Client, Dropped: over}
			r.Events = append(r.Events, e)
		}
	}
	return r
}

// filters returns the general filters by which messages may come to wait for
// sessions, each once.
func (s *sessions) filters() []string {
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

// Token returns by what a connection knows the session that it has: its epoch,
// which is a seq and so means another session in another history of the store.
func (b *Inbox) Token(s *Subscriptions) uint64 { return s.Epoch ^ b.Origin }

// Stranger says why a connection with this token does not have the session.
func (b *Inbox) Stranger(token uint64) *actors.Error {
	if token^b.Origin > b.Seq {
		return actors.Errorf(actors.NotFound, "the session is one of a history that the store has lost; connect again")
	}
	return actors.Errorf(actors.Conflict, "another connection has this session, or it has ended")
}

// An offer is a message that another session may take.
type offer struct {
	Seq   uint64
	Share string // by which filter
}

// Offered returns what others may take: what was not sent to the client and, if
// the session ends, what it has not acknowledged. With QoS 2 that is not before
// the session ends, and never what it may have seen [MQTT-4.8.2-4]
// [MQTT-4.8.2-5].
func (t *Subscriptions) Offered(ends bool) []offer {
	var list []offer
	for i := range t.waiting {
		if w := &t.waiting[i]; w.share != "" && (w.qos == 1 || ends) {
			list = append(list, offer{w.Seq, w.share})
		}
	}
	for i := range t.outgoing {
		if o := &t.outgoing[i]; ends && o.share != "" && o.qos == 1 {
			list = append(list, offer{o.seq, o.share})
		}
	}
	return list
}

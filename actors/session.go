package actors

import (
	"context"
	"slices"
)

// The sessions of a user, as its actor hosts them: those that outlive their
// connections are part of its Inbox, and of each session that has a connection
// it knows the way there.

// What a user's actor is told.
type (
	followNoted struct{ err *Error } // the record is written, or not
	noteAgain   struct{}             // it was not, a while ago
	graceOver   struct{}             // connections have had their time to ask for their sessions
	willed      struct {             // a will was published
		client string
		epoch  uint64
	}
)

// resumeSessions looks after what an earlier activation has left open. It comes
// with the first message and not with the state: an actor that is being spawned
// must not send.
func (u *User) resumeSessions() {
	if u.alive {
		return
	}
	u.alive = true
	u.follow(nil) // the record may be behind
	u.await()
}

// orphan returns a session that is open, without its connection being known; nil:
// there is none.
func (u *User) orphan() *Subscriptions {
	for _, s := range u.inbox.sessions.list {
		if s.closedAt == 0 && !slices.ContainsFunc(u.links, func(l SessionLink) bool { return l.Client() == s.client }) {
			return s
		}
	}
	return nil
}

// await gives connections that may still be there time to ask for their
// sessions.
func (u *User) await() {
	if u.graces > 0 || u.inbox != nil && u.orphan() == nil {
		return
	}
	u.graces++
	h, self := u.Home, u.Self
	h.Delay(h.Grace, func() { h.Send(self, &graceOver{}) })
}

// graceOver closes the sessions that no connection has asked for.
func (u *User) graceOver() {
	u.graces--
	t := u.Home.moment()
	for s := u.orphan(); s != nil; s = u.orphan() {
		if d := u.inbox.CloseSession(&CloseSession{Client: s.client, Epoch: u.inbox.token(s)}, t); !u.persist(d.Events) {
			u.await() // busy
			return
		}
		u.offer(s.client)
	}
	u.expire(t) // some may end at once, and their wills be due
}

// openSession gives a session to a connection.
func (u *User) openSession(r *Request, c *OpenSession, t Moment) {
	if far, ok := c.Link.(*farLink); ok {
		if far.home = u.Home; !u.Home.linked(far.hub) {
			u.refuse(r, Errorf(Unavailable, "the link to the session's node has broken"))
			return
		}
	}
	if c.Again {
		u.openAgain(r, c)
		return
	}
	crowded := u.Home.Topics.crowdOf(u.Key.App()).Sessions >= u.Home.Limits.SessionsOfApp
	d, wills := u.inbox.OpenSession(c, t, &u.Home.Limits, crowded, u.Home.Grace)
	if d.Err != nil {
		u.Home.Metrics.Refuse("sessions")
		u.refuse(r, d.Err)
		return
	}
	old := u.inbox.sessions.find(c.Client)
	if len(d.Events) > 0 && d.Events[0].Session.Yields && u.inbox.sessions.yields() >= u.Home.Limits.Sessions {
		u.refuse(r, Errorf(Busy, "connections of this client that were taken over are still ending"))
		return
	}
	i := slices.IndexFunc(u.links, func(l SessionLink) bool { return l.Client() == c.Client })
	if i < 0 && len(u.links) >= u.Home.Limits.Connections {
		u.refuse(r, Errorf(TooMany, "a user has at most %d connections", u.Home.Limits.Connections))
		return
	}
	anew := false
	if old != nil && !c.Clean {
		anew = old.turned(u.origin)
		r.Answer.Session = old.stored()
	}
	if !u.change(r, d.Events) {
		return
	}
	if anew {
		r.Answer.Session = u.inbox.sessions.find(c.Client).stored()
		r.Answer.Session.Anew = true
	}
	if i >= 0 {
		u.links[i].Replaced()
		u.links[i] = c.Link
	} else {
		u.links = append(u.links, c.Link)
	}
	if s := u.inbox.sessions.find(c.Client); s != nil {
		r.Answer.Epoch = u.inbox.token(s)
	}
	u.conclude(r, wills, false)
}

// openAgain lets the connection that has a session be known again.
func (u *User) openAgain(r *Request, c *OpenSession) {
	s := u.inbox.sessions.find(c.Client)
	i := slices.IndexFunc(u.links, func(l SessionLink) bool { return l.Client() == c.Client })
	switch {
	case c.Epoch == 0 && (s != nil || i >= 0 && !sameLink(u.links[i], c.Link)):
		u.refuse(r, Errorf(Conflict, "another connection has this session"))
		return
	case c.Epoch != 0 && s != nil && u.inbox.token(s) != c.Epoch:
		u.refuse(r, u.inbox.stranger(c.Epoch))
		return
	case c.Epoch != 0 && (s == nil || s.closedAt != 0):
		u.refuse(r, Errorf(NotFound, "the session has ended, or was taken for closed"))
		return
	case i >= 0:
		u.links[i] = c.Link
	default:
		u.links = append(u.links, c.Link)
	}
	if s != nil {
		r.Answer.Session, r.Answer.Epoch = s.stored(), u.inbox.token(s)
	}
	u.release(&r.Effect, r, nil, nil)
}

// change journals and applies events of sessions; false means that r was
// refused instead.
func (u *User) change(r *Request, events []*Event) bool {
	if len(events) > 0 && !u.persist(events) {
		u.refuse(r, ErrBusyStore)
		return false
	}
	return true
}

// conclude publishes wills and answers, once everything is durable and what
// the sessions follow is known. needs says that the request fails if that can't be
// written down.
func (u *User) conclude(r *Request, wills []*Will, needs bool) {
	u.after(r, func() {
		for _, m := range wills {
			u.Home.Topics.PublishWill(m, nil)
		}
		u.follow(func(err *Error) {
			if err != nil && needs {
				r.Fail(err)
				return
			}
			r.Respond()
		})
	})
}

// changeSession writes down what happens to a session.
func (u *User) changeSession(r *Request, c *ChangeSession, t Moment) {
	d := u.inbox.ChangeSession(c, t)
	if d.Err != nil {
		u.refuse(r, d.Err)
		return
	}
	if !u.change(r, d.Events) {
		return
	}
	if len(c.Change.Set) == 0 && len(c.Change.Unset) == 0 {
		u.release(&r.Effect, r, nil, nil)
		return
	}
	u.conclude(r, nil, true)
}

// closeSession takes a session back from its connection.
func (u *User) closeSession(r *Request, c *CloseSession, t Moment) {
	u.links = slices.DeleteFunc(u.links, func(l SessionLink) bool { return sameLink(l, c.Link) })
	u.Home.unplug(c.Link) // from when the user was elsewhere
	if !u.settle(c, t) {
		u.refuse(r, ErrBusyStore)
		return
	}
	d := u.inbox.CloseSession(c, t)
	if !u.change(r, d.Events) {
		return
	}
	if len(u.links) == 0 {
		u.links = nil
	}
	u.offer(c.Client)
	if u.expire(t) { // it may end at once, and its will may be due
		u.conclude(r, nil, false)
		return
	}
	u.refuse(r, ErrBusyStore)
}

// queueMessage lets a topic's message wait for sessions.
func (u *User) queueMessage(r *Request, c *QueueMessage, t Moment) {
	crowded := u.Home.Topics.crowdOf(u.Key.App()).Size+len(c.Message.Payload) > u.Home.Limits.SizeOfApp
	d, left := u.inbox.QueueMessage(c, u.Key.Name(), r.Once, t, &u.Home.Limits, crowded)
	if left > 0 {
		u.Home.Metrics.SessionsFull.Add(float64(left))
	}
	for _, e := range d.Events {
		r.Answer.N = len(e.Queue)
	}
	u.commit(r, d)
	if len(d.Events) > 0 {
		u.followSize()
	}
}

// tellSessions tells the connections of sessions what has come to wait for them.
func (u *User) tellSessions(events []*Event) {
	list := u.inbox.sessions.news
	if len(list) == 0 {
		return
	}
	u.inbox.sessions.news = nil
	for _, l := range u.links {
		var waits []Waits
		for i := range list {
			if list[i].client == l.Client() {
				waits = append(waits, Waits{list[i].stored(), u.messageOf(&list[i], events)})
			}
		}
		if len(waits) > 0 {
			u.after(nil, func() { l.Waits(waits) })
		}
	}
}

// messageOf returns the message that waits, if it is among the events at hand.
func (u *User) messageOf(n *news, events []*Event) *TopicMessage {
	for _, e := range events {
		switch {
		case e.Seq != n.seq:
		case n.inbox && e.Message != nil:
			return u.inboxMessage(e.Message, u.inbox.stateOf(e), 0, n.seq, e.Pos, u.inbox.line())
		case !n.inbox:
			return e.Topic
		}
	}
	return nil
}

// inboxMessage returns a message of the inbox as a topic brings it. Its
// attributes are its cursor.
func (u *User) inboxMessage(m *Message, state State, until int64, seq, pos, lineage uint64) *TopicMessage {
	return &TopicMessage{
		App: u.Key.App(), Topic: inboxTopics + u.Key.Name() + "/messages", Qos: 2, At: m.CreatedAt,
		Payload: AppendMessage(nil, m, state, until), Attributes: Cursor{lineage, seq, pos}.Append(nil),
	}
}

// fetchWaiting answers with messages that wait.
func (u *User) fetchWaiting(r *Request, c *FetchWaiting) {
	b := u.inbox
	entries := make([]*entry, len(c.Seqs))
	for i, seq := range c.Seqs {
		for j := range b.entries {
			if n := b.entries[j]; c.Inbox[i] && n.seq == seq {
				entries[i] = &n
			}
		}
	}
	pos, lineage := b.pos, b.line()
	u.fill(r, Ready{Rev: b.rev})
	u.read(r, func(ctx context.Context, _ []byte) ([]byte, error) {
		r.Answer.Messages = make([]*TopicMessage, len(c.Seqs))
		for i, seq := range c.Seqs {
			var err error
			switch n := entries[i]; {
			case n != nil:
				var m *Message
				if m, err = content(ctx, u.Home.Journal, u.Key, n.body, nil); err == nil {
					r.Answer.Messages[i] = u.inboxMessage(m, n.state, n.until, n.seq, pos, lineage)
				}
			case !c.Inbox[i]:
				r.Answer.Messages[i], err = u.topicMessage(ctx, seq)
			}
			if err != nil && AsError(err).Code != NotFound {
				return nil, err
			}
		}
		return nil, nil
	})
}

// topicMessage reads a topic's message.
func (u *User) topicMessage(ctx context.Context, seq uint64) (*TopicMessage, error) {
	e := &Event{}
	failed := error(Errorf(NotFound, "event %d is not in the journal", seq))
	err := u.Home.Journal.Events(ctx, u.Key, seq, seq, func(_ uint64, raw []byte) bool {
		failed = DecodeEvent(raw, e)
		return false
	})
	if err == nil {
		err = failed
	}
	if err == nil && e.Topic.GetTopic() == "" {
		err = Errorf(NotFound, "the message in event %d was taken out", seq)
	}
	return e.Topic, err
}

// sessionsExpired lets the node know that sessions have come to their end.
func (u *User) sessionsExpired(events []*Event) {
	if slices.ContainsFunc(events, func(e *Event) bool { return e.Kind == Kind_SESSION }) {
		u.after(nil, func() { u.follow(nil) })
	}
}

// publishWills publishes those that are due.
func (u *User) publishWills(t Moment) {
	for _, s := range u.inbox.sessions.list {
		if s.will == nil || s.willAt == 0 || t.Now < s.willAt || s.publishing {
			continue
		}
		s.publishing = true
		w, done := s.will, &willed{s.client, s.epoch}
		h, self := u.Home, u.Self
		u.after(nil, func() {
			h.Topics.PublishWill(w, func(int, *Error) { h.Send(self, done) })
		})
	}
	u.publishYielded(t)
}

// willed notes that a will was published.
func (u *User) willed(m *willed) {
	if y := u.inbox.sessions.yieldedAt(m.epoch); y != nil {
		y.publishing = u.settled(m.client, m.epoch) // busy: it is published again, and noted then
		return
	}
	s := u.inbox.sessions.find(m.client)
	if s == nil || s.epoch != m.epoch || s.will == nil {
		return
	}
	s.publishing = false
	e, change := u.inbox.sessionEvent(m.client, u.Home.moment())
	change.Willed = true
	if u.persist([]*Event{e}) {
		u.expire(u.Home.moment()) // the session may end with it
	}
}

// ForOne implements ForOne.
func (*followNoted) ForOne() {}

// ForOne implements ForOne.
func (*noteAgain) ForOne() {}

// ForOne implements ForOne.
func (*graceOver) ForOne() {}

// ForOne implements ForOne.
func (*willed) ForOne() {}

// settle takes in how a connection has ended: the will that waits for that is
// void if its client has said goodbye, or else is due. False means that the store
// is busy.
func (u *User) settle(c *CloseSession, t Moment) bool {
	y := u.inbox.sessions.yieldedAt(c.Epoch ^ u.inbox.origin)
	switch {
	case y == nil || y.publishing:
	case c.Orderly:
		return u.settled(c.Client, y.epoch)
	default:
		y.at = min(y.at, t.Now)
		u.inbox.sessions.rearm()
	}
	return true
}

// settled writes down that a will waits no more; false: the store is busy.
func (u *User) settled(client string, epoch uint64) bool {
	e, change := u.inbox.sessionEvent(client, u.Home.moment())
	change.Settled = epoch
	return u.persist([]*Event{e})
}

// publishYielded publishes the wills that were waited for long enough.
func (u *User) publishYielded(t Moment) {
	for y := u.inbox.sessions.yielded; y != nil; y = y.next {
		if t.Now < y.at || y.publishing {
			continue
		}
		y.publishing = true
		w, done := y.will, &willed{y.will.Message.GetClient(), y.epoch}
		h, self := u.Home, u.Self
		u.after(nil, func() {
			h.Topics.PublishWill(w, func(int, *Error) { h.Send(self, done) })
		})
	}
}

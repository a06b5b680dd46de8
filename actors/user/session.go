package user

import (
	"context"
	"slices"

	"reddot/actors"
	"reddot/actors/inbox"
	"reddot/actors/session"
)

// The sessions of a user, as its actor hosts them: those that outlive their
// connections are part of its Inbox, and of each session that has a connection
// it knows the way there.

// What a user's actor is told.
type (
	interestWritten struct{ err *actors.Error } // the record is written, or not
	writeAgain      struct{}                    // it was not, a while ago
	graceOver       struct{}                    // connections have had their time to ask for their sessions
	willPublished   struct {                    // a will was published
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
	u.noteInterest(nil) // the record may be behind
	u.awaitSessions()
}

// orphanedSession returns a session that is open, without its connection being known; nil:
// there is none.
func (u *User) orphanedSession() *session.Session {
	for _, s := range u.inbox.Sessions.List {
		if s.ClosedAt == 0 && !slices.ContainsFunc(u.links, func(l actors.SessionLink) bool { return l.Client() == s.Client }) {
			return s
		}
	}
	return nil
}

// awaitSessions gives connections that may still be there time to ask for their
// sessions.
func (u *User) awaitSessions() {
	if u.graces > 0 || u.inbox != nil && u.orphanedSession() == nil {
		return
	}
	u.graces++
	h, self := u.Home, u.Self
	h.Delay(h.Grace, func() { h.Send(self, &graceOver{}) })
}

// graceOver closes the sessions that no connection has asked for.
func (u *User) graceOver() {
	u.graces--
	t := u.Home.Moment()
	for s := u.orphanedSession(); s != nil; s = u.orphanedSession() {
		if d := u.inbox.CloseSession(&actors.CloseSession{Client: s.Client, Epoch: u.inbox.Token(s)}, t); u.persist(d.Events) != nil {
			u.awaitSessions() // busy
			return
		}
		u.offer(s.Client)
	}
	_ = u.expire(t) // some may end at once, and their wills be due
}

// openSession gives a session to a connection.
func (u *User) openSession(r *actors.Request, c *actors.OpenSession, t actors.Moment) {
	if far, ok := c.Link.(*actors.RemoteLink); ok {
		if far.Home = u.Home; !u.Home.Reaches(far.Exchange) {
			u.refuse(r, actors.Errorf(actors.Unavailable, "the link to the session's node has broken"))
			return
		}
	}
	if c.Again {
		u.openAgain(r, c)
		return
	}
	old := u.inbox.Sessions.Find(c.Client)
	if old != nil && old.Offering {
		u.Wait(r) // until it is known what others have taken
		return
	}
	if c.Clean && u.endsShares(old) {
		u.Wait(r) // likewise: the session ends
		return
	}
	crowded := u.Home.Topics.SessionsOf(u.Key.App()).Sessions >= u.Home.Limits.SessionsOfApp
	d, wills := u.inbox.OpenSession(c, t, &u.Home.Limits, crowded, u.Home.Grace)
	if d.Err != nil {
		u.Home.Metrics.Refuse("sessions")
		u.refuse(r, d.Err)
		return
	}
	if len(d.Events) > 0 && d.Events[0].Session.Yields && u.inbox.Sessions.Yields() >= u.Home.Limits.Sessions {
		u.refuse(r, actors.Errorf(actors.Busy, "connections of this client that were taken over are still ending"))
		return
	}
	i := slices.IndexFunc(u.links, func(l actors.SessionLink) bool { return l.Client() == c.Client })
	if i < 0 && len(u.links) >= u.Home.Limits.Connections {
		u.refuse(r, actors.Errorf(actors.TooMany, "a user has at most %d connections", u.Home.Limits.Connections))
		return
	}
	anew := false
	if old != nil && !c.Clean {
		anew = old.FromOther(u.Origin)
		r.Answer.Session = old.Stored()
	}
	if !u.change(r, d.Events) {
		return
	}
	if anew {
		r.Answer.Session = u.inbox.Sessions.Find(c.Client).Stored()
		r.Answer.Session.Anew = true
	}
	if i >= 0 {
		u.links[i].Replaced()
		u.links[i] = c.Link
	} else {
		u.links = append(u.links, c.Link)
	}
	if s := u.inbox.Sessions.Find(c.Client); s != nil {
		r.Answer.Epoch = u.inbox.Token(s)
	}
	u.conclude(r, wills, false)
}

// openAgain lets the connection that has a session be known again.
func (u *User) openAgain(r *actors.Request, c *actors.OpenSession) {
	s := u.inbox.Sessions.Find(c.Client)
	i := slices.IndexFunc(u.links, func(l actors.SessionLink) bool { return l.Client() == c.Client })
	switch {
	case c.Epoch == 0 && (s != nil || i >= 0 && !actors.SameLink(u.links[i], c.Link)):
		u.refuse(r, actors.Errorf(actors.Conflict, "another connection has this session"))
		return
	case c.Epoch != 0 && s != nil && u.inbox.Token(s) != c.Epoch:
		u.refuse(r, u.inbox.UnknownSession(c.Epoch))
		return
	case c.Epoch != 0 && (s == nil || s.ClosedAt != 0):
		u.refuse(r, actors.Errorf(actors.NotFound, "the session has ended, or was taken for closed"))
		return
	case i >= 0:
		u.links[i] = c.Link
	default:
		u.links = append(u.links, c.Link)
	}
	if s != nil {
		r.Answer.Session, r.Answer.Epoch = s.Stored(), u.inbox.Token(s)
	}
	u.release(&r.Effect, r, nil, nil)
}

// change journals and applies events of sessions; false means that r was
// refused instead.
func (u *User) change(r *actors.Request, events []*actors.Event) bool {
	if len(events) == 0 {
		return true
	}
	if err := u.persist(events); err != nil {
		u.refuse(r, err)
		return false
	}
	return true
}

// conclude publishes wills and answers, once everything is durable and what
// the sessions follow is known. needs says that the request fails if that can't be
// written down.
func (u *User) conclude(r *actors.Request, wills []*actors.Will, needs bool) {
	u.after(r, func() {
		for _, m := range wills {
			u.Home.Topics.PublishWill(m, nil)
		}
		u.noteInterest(func(err *actors.Error) {
			if err != nil && needs {
				r.Fail(err)
				return
			}
			r.Respond()
		})
	})
}

// changeSession writes down what happens to a session.
func (u *User) changeSession(r *actors.Request, c *actors.ChangeSession, t actors.Moment) {
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
func (u *User) closeSession(r *actors.Request, c *actors.CloseSession, t actors.Moment) {
	u.links = slices.DeleteFunc(u.links, func(l actors.SessionLink) bool { return actors.SameLink(l, c.Link) })
	u.Home.Unregister(c.Link) // from when the user was elsewhere
	if err := u.settleWill(c, t); err != nil {
		u.refuse(r, err)
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
	if u.expire(t) != nil { // it may end at once, and its will may be due
		u.refuse(r, actors.ErrUnknownOutcome) // it is closed, and not more
		return
	}
	u.conclude(r, nil, false)
}

// queueMessage lets a topic's message wait for sessions.
func (u *User) queueMessage(r *actors.Request, c *actors.QueueMessage, t actors.Moment) {
	crowded := u.Home.Topics.SessionsOf(u.Key.App()).Size+len(c.Message.Payload) > u.Home.Limits.SizeOfApp
	d, left := u.inbox.QueueMessage(c, u.Key.Name(), r.Once, t, &u.Home.Limits, crowded)
	if left > 0 {
		u.Home.Metrics.SessionsFull.Add(float64(left))
	}
	for _, e := range d.Events {
		r.Answer.N = len(e.Queue)
	}
	u.commit(r, d)
	if len(d.Events) > 0 {
		u.noteSize()
	}
}

// notifySessions tells the connections of sessions what has come to wait for them.
func (u *User) notifySessions(events []*actors.Event) {
	list := u.inbox.Sessions.Arrived
	if len(list) == 0 {
		return
	}
	u.inbox.Sessions.Arrived = nil
	for _, l := range u.links {
		var waits []actors.QueuedMessage
		for i := range list {
			if list[i].Client == l.Client() {
				waits = append(waits, actors.QueuedMessage{Waiting: list[i].Stored(), Message: u.messageOf(&list[i], events)})
			}
		}
		if len(waits) > 0 {
			u.after(nil, func() { l.Queued(waits) })
		}
	}
}

// messageOf returns the message that waits, if it is among the events at hand.
func (u *User) messageOf(n *session.Arrival, events []*actors.Event) *actors.TopicMessage {
	for _, e := range events {
		switch {
		case actors.IsLogHandle(n.Seq):
			return u.broadcastMessage(n.Seq)
		case e.Seq != n.Seq:
		case n.Inbox && e.Message != nil:
			return u.inboxMessage(u.inbox.ShownIn(e), actors.Cursor{Lineage: u.inbox.CursorLineage(), Seq: n.Seq, Pos: e.Pos})
		case !n.Inbox:
			return e.Topic
		}
	}
	return nil
}

// inboxMessage returns a message of the inbox as a topic brings it. Its
// attributes are its cursor.
func (u *User) inboxMessage(m actors.Shown, at actors.Cursor) *actors.TopicMessage {
	return &actors.TopicMessage{
		App: u.Key.App(), Topic: actors.InboxTopics + u.Key.Name() + "/messages", Qos: 2, At: m.CreatedAt,
		Payload: actors.AppendMessage(nil, m), Attributes: at.Append(nil),
	}
}

// fetchWaiting answers with messages that wait.
func (u *User) fetchWaiting(r *actors.Request, c *actors.FetchWaiting) {
	items, cursors := make([]*inbox.Item, len(c.Seqs)), make([]actors.Cursor, len(c.Seqs))
	for i, seq := range c.Seqs {
		if c.Inbox[i] {
			if items[i] = u.inbox.At(seq); items[i] != nil {
				cursors[i] = u.inbox.CursorOf(items[i])
			}
		}
	}
	u.fill(r, inbox.Ready{Rev: u.inbox.Rev()})
	here := u.inbox.Here()
	u.read(r, func(ctx context.Context, _ []byte) ([]byte, error) {
		r.Answer.Messages = make([]*actors.TopicMessage, len(c.Seqs))
		for i, seq := range c.Seqs {
			var err error
			switch n := items[i]; {
			case n != nil:
				var m *actors.Message
				if m, err = n.Content(ctx, u.Home.Journal, u.Key, here, nil); err == nil {
					r.Answer.Messages[i] = u.inboxMessage(n.Shown(m), cursors[i])
				}
			case !c.Inbox[i]:
				r.Answer.Messages[i], err = u.topicMessage(ctx, seq)
			}
			if err != nil && actors.AsError(err).Code != actors.NotFound {
				return nil, err
			}
		}
		return nil, nil
	})
}

// topicMessage reads a topic's message.
func (u *User) topicMessage(ctx context.Context, seq uint64) (*actors.TopicMessage, error) {
	e := &actors.Event{}
	failed := error(actors.Errorf(actors.NotFound, "event %d is not in the journal", seq))
	err := u.Home.Journal.Events(ctx, u.Key, seq, seq, func(_ uint64, raw []byte) bool {
		failed = actors.DecodeEvent(raw, e)
		return false
	})
	if err == nil {
		err = failed
	}
	if err == nil && e.Topic.GetTopic() == "" {
		err = actors.Errorf(actors.NotFound, "the message in event %d was taken out", seq)
	}
	return e.Topic, err
}

// sessionsExpired lets the node know that sessions have come to their end.
func (u *User) sessionsExpired(events []*actors.Event) {
	if slices.ContainsFunc(events, func(e *actors.Event) bool { return e.Kind == actors.Kind_SESSION }) {
		u.after(nil, func() { u.noteInterest(nil) })
	}
}

// publishWills publishes those that are due.
func (u *User) publishWills(t actors.Moment) {
	for _, s := range u.inbox.Sessions.List {
		if s.Will == nil || s.WillAt == 0 || t.Now < s.WillAt || s.Publishing {
			continue
		}
		s.Publishing = true
		w, done := s.Will, &willPublished{s.Client, s.Epoch}
		h, self := u.Home, u.Self
		u.after(nil, func() {
			h.Topics.PublishWill(w, func(int, *actors.Error) { h.Send(self, done) })
		})
	}
	u.publishYielded(t)
}

// willPublished notes that a will was published.
func (u *User) willPublished(m *willPublished) {
	if y := u.inbox.Sessions.YieldedAt(m.epoch); y != nil {
		y.Publishing = u.settled(m.client, m.epoch) == nil // else: it is published again, and noted then
		return
	}
	s := u.inbox.Sessions.Find(m.client)
	if s == nil || s.Epoch != m.epoch || s.Will == nil {
		return
	}
	s.Publishing = false
	e, change := u.inbox.SessionEvent(m.client, u.Home.Moment())
	change.Willed = true
	if u.persist([]*actors.Event{e}) == nil {
		_ = u.expire(u.Home.Moment()) // the session may end with it
	}
}

// ForOne implements ForOne.
func (*interestWritten) ForOne() {}

// ForOne implements ForOne.
func (*writeAgain) ForOne() {}

// ForOne implements ForOne.
func (*graceOver) ForOne() {}

// ForOne implements ForOne.
func (*willPublished) ForOne() {}

// settleWill takes in how a connection has ended: the will that waits for that is
// void if its client has said goodbye, or else is due. After an error nothing was
// done.
func (u *User) settleWill(c *actors.CloseSession, t actors.Moment) *actors.Error {
	y := u.inbox.Sessions.YieldedAt(c.Epoch ^ u.inbox.Origin)
	switch {
	case y == nil || y.Publishing:
	case c.Orderly:
		return u.settled(c.Client, y.Epoch)
	default:
		y.At = min(y.At, t.Now)
		u.inbox.Sessions.Rearm()
	}
	return nil
}

// settled writes down that a will waits no more. After an error nothing was done.
func (u *User) settled(client string, epoch uint64) *actors.Error {
	e, change := u.inbox.SessionEvent(client, u.Home.Moment())
	change.Settled = epoch
	return u.persist([]*actors.Event{e})
}

// publishYielded publishes the wills that were waited for long enough.
func (u *User) publishYielded(t actors.Moment) {
	for y := u.inbox.Sessions.Yielded; y != nil; y = y.Next {
		if t.Now < y.At || y.Publishing {
			continue
		}
		y.Publishing = true
		w, done := y.Will, &willPublished{y.Will.Message.GetClient(), y.Epoch}
		h, self := u.Home, u.Self
		u.after(nil, func() {
			h.Topics.PublishWill(w, func(int, *actors.Error) { h.Send(self, done) })
		})
	}
}

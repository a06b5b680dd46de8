package inbox

import (
	"time"

	"reddot/actors"
	"reddot/actors/session"
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
	change, wills, err := b.Sessions.Open(c, t, l, crowded, grace, b.Origin)
	if err != nil || change == nil {
		return Ready{Err: err}, wills
	}
	e, _ := b.SessionEvent(c.Client, t)
	e.Session = change
	return Ready{Events: []*actors.Event{e}}, wills
}

// CloseSession decides about a session whose connection has ended.
func (b *Inbox) CloseSession(c *actors.CloseSession, t actors.Moment) Ready {
	s := b.Sessions.Find(c.Client)
	if s == nil || s.ClosedAt != 0 || c.Epoch != b.Token(s) {
		return Ready{}
	}
	e, _ := b.SessionEvent(c.Client, t)
	e.Session = s.Close(c, t)
	return Ready{Events: []*actors.Event{e}}
}

// ChangeSession decides about what a connection says of its session.
func (b *Inbox) ChangeSession(c *actors.ChangeSession, t actors.Moment) Ready {
	s := b.Sessions.Find(c.Client)
	if s == nil || s.ClosedAt != 0 || c.Epoch != b.Token(s) {
		return Ready{Err: b.UnknownSession(c.Epoch)}
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
	queue, left := b.Sessions.Queue(c, user, l, crowded)
	if len(queue) == 0 {
		return Ready{}, left
	}
	e := b.Next(actors.Kind_QUEUED, 0, t)
	e.Queue, e.Topic = queue, c.Message
	once.Stamp(e)
	return Ready{Events: []*actors.Event{e}}, left
}

// expireSessions adds the end of those sessions whose time is over.
func (b *Inbox) expireSessions(r *Ready, rev uint64, t actors.Moment) {
	for _, change := range b.Sessions.Expire(t) {
		e := b.Next(actors.Kind_SESSION, len(r.Events), t)
		e.Rev, e.Session = rev, change
		r.Events = append(r.Events, e)
	}
}

// Lapse decides which messages have expired while they waited for sessions that
// are away. Those of a session that is connected are its connection's.
func (b *Inbox) Lapse(t actors.Moment) (r Ready) {
	for _, change := range b.Sessions.Lapse(t) {
		e := b.Next(actors.Kind_SESSION, len(r.Events), t)
		e.Session = change
		r.Events = append(r.Events, e)
	}
	return r
}

// Token returns by what a connection knows the session that it has: its epoch,
// which is a seq and so means another session in another history of the store.
func (b *Inbox) Token(s *session.Session) uint64 { return s.Epoch ^ b.Origin }

// UnknownSession says why a connection with this token does not have the session.
func (b *Inbox) UnknownSession(token uint64) *actors.Error {
	if token^b.Origin > b.seq {
		return actors.Errorf(actors.NotFound, "the session is one of a history that the store has lost; connect again")
	}
	return actors.Errorf(actors.Conflict, "another connection has this session, or it has ended")
}

package mqtt

import (
	"time"

	"reddot/actors"
)

// reopening says how a session that is connected stands with its user's actor, of
// which it has heard that it has ended, or can't be reached.
type reopening struct {
	now   bool  // it is being asked for the session
	more  bool  // and is to be asked once more: things have changed meanwhile
	tries uint8 // in vain
}

// The pace at which a user's actor is asked, and how long a client is kept
// waiting that has something to send or to be sent.
const (
	againPause = 250 * time.Millisecond
	againTries = 40
)

// Lost implements actors.SessionLink.
func (s *session) Lost() {
	s.do(func() {
		switch s.phase {
		case phaseOpening: // it is asked when it is open
			s.needTransient().again.more = true
		case phaseLive:
			s.reopen()
		}
	})
}

// isReopening tells whether the user's actor is being asked for the session. The
// caller holds the lock.
func (s *session) isReopening() bool { return s.transient != nil && s.transient.again.now }

// reopen asks the user's actor for the session. It waits for what is being
// written down: that may or may not have come in. The caller holds the lock.
func (s *session) reopen() {
	a := &s.needTransient().again
	if a.now || s.durable != nil && s.durable.asking {
		a.more = true
		return
	}
	*a = reopening{now: true}
	if s.durable != nil {
		s.durable.asking = true // nothing is written down meanwhile
	}
	s.later(s.requestReopen)
}

// requestReopen asks, or asks once more. No lock may be held.
func (s *session) requestReopen() {
	c := &actors.OpenSession{Client: s.client, Again: true, Link: s}
	over := false
	s.do(func() {
		if over = s.phase != phaseLive; !over && s.durable != nil {
			c.Epoch = s.durable.epoch
		}
	})
	if over {
		return
	}
	r := actors.NewRequest(s.key, c)
	r.OnReply(func(r *actors.Request) {
		state, err := r.Answer.Session, r.Answer.Err
		r.Release()
		s.reopened(state, err)
	})
	s.server.deps.Router.Send(s.key, r)
}

// reopened goes on with the answer.
func (s *session) reopened(state *actors.SessionState, err *actors.Error) {
	s.do(func() {
		if s.phase != phaseLive {
			if err == nil { // it may have overtaken what gave the session back
				s.later(func() { s.closeDurable(s.key, &actors.CloseSession{Client: s.client, Link: s, Orderly: true}) })
			}
			return
		}
		a := &s.needTransient().again
		switch {
		case err == nil:
			s.merge(state)
		case err.Code == actors.Conflict:
			if s.durable != nil {
				s.durable.lost = true
			}
			s.server.metrics.takeovers.Inc()
			s.end(actors.EndReplaced)
		case err.Code != actors.Unavailable && err.Code != actors.Busy || a.tries >= againTries:
			s.end(actors.EndFailed)
		default:
			a.tries++
			time.AfterFunc(againPause, s.requestReopen)
		}
	})
}

// merge takes in what has come to wait meanwhile. The client learns nothing
// of it all. The caller holds the lock.
func (s *session) merge(state *actors.SessionState) {
	t := s.needTransient()
	more, early := t.again.more, t.early
	t.again, t.early = reopening{}, nil
	if d := s.durable; d != nil {
		list := make([]actors.QueuedMessage, 0, len(state.GetWaiting())+len(early))
		for _, n := range state.GetWaiting() {
			list = append(list, actors.QueuedMessage{Waiting: n})
		}
		s.waits(append(list, early...))
		if d.asking = d.change != nil; d.asking {
			s.later(s.writeDown)
		}
		s.sendWaiting()
	}
	if more {
		s.reopen()
	}
}

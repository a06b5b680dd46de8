package mqtt

import (
	"time"

	"reddot/actors"
)

// asking says how a session that is connected stands with its user's actor, of
// which it has heard that it has ended, or can't be reached.
type asking struct {
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
			s.stirred().again.more = true
		case phaseLive:
			s.askAgain()
		}
	})
}

// asksAgain tells whether the user's actor is being asked for the session. The
// caller holds the lock.
func (s *session) asksAgain() bool { return s.stir != nil && s.stir.again.now }

// askAgain asks the user's actor for the session. It waits for what is being
// written down: that may or may not have come in. The caller holds the lock.
func (s *session) askAgain() {
	a := &s.stirred().again
	if a.now || s.durable != nil && s.durable.asking {
		a.more = true
		return
	}
	*a = asking{now: true}
	if s.durable != nil {
		s.durable.asking = true // nothing is written down meanwhile
	}
	s.later(s.requestAgain)
}

// requestAgain asks, or asks once more. No lock may be held.
func (s *session) requestAgain() {
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
		s.askedAgain(state, err)
	})
	s.server.deps.Router.Send(s.key, r)
}

// askedAgain goes on with the answer.
func (s *session) askedAgain(state *actors.SessionState, err *actors.Error) {
	s.do(func() {
		if s.phase != phaseLive {
			if err == nil { // it may have overtaken what gave the session back
				s.later(func() { s.giveBack(s.key, &actors.CloseSession{Client: s.client, Link: s, Orderly: true}) })
			}
			return
		}
		a := &s.stirred().again
		switch {
		case err == nil:
			s.haveAgain(state)
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
			time.AfterFunc(againPause, s.requestAgain)
		}
	})
}

// haveAgain takes in what has come to wait meanwhile. The client learns nothing
// of it all. The caller holds the lock.
func (s *session) haveAgain(state *actors.SessionState) {
	t := s.stirred()
	more, early := t.again.more, t.early
	t.again, t.early = asking{}, nil
	if d := s.durable; d != nil {
		list := make([]actors.Waits, 0, len(state.GetWaiting())+len(early))
		for _, n := range state.GetWaiting() {
			list = append(list, actors.Waits{Waiting: n})
		}
		s.waits(append(list, early...))
		if d.asking = d.change != nil; d.asking {
			s.later(s.writeDown)
		}
		s.sendWaiting()
	}
	if more {
		s.askAgain()
	}
}

package user

import (
	"context"
	"encoding/json"
	"time"

	"reddot/actors"
)

// interest is what an actor knows of the record of its user's interest.
type interest struct {
	current  actors.Interest       // as it is, or is being, written down
	writing  bool                  // that is being written down
	failed   bool                  // it could not be
	stale    bool                  // it has changed while it was written down
	waitNow  []func(*actors.Error) // what waits for what is being written down
	waitNext []func(*actors.Error) // and for how it is now
}

// interestPause is how long after a failure the record is tried again, if no session
// asks for it before.
const interestPause = 2 * time.Second

// errUnwritten is what is said of a subscription that nobody would know of after a
// restart.
var errUnwritten = actors.Errorf(actors.Unavailable, "what the user's sessions are subscribed to can't be written down")

// noteInterest lets the record, and then the nodes, know the interest, if they do not.
// done is called when that is so, or with why it is not; nil: nobody waits.
func (u *User) noteInterest(done func(*actors.Error)) {
	if u.inbox == nil {
		answer(done, nil)
		return
	}
	now := u.inbox.Sessions.Interest()
	if u.interest == nil {
		known := u.Home.Topics.InterestOf(u.Key)
		if now.Equal(&known) {
			answer(done, nil)
			return
		}
		u.interest = &interest{current: known}
	}
	n := u.interest
	if now.Equal(&n.current) && !n.writing && !n.failed {
		answer(done, nil)
		return
	}
	now.Seq = u.inbox.Seq()
	n.current = now
	if done != nil {
		n.waitNext = append(n.waitNext, done)
	}
	u.writeInterest()
}

// noteSize is noteInterest for a message that has come to wait: most change nothing.
func (u *User) noteSize() {
	if u.inbox == nil {
		return
	}
	known := u.Home.Topics.InterestOf(u.Key)
	if u.interest != nil {
		known = u.interest.current
	}
	if known.Drifted(u.inbox.Sessions.Size()) {
		u.after(nil, func() { u.noteInterest(nil) })
	}
}

func answer(done func(*actors.Error), err *actors.Error) {
	if done != nil {
		done(err)
	}
}

// writeInterest writes the record, one time after the other.
func (u *User) writeInterest() {
	n := u.interest
	if n.writing {
		n.stale = true
		return
	}
	n.writing, n.stale, n.failed = true, false, false
	n.waitNow, n.waitNext = n.waitNext, nil
	h, key, self, now := u.Home, u.Key, u.Self, n.current
	h.Load(func() {
		b, err := putInterest(h, key, &now)
		if err != nil {
			h.Log.Error("what a user's sessions are subscribed to can't be written down", "user", key, "err", err)
			h.Send(self, &interestWritten{errUnwritten})
			return
		}
		h.Topics.NoteInterest(key, &now, b, func() { h.Send(self, &interestWritten{}) })
	})
}

// putInterest writes the record of a user's interest, and returns it;
// empty: there is none any more.
func putInterest(h *actors.Home, key actors.Key, now *actors.Interest) ([]byte, error) {
	if h.Records == nil {
		return nil, nil
	}
	if !now.Any {
		return nil, h.Records.DeleteRecord(context.Background(), actors.InterestKind, string(key))
	}
	b, err := json.Marshal(now)
	if err == nil {
		err = h.Records.PutRecord(context.Background(), actors.InterestKind, string(key), b)
	}
	return b, err
}

// interestWritten goes on when the record is written, or not.
func (u *User) interestWritten(m *interestWritten) {
	n := u.interest
	doing := n.waitNow
	n.writing, n.waitNow = false, nil
	for _, done := range doing {
		done(m.err)
	}
	switch {
	case n.stale:
		u.writeInterest()
	case m.err != nil:
		n.failed = true
		h, self := u.Home, u.Self
		h.Delay(interestPause, func() { h.Send(self, &writeAgain{}) })
	}
}

// writeInterestAgain tries once more what has failed.
func (u *User) writeInterestAgain() {
	if n := u.interest; n != nil && n.failed {
		u.writeInterest()
	}
}

// unwritten tells whether the record is behind.
func (n *interest) unwritten() bool { return n != nil && (n.writing || n.failed) }

// stopped fails those who wait: the next activation looks after the record.
func (n *interest) stopped() {
	if n == nil {
		return
	}
	for _, done := range append(n.waitNow, n.waitNext...) {
		done(errUnwritten)
	}
	n.waitNow, n.waitNext = nil, nil
}

package user

import (
	"context"
	"encoding/json"
	"time"

	"reddot/actors"
)

// notes are what an actor knows of the record of what its user's sessions
// follow.
type notes struct {
	followed actors.Followed       // as it is, or is being, written down
	noting   bool                  // that is being written down
	failed   bool                  // it could not be
	stale    bool                  // it has changed while it was written down
	doing    []func(*actors.Error) // what waits for what is being written down
	unnoted  []func(*actors.Error) // and for how it is now
}

// notePause is how long after a failure the record is tried again, if no session
// asks for it before.
const notePause = 2 * time.Second

// errUnnoted is what is said of a subscription that nobody would know of after a
// restart.
var errUnnoted = actors.Errorf(actors.Unavailable, "what the user's sessions follow can't be written down")

// follow lets a record, and then the nodes, know what the sessions follow, if
// they do not. done is called when that is so, or with why it is not; nil: nobody
// waits.
func (u *User) follow(done func(*actors.Error)) {
	if u.inbox == nil {
		answer(done, nil)
		return
	}
	now := u.inbox.Sessions.Followed()
	if u.notes == nil {
		known := u.Home.Topics.FollowedBy(u.Key)
		if now.Equal(&known) {
			answer(done, nil)
			return
		}
		u.notes = &notes{followed: known}
	}
	n := u.notes
	if now.Equal(&n.followed) && !n.noting && !n.failed {
		answer(done, nil)
		return
	}
	now.Seq = u.inbox.Seq
	n.followed = now
	if done != nil {
		n.unnoted = append(n.unnoted, done)
	}
	u.note()
}

// followSize is follow for a message that has come to wait: most change nothing.
func (u *User) followSize() {
	if u.inbox == nil {
		return
	}
	known := u.Home.Topics.FollowedBy(u.Key)
	if u.notes != nil {
		known = u.notes.followed
	}
	if known.Drifted(u.inbox.Sessions.Heft()) {
		u.after(nil, func() { u.follow(nil) })
	}
}

func answer(done func(*actors.Error), err *actors.Error) {
	if done != nil {
		done(err)
	}
}

// note writes the record, one time after the other.
func (u *User) note() {
	n := u.notes
	if n.noting {
		n.stale = true
		return
	}
	n.noting, n.stale, n.failed = true, false, false
	n.doing, n.unnoted = n.unnoted, nil
	h, key, self, now := u.Home, u.Key, u.Self, n.followed
	h.Load(func() {
		b, err := putFollowed(h, key, &now)
		if err != nil {
			h.Log.Error("what a user's sessions follow can't be written down", "user", key, "err", err)
			h.Send(self, &followNoted{errUnnoted})
			return
		}
		h.Topics.Learn(key, &now)
		known := func() { h.Send(self, &followNoted{}) }
		if h.Topics.Elsewhere == nil {
			known()
			return
		}
		h.Topics.Elsewhere.Followed(key, b, known)
	})
}

// putFollowed writes the record of what a user's sessions follow, and returns it;
// empty: there is none any more.
func putFollowed(h *actors.Home, key actors.Key, now *actors.Followed) ([]byte, error) {
	if h.Records == nil {
		return nil, nil
	}
	if !now.Any {
		return nil, h.Records.DeleteRecord(context.Background(), actors.FollowedKind, string(key))
	}
	b, err := json.Marshal(now)
	if err == nil {
		err = h.Records.PutRecord(context.Background(), actors.FollowedKind, string(key), b)
	}
	return b, err
}

// followNoted goes on when the record is written, or not.
func (u *User) followNoted(m *followNoted) {
	n := u.notes
	doing := n.doing
	n.noting, n.doing = false, nil
	for _, done := range doing {
		done(m.err)
	}
	switch {
	case n.stale:
		u.note()
	case m.err != nil:
		n.failed = true
		h, self := u.Home, u.Self
		h.Delay(notePause, func() { h.Send(self, &noteAgain{}) })
	}
}

// noteAgain tries once more what has failed.
func (u *User) noteAgain() {
	if n := u.notes; n != nil && n.failed {
		u.note()
	}
}

// unwritten tells whether the record is behind.
func (n *notes) unwritten() bool { return n != nil && (n.noting || n.failed) }

// stopped fails those who wait: the next activation looks after the record.
func (n *notes) stopped() {
	if n == nil {
		return
	}
	for _, done := range append(n.doing, n.unnoted...) {
		done(errUnnoted)
	}
	n.doing, n.unnoted = nil, nil
}

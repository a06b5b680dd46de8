package user

import "reddot/actors"

// What was broadcast also for users who join later, as one finds it who joins (actors/inbox/join.go).

// noteOpen lets the inbox of a new user know whether there is something for those who join now.
func (u *User) noteOpen(t actors.Moment) {
	if u.inbox.IsNew() {
		u.inbox.Open(u.log.FirstOpen(t.Now - u.Home.Limits.MessageAge.Milliseconds()))
	}
}

// join lets one join for whom there is something already, without saying anything of itself:
// who connects sees it, and it can be marked. The error says why the store does not take it.
func (u *User) join(t actors.Moment) *actors.Error {
	if u.inbox.AsNewcomer(u.log) == nil {
		return nil
	}
	return u.persist([]*actors.Event{u.inbox.Birth(t)})
}

// commandAsNewcomer answers what only reads, of a user without events, with what it would find if
// it joined: to read writes nothing.
func (u *User) commandAsNewcomer(r *actors.Request, t actors.Moment) (done bool) {
	switch r.Command.(type) {
	case *actors.Counts, *actors.List, *actors.Replay, *actors.Export:
	default:
		return false
	}
	b := u.inbox
	n := b.AsNewcomer(u.log)
	if n == nil {
		return false
	}
	u.inbox = n
	defer func() { u.inbox = b }()
	u.command(r, t)
	return true
}

// joined merges what the user finds that joins with the events that were applied last. push, which
// tells of them, leaves first: nil is left of it.
func (u *User) joined(push *actors.Push) *actors.Push {
	if push != nil {
		u.release(&actors.Effect{}, nil, push, nil)
	}
	_ = u.merge(u.Home.Moment()) // it fails for those alone who have no event
	return nil
}

// mark decides about messages, also those that are there for one who joins.
func (u *User) mark(r *actors.Request, c *actors.Mark, t actors.Moment) {
	if err := u.join(t); err != nil {
		u.refuse(r, err)
		return
	}
	u.commit(r, u.inbox.Mark(c, r.Once, t))
}

package user

import (
	"reddot/actors"
	"reddot/actors/inbox"
	"reddot/actors/rule"
)

// What a user's messages spend of quotas, which all users share (actors/quota): the node's
// table says what is left, and a turn never waits for it.

// quotaRead comes back when the node has asked for more of the quotas that a publish needs.
type quotaRead struct {
	req *actors.Request
	err error
}

// Refused implements Refusable.
func (m *quotaRead) Refused(_ *actors.Home, err *actors.Error) { m.req.Fail(err) }

// quotaLeft is inbox.Inbox.Left. It notes of which quotas nothing is known.
func (u *User) quotaLeft(q rule.Quota) (n int64, known bool) {
	n, known = u.book.Quotas.Left(u.Key.App(), q)
	if !known || u.starves {
		u.lacks = append(u.lacks, q)
		return 0, false
	}
	return n, known
}

// spend spends all of it, or nothing.
func (u *User) spend(all []rule.Quota) bool {
	for i, q := range all {
		if u.book.Quotas.Spend(u.Key.App(), q, 1) {
			continue
		}
		u.giveBack(all[:i])
		u.lacks = append(u.lacks, q)
		return false
	}
	return true
}

func (u *User) giveBack(all []rule.Quota) {
	for _, q := range all {
		u.book.Quotas.Spend(u.Key.App(), q, -1)
	}
}

// publish decides about a new message. One whose quota has to be asked for comes back.
func (u *User) publish(r *actors.Request, c *actors.Publish, t actors.Moment) {
	u.lacks = u.lacks[:0]
	d := u.inbox.Publish(c.Message, r.Once, t, &u.Home.Limits)
	if len(u.lacks) == 0 && u.spend(d.Spends) {
		u.commitOf(r, d, isBrief(c))
		return
	}
	h, key := u.Home, u.Key
	u.book.Quotas.Refill(key.App(), u.lacks[0], func(err error) { h.Router.Send(key, &quotaRead{r, err}) })
}

// quotaRead goes on with a publish.
func (u *User) quotaRead(m *quotaRead) {
	if m.err != nil {
		m.req.Fail(actors.AsError(m.err))
		return
	}
	u.handle(m.req)
}

// expired decides what the time alone has changed, and spends what that spends. What has to be
// asked for waits a little longer.
func (u *User) expired(t actors.Moment) inbox.Ready {
	u.lacks = u.lacks[:0]
	d := u.inbox.Expire(t, &u.Home.Limits)
	if !u.spend(d.Spends) { // others were faster
		u.starves = true
		d = u.inbox.Expire(t, &u.Home.Limits)
		u.starves = false
	}
	for _, q := range u.lacks {
		u.book.Quotas.Refill(u.Key.App(), q, nil)
	}
	return d
}

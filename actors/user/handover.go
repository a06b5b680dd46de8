package user

import (
	"context"
	"sync"
	"sync/atomic"

	"reddot/actors"
	"reddot/actors/session"
)

// What waits for a session by a shared subscription, and others may take when
// its connection is gone (MQTT 5, 4.8.2). Until it is known what they have taken,
// nobody connects to the session, and its user stays awake.

// handedOver tells a user's actor what others have taken.
type handedOver struct {
	client string
	epoch  uint64
	taken  []uint64 // seqs
}

// handOver offers what waits for a session without a connection to those who
// share its subscriptions: to those that are connected or, if it ends, to any.
func (u *User) handOver(s *session.Session, ends bool) {
	list := s.Offers(ends)
	if s.Offering || len(list) == 0 || s.Offered {
		return
	}
	s.Offering, s.Offered = true, ends
	self := actors.ShareMember{User: u.Key, Client: s.Client}
	done := &handedOver{client: s.Client, epoch: s.Epoch}
	h, pid := u.Home, u.Self
	h.Load(func() {
		var mu sync.Mutex
		left := new(atomic.Int32)
		left.Store(int32(len(list)))
		for _, o := range list {
			took := func(ok bool) {
				if ok {
					mu.Lock()
					done.taken = append(done.taken, o.Seq)
					mu.Unlock()
				}
				if left.Add(-1) == 0 {
					h.Send(pid, done)
				}
			}
			m, err := u.topicMessage(context.Background(), o.Seq)
			if err != nil {
				took(false)
				continue
			}
			h.Topics.Reassign(m, o.Share, self, ends, took)
		}
	})
}

// offer offers what waits for a session that has just lost its connection.
func (u *User) offer(client string) {
	if s := u.inbox.Sessions.Find(client); s != nil && s.ClosedAt != 0 && len(s.Offers(false)) > 0 {
		u.after(nil, func() {
			if s.ClosedAt != 0 {
				u.handOver(s, false)
			}
		})
	}
}

// handedOver takes what others have out of what waits for the session, and lets go
// on who wants to connect to it.
func (u *User) handedOver(m *handedOver) {
	u.tookOver(m)
	u.CatchUp(u.handle)
}

func (u *User) tookOver(m *handedOver) {
	s := u.inbox.Sessions.Find(m.client)
	if s == nil || s.Epoch != m.epoch {
		return
	}
	if s.Offering = false; s.ClosedAt != 0 && len(m.taken) > 0 {
		e, change := u.inbox.SessionEvent(m.client, u.Home.Moment())
		change.Dropped = m.taken
		if u.persist([]*actors.Event{e}) != nil {
			return // busy: they come twice
		}
	}
	_ = u.expire(u.Home.Moment()) // the session may have waited for it to end
}

// endShares offers what waits for those sessions that are about to end, which
// they do not before others have had their chance.
func (u *User) endShares(t actors.Moment) {
	for _, s := range u.inbox.Sessions.List {
		if s.Over(t) {
			u.handOver(s, true)
		}
	}
}

// endsShares offers what waits for a session that its client starts anew, unless that
// was done, and tells whether that is under way. A session whose connection is still
// there has given it what it may have seen, and is not asked for.
func (u *User) endsShares(s *session.Session) bool {
	if s != nil && s.ClosedAt != 0 {
		u.handOver(s, true)
	}
	return s != nil && s.Offering
}

// ForOne implements ForOne.
func (*handedOver) ForOne() {}

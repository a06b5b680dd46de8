package actors

import (
	"context"
	"sync"
	"sync/atomic"
)

// What waits for a session by a shared subscription, and others may take when
// its connection is gone (MQTT 5, 4.8.2).

// handedOver tells a user's actor what others have taken.
type handedOver struct {
	client string
	epoch  uint64
	taken  []uint64 // seqs
}

// handOver offers what waits for a session without a connection to those who
// share its subscriptions: to those that are connected or, if it ends, to any.
func (u *User) handOver(s *Subscriptions, ends bool) {
	list := s.offered(ends)
	if s.handing || len(list) == 0 || s.handed {
		return
	}
	s.handing, s.handed = true, ends
	self := shareMember{user: u.Key, client: s.client}
	done := &handedOver{client: s.client, epoch: s.epoch}
	h, pid := u.Home, u.Self
	h.Load(func() {
		var mu sync.Mutex
		left := new(atomic.Int32)
		left.Store(int32(len(list))) // #nosec G115 -- bounded by Limits.SessionMessages
		for _, o := range list {
			took := func(ok bool) {
				if ok {
					mu.Lock()
					done.taken = append(done.taken, o.seq)
					mu.Unlock()
				}
				if left.Add(-1) == 0 {
					h.Send(pid, done)
				}
			}
			m, err := u.topicMessage(context.Background(), o.seq)
			if err != nil {
				took(false)
				continue
			}
			h.Topics.reassign(m, o.share, self, ends, took)
		}
	})
}

// offer offers what waits for a session that has just lost its connection.
func (u *User) offer(client string) {
	if s := u.inbox.sessions.find(client); s != nil && s.closedAt != 0 && len(s.offered(false)) > 0 {
		u.after(nil, func() {
			if s.closedAt != 0 {
				u.handOver(s, false)
			}
		})
	}
}

// handedOver takes what others have out of what waits for the session. One that
// has a connection again has been given it too: it stays.
func (u *User) handedOver(m *handedOver) {
	s := u.inbox.sessions.find(m.client)
	if s == nil || s.epoch != m.epoch {
		return
	}
	if s.handing = false; s.closedAt != 0 && len(m.taken) > 0 {
		e, change := u.inbox.sessionEvent(m.client, u.Home.moment())
		change.Dropped = m.taken
		if !u.persist([]*Event{e}) {
			return // busy: they come twice
		}
	}
	u.expire(u.Home.moment()) // the session may have waited for it to end
}

// endShares offers what waits for those sessions that are about to end, which
// they do not before others have had their chance.
func (u *User) endShares(t Moment) {
	for _, s := range u.inbox.sessions.list {
		if s.over(t) {
			u.handOver(s, true)
		}
	}
}

// ForOne implements ForOne.
func (*handedOver) ForOne() {}

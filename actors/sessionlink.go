package actors

import "time"

// SessionLink is the way to the connection that has a session. Its methods are
// called in the user's turn, and must not block.
type SessionLink interface {
	// Client returns the session's client.
	Client() string
	// ID returns by what the session is known on its node. It never stands for
	// another one.
	ID() uint64
	// Waits says that messages have come to wait for the session.
	Waits(list []Waits)
	// Replaced says that another connection has taken the session.
	Replaced()
	// Lost says that the user's actor has ended, or that the way there is
	// broken: the session is to ask for itself again (OpenSession.Again).
	Lost()
}

// Waits is a message that waits for a session.
type Waits struct {
	*Waiting
	Message *TopicMessage // nil: to be fetched (FetchWaiting)
}

// Rouse wakes the user of Key, so that what a node left open that has crashed is
// closed. It comes again where the user can't be woken: no other message may ever
// come.
type Rouse struct {
	Key   Key
	tried int
}

// After a Rouse that failed comes another one in a while, and each time in twice
// that: for four minutes in all.
const (
	rousePause = time.Second
	rouseTries = 8
)

// Refused implements Refusable: another Rouse follows.
func (m *Rouse) Refused(h *Home, err *Error) {
	if m.tried == rouseTries {
		h.Log.Error("a user can't be woken; what a crash has left open of its sessions stays so until a message comes", "user", string(m.Key), "err", err)
		return
	}
	h.Delay(rousePause<<m.tried, func() { h.Router.Send(m.Key, &Rouse{m.Key, m.tried + 1}) })
}

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
	// Queued says that messages have come to wait for the session.
	Queued(list []QueuedMessage)
	// Replaced says that another connection has taken the session.
	Replaced()
	// Lost says that the user's actor has ended, or that the way there is
	// broken: the session is to ask for itself again (OpenSession.Again).
	Lost()
}

// QueuedMessage is a message that waits for a session.
type QueuedMessage struct {
	*Waiting
	Message *TopicMessage // nil: to be fetched (FetchWaiting)
}

// Recover wakes the user of Key, so that what a node left open that has crashed is
// closed. It comes again where the user can't be woken: no other message may ever
// come.
type Recover struct {
	Key   Key
	tries int
}

// After a Recover that failed comes another one in a while, and each time in twice
// that: for four minutes in all.
const (
	recoverPause = time.Second
	recoverTries = 8
)

// Refused implements Refusable: another Recover follows.
func (m *Recover) Refused(h *Home, err *Error) {
	if m.tries == recoverTries {
		h.Log.Error("a user can't be woken; what a crash has left open of its sessions stays so until a message comes", "user", string(m.Key), "err", err)
		return
	}
	h.Delay(recoverPause<<m.tries, func() { h.Router.Send(m.Key, &Recover{m.Key, m.tries + 1}) })
}

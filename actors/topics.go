package actors

import "slices"

// Topics is the live publish/subscribe of a node, as far as users need it. The rest
// of it is actors/topic.
type Topics interface {
	// InterestOf returns what the node knows of a user's sessions.
	InterestOf(user Key) Interest
	// NoteInterest takes in what a user's sessions want, and lets all nodes know of
	// the record of it; empty: there is none any more. known is called when those know
	// that can be reached.
	NoteInterest(user Key, now *Interest, record []byte, known func())
	// SessionsOf returns the sessions of all users of an app, on all nodes.
	SessionsOf(app string) SessionTotal
	// PublishWill publishes a will as of now, and does not wait. The expiry of its
	// message, if it has one, is below zero: seconds from its publication. done is
	// called with how many sessions it concerns, when it is durable for those that
	// outlive their connections; nil: nobody waits.
	PublishWill(w *Will, done func(took int, err *Error))
	// Tell publishes what the server itself says, as of now, and does not wait.
	Tell(m *TopicMessage)
	// Reassign gives a message by a shared subscription to another session than the
	// one that it waits for: to one that is connected or, if anybody may have it, to
	// any. done is called with whether there was one.
	Reassign(m *TopicMessage, filter string, not ShareMember, anybody bool, done func(bool))
}

// An Interest is by which filters messages may come to wait for a user's
// sessions. It stands in a record, so that every node knows it without waking
// the user.
type Interest struct {
	Filters []string         `json:"filters,omitempty"`
	Shares  []SharedInterest `json:"shares,omitempty"`
	Any     bool             `json:"any,omitempty"` // there are sessions
	Seq     uint64           `json:"seq,omitempty"` // of the user's event that it is as of

	Sessions int `json:"sessions,omitempty"`
	Size     int `json:"size,omitempty"` // bytes that wait for them, give or take sizeStep
}

// A SharedInterest is a shared subscription of one client.
type SharedInterest struct {
	Client string `json:"client"`
	Filter string `json:"filter"` // whole
}

// InterestKind is the kind of the records of the interest of users' sessions; the
// keys are those of the users.
const InterestKind = "sessions"

// sizeStep is by how many bytes of what waits for a user's sessions a record may be
// wrong: written down anew for each message, it would cost as much as that.
const sizeStep = 64 << 10

// Equal tells whether the record need not be written anew.
func (i *Interest) Equal(j *Interest) bool {
	return i.Any == j.Any && i.Sessions == j.Sessions && !i.Drifted(j.Size) && slices.Equal(i.Filters, j.Filters) && slices.Equal(i.Shares, j.Shares)
}

// Drifted tells whether a size has to be written down anew.
func (i *Interest) Drifted(size int) bool { return max(i.Size-size, size-i.Size) >= sizeStep }

// A SessionTotal is how many sessions of an app outlive their connections, and about how
// many bytes wait for them.
type SessionTotal struct{ Sessions, Size int }

// A ShareMember is a session that shares a subscription and outlives its connection.
type ShareMember struct {
	User   Key
	Client string
}

package actors

import "github.com/asynkron/protoactor-go/actor"

// All commands are judged by the clock of the actor's node.

// Publish asks a user's actor to accept a message. Answers ID, Rev, Outcome,
// Reason, Counts, Cursor. Message.Id is the id that a new message gets;
// the actor owns the Message from then on.
type Publish struct {
	Message *Message
}

// DryRun asks what a Publish, StartSend or Broadcast would come to, and lets nothing come
// of it: nothing is written, and no key is kept. A Publish answers Outcome, Rev, Cursor
// as they are, Counts as they would be, and Body: what each rule says, as a JSON array. All answer the error that they would, and
// ID and Replayed if they would be the repeat of an earlier one.
type DryRun struct{ Of Command }

// Weight implements Command.
func (c *DryRun) Weight() int { return c.Of.Weight() }

// Edit changes a message's content. Patch is a JSON object of the members to
// set; null removes one. Answers ID, Rev, Counts, Cursor.
type Edit struct {
	ID    ID
	Patch []byte
}

// Retract takes a message back. Answers ID, Rev, Counts, Cursor; NotFound if
// it never was in the inbox or has left it.
type Retract struct {
	ID    ID
	Brief bool // very many users are asked, one after the other: who is woken for it sleeps again
}

// Mark brings messages into another state. It concerns IDs, or else all
// that were accepted at or before UpTo, or else all; and of those only the
// ones of Category and of Tenant, if these are set. Answers Rev, Counts, Cursor, Unknown.
type Mark struct {
	To       Marking
	IDs      []ID
	UpTo     *Cursor
	Category string
	Tenant   string
	Until    int64 // MarkSnoozed: unix milliseconds
}

// Marking is what a user does with a message.
type Marking uint8

// The markings.
const (
	MarkSeen Marking = iota + 1
	MarkRead
	MarkUnread // again; it stays seen
	MarkArchived
	MarkSnoozed
)

// Counts asks where the user stands, or, with a Tenant, with the messages of that one
// alone. Answers Rev, Counts, Cursor.
type Counts struct{ Tenant string }

// List asks for messages, newest first. Answers Body: a JSON object with
// "messages", and "next" where there are more; and Counts, Cursor.
type List struct {
	State    string // "", unseen, seen, unread, read, archived, snoozed, scheduled, held, all
	Category string
	Tenant   string
	Limit    int
	Next     string // the "next" of the answer before
}

// Find asks for one message. Answers Body: its JSON object with its state and
// its funnel; NotFound if it is not there.
type Find struct{ ID ID }

// Explain asks why the user did or did not get a message. Answers Body: a JSON object with
// what was decided about it, in order, and what came of it; NotFound if neither the journal
// nor the broadcast log knows the message any more.
type Explain struct {
	ID    ID
	Own   bool // the user asks: it is not told what others have said of it, or to whom else it was sent
	Brief bool // what came of it alone; very many users are asked, one after the other: who is woken for it sleeps again
}

// Replay asks for the events after a cursor. Answers Body: the events' JSON
// objects, comma-separated; Cursor: where they end; More; and Counts. An
// empty Body says that there is no news. A foreign cursor, or one that the
// journal no longer reaches back to, is answered by a reset event.
type Replay struct {
	After Cursor
	Limit int // events; at most 100
}

// Connections asks who is attached. Answers Body: a JSON object with "connections".
type Connections struct{}

// Disconnect ends the user's connections. Answers nothing but Err.
type Disconnect struct{ Why End }

// JournalPage asks for the stored events after a seq, oldest first, without
// contents. Answers Body: a JSON object with "events", and "next".
type JournalPage struct {
	After uint64
	Limit int
}

// StateAt asks for the state as of a rev. Answers Body: a JSON object;
// NotFound where the journal no longer reaches back so far.
type StateAt struct{ Rev uint64 }

// StateKept is the state of a List of all that is in an inbox, for an export.
const StateKept = "kept"

// Export asks for all that is known of the user. Answers Body: a JSON object that
// ends with its messages, newest first, as those of a List; where they are too
// many for one answer next follows them, by which a List with StateKept goes on.
type Export struct{}

// SetProfile changes what is known of the user. With Replace the profile is all
// that is known from now on; else the members of it that are set replace the present
// ones, attributes by their names and addresses by their channels, once those that
// Removed names ("tags", "attributes.city", "addresses.email") are gone. Answers Rev,
// Counts, Cursor, and Body: the profile's JSON object. The actor owns the Profile
// from then on.
type SetProfile struct {
	Profile *Profile
	Removed []string
	Replace bool

	Anew bool // the actor's own: it is an event also where the profile stays as it was
}

// ImportUser changes all that is named of it at once, by one event: the profile, the
// preferences unless they are nil, and which topics the user follows and which lists
// it is in, besides the present ones or, with AllFollows and AllLists, in their place.
// It is one of many: the actor sleeps again as soon as it can. Answers nothing but Err
// and Replayed. The actor owns what it points to from then on.
type ImportUser struct {
	Profile              SetProfile
	Preferences          *Preferences
	Follows, Lists       []string
	AllFollows, AllLists bool
}

// SetPreferences replaces what the user prefers. Answers as SetProfile; Body: the
// preferences' JSON object. The actor owns the Preferences from then on.
type SetPreferences struct{ Preferences *Preferences }

// SetStanding changes what the app says of the user: that it is denied or allowed.
// Answers Rev, Counts, Cursor.
type SetStanding struct{ Standing *Standing }

// Follow lets the user follow a topic, or, with Stop, not any more. Answers Rev,
// Counts, Cursor; TooMany if it follows as many as it may.
type Follow struct {
	Topic string
	Stop  bool
}

// JoinList puts the user into a list of the app, or, with Leave, takes it out. Answers
// Rev, Counts, Cursor; TooMany if it is in as many as it may.
type JoinList struct {
	List  string
	Leave bool
}

// ReadProfile asks for a part of what is known of the user. Answers Body: its JSON
// object; of follows and lists one with "follows" or "lists", of which there are up to
// Limit from behind Next on, and "next" where there are more.
type ReadProfile struct {
	Part  ProfilePart
	Limit int
	Next  string // the "next" of the answer before
}

// ProfilePart is a part of what is known of a user. It is on the wire: append only.
type ProfilePart uint8

// The parts.
const (
	PartProfile ProfilePart = iota
	PartPreferences
	PartFollows
	PartLists
	PartStandings
	NumProfileParts
)

// Erase lets all that there is of the user leave the store: messages, sessions,
// profile, history. Those who are connected start anew. Answers nothing but Err.
type Erase struct{}

// StartSend asks a send's actor to deliver a message to many users of an app.
// Answers ID once the order is durable.
type StartSend struct {
	Message *Message
	Users   []string
}

// OpenSession gives a client's session to a connection, which takes the place
// of the one that has it. Answers Session, Epoch, or TooMany.
type OpenSession struct {
	Client string
	Clean  bool  // what there was of the session is gone
	Expiry int64 // milliseconds that it outlives the connection; 0: not at all
	Will   *Will // of a session that outlives its connection; nil: none
	Link   SessionLink
	// Again says that the connection has the session, as Epoch (0: one that
	// ends with it), and that the user's actor may not know: Conflict if another
	// one has it, NotFound if it has ended.
	Again bool
	Epoch uint64

	Exchange *actor.PID // the exchange that knows the connection, on its way to another node
	Turn     uint64     // by which it knows the way
}

// ChangeSession writes down what a connection's client and the connection do
// with a session. Answers nothing but Err; Conflict if another connection has
// the session.
type ChangeSession struct {
	Client string
	Epoch  uint64
	Change *SessionChange
}

// CloseSession gives a session back. Answers nothing but Err.
type CloseSession struct {
	Client  string
	Epoch   uint64
	Link    SessionLink
	Orderly bool   // the client has said so: the will is void
	Expiry  *int64 // as in OpenSession; nil: as it was

	Exchange *actor.PID
}

// QueueMessage lets a topic's message wait for the user's sessions, each of
// which gets it more than at most once. Answers N.
type QueueMessage struct {
	Message  *TopicMessage
	Client   string // not empty: for this one alone,
	Filter   string // by this subscription of its, the whole filter
	Retained bool   // it is what the topic retains, for a new subscription
}

// FetchWaiting asks for the messages that wait for a session, or are under
// way, by the seqs of SessionState. Answers Messages: one for each, nil where
// it is there no more.
type FetchWaiting struct {
	Client string
	Seqs   []uint64
	Inbox  []bool // which of them are the inbox's
}

// Retain asks a topic's actor to keep its message, or, if it has no payload, to
// keep none. Answers nothing but Err: TooLarge, TooMany.
type Retain struct{ Message *TopicMessage }

// Retained asks for the messages that topics which match a filter retain, a page
// of them, in the order of the topics and behind one of those. Answers Messages
// and More.
type Retained struct{ Filter, After string }

// Weight implements Command.
func (c *OpenSession) Weight() int { return len(c.Client) + c.Will.SizeVT() }

// Weight implements Command.
func (c *ChangeSession) Weight() int { return len(c.Client) + c.Change.SizeVT() }

// Weight implements Command.
func (c *CloseSession) Weight() int { return len(c.Client) }

// Weight implements Command.
func (c *QueueMessage) Weight() int { return c.Message.SizeVT() }

// Weight implements Command.
func (c *FetchWaiting) Weight() int { return 9 * len(c.Seqs) }

// Weight implements Command.
func (c *Retain) Weight() int { return c.Message.SizeVT() }

// Weight implements Command.
func (c *Retained) Weight() int { return len(c.Filter) + len(c.After) }

// Weight implements Command.
func (c *Publish) Weight() int { return c.Message.SizeVT() }

// Weight implements Command.
func (c *Edit) Weight() int { return len(c.Patch) }

// Weight implements Command.
func (*Retract) Weight() int { return 0 }

// Weight implements Command.
func (c *Mark) Weight() int { return 16 * len(c.IDs) }

// Weight implements Command.
func (c *Counts) Weight() int { return len(c.Tenant) }

// Weight implements Command.
func (c *List) Weight() int { return len(c.State) + len(c.Category) + len(c.Tenant) + len(c.Next) }

// Weight implements Command.
func (*Find) Weight() int { return 0 }

// Weight implements Command.
func (*Explain) Weight() int { return 0 }

// Weight implements Command.
func (*Replay) Weight() int { return 0 }

// Weight implements Command.
func (*Connections) Weight() int { return 0 }

// Weight implements Command.
func (*Disconnect) Weight() int { return 0 }

// Weight implements Command.
func (*JournalPage) Weight() int { return 0 }

// Weight implements Command.
func (*StateAt) Weight() int { return 0 }

// Weight implements Command.
func (*Export) Weight() int { return 0 }

// Weight implements Command.
func (c *SetProfile) Weight() int { return c.Profile.SizeVT() + 64*len(c.Removed) }

// Weight implements Command.
func (c *ImportUser) Weight() int {
	return c.Profile.Weight() + c.Preferences.SizeVT() + 64*(len(c.Follows)+len(c.Lists))
}

// Weight implements Command.
func (c *SetPreferences) Weight() int { return c.Preferences.SizeVT() }

// Weight implements Command.
func (c *SetStanding) Weight() int { return c.Standing.SizeVT() }

// Weight implements Command.
func (c *Follow) Weight() int { return len(c.Topic) }

// Weight implements Command.
func (c *JoinList) Weight() int { return len(c.List) }

// Weight implements Command.
func (c *ReadProfile) Weight() int { return len(c.Next) }

// Weight implements Command.
func (*Erase) Weight() int { return 0 }

// Weight implements Command.
func (c *StartSend) Weight() int { return c.Message.SizeVT() + 64*len(c.Users) }

// Changes tells whether the marking means something to a message in state s. A
// sweep passes over what is snoozed; naming a message takes it out of snooze.
func (k Marking) Changes(s State, sweep bool) bool {
	switch k {
	case MarkSeen:
		return s == State_UNSEEN
	case MarkRead:
		return s == State_UNSEEN || s == State_SEEN || s == State_SNOOZED && !sweep
	case MarkUnread:
		return s == State_READ || s == State_ARCHIVED && !sweep
	case MarkArchived:
		return s == State_UNSEEN || s == State_SEEN || s == State_READ || s == State_SNOOZED && !sweep
	case MarkSnoozed:
		return s != State_SCHEDULED && s != State_ARCHIVED
	}
	return false
}

// State returns the state that a marking leads to.
func (k Marking) State() State {
	return [...]State{MarkSeen: State_SEEN, MarkRead: State_READ, MarkUnread: State_SEEN, MarkArchived: State_ARCHIVED, MarkSnoozed: State_SNOOZED}[k]
}

// Broadcast asks an app's log to take in a message for an audience. Answers ID once it
// is durable, and every node that can be reached knows of it.
type Broadcast struct {
	Message  *Message
	Audience *Audience
}

// Weight implements Command.
func (c *Broadcast) Weight() int { return c.Message.SizeVT() + c.Audience.SizeVT() }

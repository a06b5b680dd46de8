package judge

import (
	"math"
	"time"

	"reddot/cmd/internal/chaos/screen"
)

// Kind is what an operation does.
type Kind uint8

// The operations of callers.
const (
	Publish Kind = iota
	Seen
	Read
	Unread
	ReadAll
	Counts
)

// What a merge of the broadcast log does.
const (
	shows Kind = iota + Counts + 1
	recasts
	withdraws
	expires
)

// String returns the operation's word in the API.
func (k Kind) String() string {
	return [...]string{"publish", "seen", "read", "unread", "read all", "counts", "broadcast", "edit of a broadcast", "end of a broadcast", "end of messages"}[k]
}

// Tally is where a user stands.
type Tally struct {
	Rev            uint64
	Unread, Unseen int
	Labels         string // unread by category and tenant, as LabelsOf writes it
}

// An Op is one operation of a caller on one user. A write is repeated under one
// key until it is answered, or given up.
type Op struct {
	Caller       int
	Kind         Kind
	Message      int // the user's message that it is about, by its number
	Call, Return time.Duration
	Answered     bool   // else its outcome is unknown
	Rev          uint64 // of a write: that it made
	ID           string // of a publish
	Tally        Tally  // after it
	Repeated     bool   // the answer is a repeat's: Tally is of a later moment
	Missing      bool   // the answer says that there is no such message
	Stopped      bool   // of a publish: the answer says that a rule has stopped it

	Label   Label  // of a publish
	Tenant  string // of a read all, or counts: of its messages alone
	Numbers []int  // of the messages that expire
}

// Unanswered is the return of an operation that never returned.
const Unanswered = time.Duration(math.MaxInt64)

// A Message is one message of an inbox.
type Message struct {
	ID, Body, State string
}

// An Entry is one event of a user's journal.
type Entry struct {
	Seq, Rev uint64
	Kind     string // accepted, marked, expired; others change nothing that a user sees
	IDs      []string
	Replaced []string // by what was accepted
	State    string
	Pos      uint64 // up to which the broadcast log was merged before it

	Followed, Unfollowed []string
	Joined, Left         []string // lists
	Known                *Known   // nil: as before
	Label                Label    // of what was accepted
	At                   int64    // unix milliseconds, by the server's clock
}

// The transports.
const (
	poll = screen.Poll
	sse  = screen.SSE
)

// An Observation is what a client was shown by one event, or one answer.
type Observation struct {
	Transport string
	Server    int
	Type      string
	Lineage   uint64
	Seq, Pos  uint64 // of the cursor: the client has seen all up to it
	IDs       []string
	Replaced  []string // messages whose place the one takes that it tells of
	State     string
	Tally     Tally
	At        time.Duration
}

// A View is one client's whole life, over many connections.
type View struct {
	Name         string
	Observations []Observation
	Trouble      []string // what a client may never see
}

// A Device is one MQTT session's whole life, over many connections.
type Device struct {
	Name    string
	Since   time.Duration // when its subscription was acknowledged; 0: never
	IDs     []string      // of the messages that came, in their order
	Trouble []string
}

// A UserHistory is all that is known of one user.
type UserHistory struct {
	User    string
	Bodies  []string // of the messages, by number
	Ops     []Op
	Views   []*View
	Devices []*Device
	Journal []Entry
	Inbox   []Message
	// Finals are the counts at the end, by whomever was asked: each server, and
	// one that was started when all others had ended.
	Finals []Tally

	Log     *LogHistory    // that of all users; nil: nothing was broadcast
	Numbers map[string]int // of broadcasts that callers have marked, by id
	Follows []FollowOp
	Topics  []string // that the user follows at the end
	Lists   []string // that have the user at the end
	Profile []ProfileOp
	Wishes  []ProfileOp // its preferences
	Labels  []Label     // of the messages, by number
	ReadAt  int64       // unix milliseconds, when the inbox was read at the end; 0: nobody knows
}

// A FollowOp lets a user follow a topic, or be in a list, or stop to.
type FollowOp struct {
	Topic        string // or Listed(a list)
	Stop         bool
	Call, Return time.Duration
	Answered     bool
	Maybe        bool // it was tried in vain: it may have happened, or do so until Return
}

// Listed names a list among what is followed.
func Listed(list string) string { return "list " + list }

// A ProfileOp writes a value of its own into a profile, or reads which one is there.
type ProfileOp struct {
	Read         bool
	Value        string // "": there is none
	Call, Return time.Duration
	Answered     bool
}

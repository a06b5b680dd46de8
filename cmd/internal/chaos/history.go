package chaos

import (
	"math"
	"sync"
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
)

// String returns the operation's word in the API.
func (k Kind) String() string {
	return [...]string{"publish", "seen", "read", "unread", "read all", "counts", "broadcast", "edit of a broadcast", "end of a broadcast"}[k]
}

// Tally is where a user stands.
type Tally struct {
	Rev            uint64
	Unread, Unseen int
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
}

// unanswered is the return of an operation that never returned.
const unanswered = time.Duration(math.MaxInt64)

// A Message is one message of an inbox.
type Message struct {
	ID, Body, State string
}

// An Entry is one event of a user's journal.
type Entry struct {
	Seq, Rev uint64
	Kind     string // accepted, marked; others change nothing that a user sees
	IDs      []string
	State    string
	Pos      uint64 // up to which the broadcast log was merged before it

	Followed, Unfollowed []string
}

// The transports.
const (
	poll      = screen.Poll
	longPoll  = screen.LongPoll
	iframe    = screen.Iframe
	sse       = screen.SSE
	webSocket = screen.WebSocket
)

var transports = []string{poll, longPoll, iframe, sse, webSocket}

// An Observation is what a client was shown by one event, or one answer.
type Observation struct {
	Transport string
	Server    int
	Type      string
	Lineage   uint64
	Seq, Pos  uint64 // of the cursor: the client has seen all up to it
	IDs       []string
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
	Profile []ProfileOp
}

// A FollowOp lets a user follow a topic, or stop to.
type FollowOp struct {
	Topic        string
	Stop         bool
	Call, Return time.Duration
	Answered     bool
}

// A ProfileOp writes a value of its own into a profile, or reads which one is there.
type ProfileOp struct {
	Read         bool
	Value        string // "": there is none
	Call, Return time.Duration
	Answered     bool
}

// A log gathers a user's history.
type log struct {
	mu    sync.Mutex
	h     UserHistory
	acked []ackedMessage
}

type ackedMessage struct {
	number int
	id     string
}

func (l *log) add(op Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Ops = append(l.h.Ops, op)
	if op.Kind == Publish && op.Answered && !op.Missing {
		l.acked = append(l.acked, ackedMessage{op.Message, op.ID})
	}
}

// message returns the number of a new message.
func (l *log) message(body string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Bodies = append(l.h.Bodies, body)
	return len(l.h.Bodies) - 1
}

// number returns the user's number of a broadcast.
func (l *log) number(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.h.Numbers[id]
	if !ok {
		n = len(l.h.Bodies)
		l.h.Bodies = append(l.h.Bodies, "")
		if l.h.Numbers == nil {
			l.h.Numbers = make(map[string]int)
		}
		l.h.Numbers[id] = n
	}
	return n
}

// some returns one of the messages whose publish was answered.
func (l *log) some(pick func(int) int) (ackedMessage, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.acked) == 0 {
		return ackedMessage{}, false
	}
	return l.acked[pick(len(l.acked))], true
}

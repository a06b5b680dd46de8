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

// String returns the operation's word in the API.
func (k Kind) String() string {
	return [...]string{"publish", "seen", "read", "unread", "read all", "counts"}[k]
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
	Seq       uint64 // of the cursor: the client has seen all up to it
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
	if op.Kind == Publish && op.Answered {
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

// some returns one of the messages whose publish was answered.
func (l *log) some(pick func(int) int) (ackedMessage, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.acked) == 0 {
		return ackedMessage{}, false
	}
	return l.acked[pick(len(l.acked))], true
}

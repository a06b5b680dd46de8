package chaos

import (
	"sync"

	"reddot/cmd/internal/chaos/judge"
	"reddot/cmd/internal/chaos/screen"
)

// The transports.
const (
	poll      = screen.Poll
	longPoll  = screen.LongPoll
	iframe    = screen.Iframe
	sse       = screen.SSE
	webSocket = screen.WebSocket
)

var transports = []string{poll, longPoll, iframe, sse, webSocket}

// A log gathers a user's history.
type log struct {
	mu    sync.Mutex
	h     judge.UserHistory
	acked []ackedMessage
}

type ackedMessage struct {
	number int
	id     string
}

func (l *log) add(op judge.Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Ops = append(l.h.Ops, op)
	if op.Kind == judge.Publish && op.Answered && !op.Stopped {
		l.acked = append(l.acked, ackedMessage{op.Message, op.ID})
	}
}

// message returns the number of a new message.
func (l *log) message(body string, about judge.Label) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Bodies, l.h.Labels = append(l.h.Bodies, body), append(l.h.Labels, about)
	return len(l.h.Bodies) - 1
}

// number returns the user's number of a broadcast.
func (l *log) number(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.h.Numbers[id]
	if !ok {
		n = len(l.h.Bodies)
		l.h.Bodies, l.h.Labels = append(l.h.Bodies, ""), append(l.h.Labels, judge.Label{})
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

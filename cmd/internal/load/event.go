package load

import (
	"bytes"
	"errors"
	"strconv"
)

var errEvent = errors.New("not an event")

// counts are a user's counts as told by an answer or an event.
type counts struct {
	unread, unseen, rev int64
	known               bool
}

// An event is what every transport carries; its slices are parts of the bytes
// it was read from.
type event struct {
	kind   []byte
	cursor []byte
	body   []byte // of the message, or the payload of a topic's event
	counts counts
	asOf   []byte // the cursor that the counts belong to
}

// replayed tells whether the counts are newer than the event: it was missed
// before, and comes with the counts as they are now.
func (e *event) replayed() bool {
	return len(e.cursor) > 0 && len(e.asOf) > 0 && !bytes.Equal(e.cursor, e.asOf)
}

// parseEvent reads one event's JSON.
func parseEvent(b []byte, e *event) error {
	*e = event{}
	s := scanner{b: b}
	e.read(&s)
	if s.bad || (len(e.kind) == 0 && !e.counts.known) {
		return errEvent
	}
	return nil
}

func (e *event) read(s *scanner) {
	if !s.open() {
		s.bad = true
		return
	}
	for {
		k, ok := s.key()
		if !ok {
			if len(e.cursor) == 0 {
				e.cursor = e.asOf
			}
			return
		}
		switch string(k) {
		case "type":
			e.kind = s.text()
		case "cursor":
			e.cursor = s.text()
		case "payload":
			e.body = s.text()
		case "message":
			e.body = readBody(s)
		case "counts":
			e.counts, e.asOf = readCounts(s)
		default:
			s.skip()
		}
	}
}

func readBody(s *scanner) (body []byte) {
	if !s.open() {
		return nil
	}
	for {
		k, ok := s.key()
		if !ok {
			return body
		}
		if string(k) == "body" {
			body = s.text()
		} else {
			s.skip()
		}
	}
}

func readCounts(s *scanner) (c counts, cursor []byte) {
	if !s.open() {
		return c, nil
	}
	var fields int
	for {
		k, ok := s.key()
		if !ok {
			c.known = fields == 3
			return c, cursor
		}
		switch string(k) {
		case "unread":
			c.unread = s.number()
			fields++
		case "unseen":
			c.unseen = s.number()
			fields++
		case "rev":
			c.rev = s.number()
			fields++
		case "cursor":
			cursor = s.text()
		default:
			s.skip()
		}
	}
}

// An answer is what a publish, a line of a batch or a read of counts returns.
type answer struct {
	id      []byte
	rev     int64 // 0 when not told
	counts  counts
	outcome []byte
	code    []byte // of a problem
	cursor  []byte
}

// parseAnswer reads an answer's JSON: a published message, a problem, or
// counts that stand at the top.
func parseAnswer(b []byte, a *answer) error {
	*a = answer{}
	s := scanner{b: b}
	if !s.open() {
		return errEvent
	}
	var unread, unseen, flat = int64(0), int64(0), 0
	for {
		k, ok := s.key()
		if !ok {
			break
		}
		switch string(k) {
		case "id":
			a.id = s.text()
		case "rev":
			a.rev = s.number()
		case "counts":
			a.counts, _ = readCounts(&s)
		case "outcome":
			a.outcome = s.text()
		case "code":
			a.code = s.text()
		case "cursor":
			a.cursor = s.text()
		case "unread":
			unread = s.number()
			flat++
		case "unseen":
			unseen = s.number()
			flat++
		default:
			s.skip()
		}
	}
	if s.bad {
		return errEvent
	}
	if flat == 2 && !a.counts.known {
		a.counts = counts{unread: unread, unseen: unseen, rev: a.rev, known: true}
	}
	return nil
}

// A stamp makes a message unique. It stands at the beginning of the body:
// "rb<run>.<user+1>.<n>.<sent>." where user is -1 for a broadcast and sent is
// in nanoseconds since the run began.
type stamp struct {
	user int
	n    uint64
	sent int64
}

// appendBody appends a stamped body of the given size.
func appendBody(b []byte, run string, s stamp, size int) []byte {
	from := len(b)
	b = append(b, 'r', 'b')
	b = append(b, run...)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(s.user)+1, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, s.n, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, s.sent, 10)
	b = append(b, '.')
	for n := size - (len(b) - from); n > 0; {
		k := min(n, len(padding))
		b = append(b, padding[:k]...)
		n -= k
	}
	return b
}

const padding = "................................................................................................................................"

// parseStamp reads a body's stamp; ok is false for a message of another run.
func parseStamp(body []byte, run string) (s stamp, ok bool) {
	if len(body) < 2+len(run)+1 || body[0] != 'r' || body[1] != 'b' || string(body[2:2+len(run)]) != run {
		return s, false
	}
	b := body[2+len(run)+1:]
	user, b, ok := digits(b)
	if !ok {
		return s, false
	}
	n, b, ok := digits(b)
	if !ok {
		return s, false
	}
	sent, _, ok := digits(b)
	return stamp{user: int(user) - 1, n: uint64(n), sent: sent}, ok
}

// digits reads a number that ends with a point.
func digits(b []byte) (n int64, rest []byte, ok bool) {
	for i, c := range b {
		if c == '.' {
			return n, b[i+1:], i > 0
		}
		if c < '0' || c > '9' || i > 17 {
			return 0, nil, false
		}
		n = n*10 + int64(c-'0')
	}
	return 0, nil, false
}

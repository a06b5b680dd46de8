package load

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"

	"reddot/cmd/internal/load/event"
	"reddot/cmd/internal/load/http1"
)

// An op is what a publisher's request does.
type op uint8

const (
	opNone op = iota
	opMessage
	opBatch
	opBroadcast
	opCounts
	opRead
	opList
	opTopic
	opStore
	opWake
	opChange
	opKinds
)

// A ref names a message under way.
type ref struct {
	user int // in the worker
	n    uint64
	sent int64 // when it should have left
}

// A publisher is a connection that publishes, one request at a time.
type publisher struct {
	w      *worker
	from   netip.Addr
	to     *http1.Target // nil where none needs HTTP
	caller *http1.Caller
	op     op
	refs   []ref
	take   func(*user, event.Counts) // of opCounts
	line   []byte
	nth    int // of the worker's
	count  int // of opStore: its users; of opWake: which one
	since  int64
	woke   func(n int, c event.Counts, ns int64)

	broker *mqttPublisher // in the place of the caller, if it publishes by MQTT
}

// Answered implements http1.Answerer.
func (p *publisher) Answered(status int, body []byte) {
	w := p.w
	now := w.now()
	var err error
	switch p.op {
	case opMessage:
		err = w.judge(p.refs[0], status, 201, body, now)
	case opBatch:
		err = p.lines(status, body, now)
	case opBroadcast:
		err = w.judgeBroadcast(p.refs[0], status, body, now)
	case opTopic:
		if status != 200 {
			err = fmt.Errorf("topic: status %d %s", status, problemCode(body))
			break
		}
		w.taken(p.refs[0], now)
	case opCounts:
		var a event.Answer
		if status != 200 {
			err = fmt.Errorf("counts: status %d", status)
		} else if err = event.ParseAnswer(body, &a); err == nil && a.Counts.Known {
			w.users[p.refs[0].user].cursor = append([]byte(nil), a.Cursor...)
			p.take(&w.users[p.refs[0].user], a.Counts)
		}
	case opRead:
		err = w.judgeRead(p.refs[0], status, body)
	case opList:
		if status != 200 {
			err = fmt.Errorf("list: status %d", status)
		}
	case opStore:
		err = p.judgeStore(status, body)
	case opWake:
		err = p.judgeWake(status, body, now)
	case opChange:
		if status < 200 || status > 299 {
			err = fmt.Errorf("change: status %d %s", status, problemCode(body))
		}
	}
	if err != nil {
		w.tally.fail(err.Error(), 1)
		w.failed++
	}
	w.done[p.op]++
	p.free()
	w.ready(p)
}

// Failed leaves the messages in doubt. The publisher goes on after a pause.
func (p *publisher) Failed(err error) {
	w := p.w
	w.tally.fail("publish: "+reason(err), 1)
	w.failed++
	for _, r := range p.refs {
		switch p.op {
		case opMessage, opBatch, opTopic:
			w.users[r.user].unknown++
		case opBroadcast:
			w.b.window.release(r.n)
		case opRead:
			w.users[r.user].countsUnknown = true
		}
	}
	p.free()
	w.rest(p)
}

// free ends what was under way.
func (p *publisher) free() {
	for _, r := range p.refs {
		u := &p.w.users[r.user]
		u.busy, u.reading = false, false
	}
	p.op, p.refs = opNone, p.refs[:0]
}

// lines judges a batch's answer, a line a message.
func (p *publisher) lines(status int, body []byte, now int64) error {
	if status != 200 && status != 202 && status != 207 {
		for _, r := range p.refs {
			_ = p.w.judge(r, status, 200, body, now)
		}
		return fmt.Errorf("batch: status %d %s", status, problemCode(body))
	}
	for _, r := range p.refs {
		line := body
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			line, body = body[:i], body[i+1:]
		} else {
			body = nil
		}
		if err := p.w.judge(r, 200, 200, line, now); err != nil {
			p.w.tally.fail("line: "+err.Error(), 1)
		}
	}
	if len(bytes.TrimSpace(body)) > 0 {
		return fmt.Errorf("batch: more lines in the answer than in the request")
	}
	return nil
}

func problemCode(body []byte) string {
	var a event.Answer
	_ = event.ParseAnswer(body, &a)
	return string(a.Code)
}

// judge takes the answer to one message.
func (w *worker) judge(r ref, status, want int, body []byte, now int64) error {
	u := &w.users[r.user]
	p := u.at(r.n)
	var a event.Answer
	err := event.ParseAnswer(body, &a)
	if p == nil {
		return nil // settled before: it was counted
	}
	switch {
	case status != want || (err == nil && len(a.Code) > 0):
		if status >= 500 || status < 300 && len(a.Code) == 0 { // it may come all the same
			u.unknown++
			u.countsUnknown = u.countsUnknown || u.busy
		} else {
			p.settled = true
			u.settle()
		}
		return fmt.Errorf("status %d %s", status, a.Code)
	case err != nil:
		u.unknown++
		return fmt.Errorf("status %d, unreadable answer", status)
	case len(a.Outcome) > 0 && string(a.Outcome) != "delivered":
		p.settled = true
		u.settle()
		return fmt.Errorf("outcome %s", a.Outcome)
	}
	w.tally.accepted++
	u.taken++
	p.answered = true
	if w.measuring(r.sent) {
		w.recordAnswer(now - r.sent)
	}
	if !w.b.stateless && a.Counts.Known {
		if a.Counts.Rev == 0 {
			a.Counts.Rev = a.Rev
		}
		if (a.Rev != 0 && a.Rev != a.Counts.Rev) || !u.possible(a.Counts, w.limit) || !p.agrees(a.Counts.Rev, a.Counts) {
			w.fault(&w.tally.wrong, nil, "answer %d: %s, known rev %d %+v, base %+v", r.n, body, p.rev, p.counts, u.base)
		}
		u.last = a.Counts
		w.overtaken(r, p, now)
	}
	u.settle()
	return nil
}

// overtaken counts the connections whose poll has told of a message before its
// answer came.
func (w *worker) overtaken(r ref, p *pending, now int64) {
	if w.cfg.Transport != Poll {
		return
	}
	for _, c := range w.connsOf(r.user) {
		if c.known && c.order.rev >= p.rev {
			w.delivered(stamp{sent: r.sent}, now)
			p.delivered++
		}
	}
}

// judgeBroadcast takes the answer to a message for many.
func (w *worker) judgeBroadcast(r ref, status int, body []byte, now int64) error {
	if status != 200 && status != 201 && status != 202 && status != 204 {
		w.b.window.release(r.n)
		return fmt.Errorf("broadcast: status %d %s", status, problemCode(body))
	}
	w.tally.accepted++
	w.b.broadcasts.Add(1)
	if w.measuring(r.sent) {
		w.answers.Record(now - r.sent)
	}
	return nil
}

// message publishes to one user.
func (p *publisher) message(user int, due int64) {
	w := p.w
	n := w.users[user].add(due)
	p.op = opMessage
	p.refs = append(p.refs[:0], ref{user: user, n: n, sent: due})
	name := w.name(user)
	if w.b.each {
		p.op = opTopic
		p.toTopic(name, stamp{user: name, n: n, sent: due})
		return
	}
	p.line = appendMessage(p.line[:0], nil, w.b.run, stamp{user: name, n: n, sent: due}, w.cfg.BodySize)
	b := append(w.scratch[:0], "POST "...)
	b = w.appendUser(append(b, p.to.Path...), name)
	p.post(append(b, "/messages"...), "application/json", p.line)
	w.tally.sent++
}

// batch publishes to many users in one NDJSON request.
func (p *publisher) batch(users []int, due int64) {
	w := p.w
	p.op = opBatch
	p.refs, p.line = p.refs[:0], p.line[:0]
	for _, user := range users {
		n := w.users[user].add(due)
		p.refs = append(p.refs, ref{user: user, n: n, sent: due})
		name := w.name(user)
		w.to = append(w.appendName(append(w.to[:0], `{"user":"`...), name), `"}`...)
		p.line = appendMessage(p.line, w.to, w.b.run, stamp{user: name, n: n, sent: due}, w.cfg.BodySize)
		p.line = append(p.line, '\n')
	}
	b := append(append(w.scratch[:0], "POST "...), p.to.Path...)
	p.post(append(b, "/v1/messages/batch"...), "application/x-ndjson", p.line)
	w.tally.sent += uint64(len(users))
}

// broadcast publishes message n to the scenario's audience.
func (p *publisher) broadcast(n uint64, due int64) {
	w := p.w
	p.op = opBroadcast
	p.refs = append(p.refs[:0], ref{n: n, sent: due})
	s := stamp{user: -1, n: n, sent: due}
	if w.b.topic != "" {
		p.toTopic(0, s)
		return
	}
	b := append(append(w.scratch[:0], "POST "...), p.to.Path...)
	switch w.cfg.Audience {
	default:
		b = append(b, "/v1/messages"...)
		w.to = w.appendAudience(w.to[:0])
		p.line = appendMessage(p.line[:0], w.to, w.b.run, s, w.cfg.BodySize)
	case AudienceUser:
		b = append(w.appendUser(b, 0), "/messages"...)
		p.line = appendMessage(p.line[:0], nil, w.b.run, s, w.cfg.BodySize)
	}
	p.post(b, "application/json", p.line)
	w.tally.sent++
}

// counts reads a user's counts.
func (p *publisher) counts(user int, take func(*user, event.Counts)) {
	w := p.w
	p.op, p.take = opCounts, take
	p.refs = append(p.refs[:0], ref{user: user})
	b := append(append(w.scratch[:0], "GET "...), p.to.Path...)
	b = append(w.appendUser(b, w.name(user)), "/counts HTTP/1.1\r\n"...)
	w.scratch = append(w.appendHead(b, p.to), "\r\n"...)
	p.caller.Call(w.scratch)
}

// post completes and sends a request whose first words stand in b.
func (p *publisher) post(b []byte, kind string, body []byte) {
	w := p.w
	b = w.appendHead(append(b, " HTTP/1.1\r\n"...), p.to)
	b = append(append(b, "Content-Type: "...), kind...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	w.scratch = b
	p.caller.Call(b)
}

// appendMessage appends a message as JSON.
func appendMessage(b, to []byte, run string, s stamp, size int) []byte {
	b = append(b, '{')
	if to != nil {
		b = append(append(append(b, `"to":`...), to...), ',')
	}
	b = appendBody(append(b, `"body":"`...), run, s, size)
	return append(b, `"}`...)
}

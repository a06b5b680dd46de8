package load

import (
	"context"
	"fmt"

	"reddot/cmd/internal/load/event"
)

// mixed does what a product does: of a hundred requests 70 publish to one
// user, 10 mark all of a user's messages as read, 10 list messages and 10 read
// counts; and two connections in a hundred requests come back with their
// cursor. A user has one request under way at a time, so that every count is
// known.
func mixed(ctx context.Context, w *worker) error {
	if err := w.readBase(ctx); err != nil {
		return err
	}
	for i := range w.users {
		w.users[i].last = w.users[i].base
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.b.measureConnected(w)
	w.say("publishing, reading, listing, coming back")
	if err := w.publish(ctx, w.nextMixed); err != nil {
		return err
	}
	for _, x := range []struct {
		op   op
		name string
	}{{opRead, "reads"}, {opList, "lists"}, {opCounts, "counts"}} {
		w.b.add("requests: "+x.name, float64(w.done[x.op]))
	}
	w.b.barrier.wait(w.now)
	if err := w.drain(ctx); err != nil {
		return err
	}
	return w.verify(ctx)
}

// nextMixed chooses what a publisher does next.
func (w *worker) nextMixed(p *publisher, due int64) bool {
	user := -1
	for range 8 {
		if i := w.random.IntN(len(w.users)); !w.users[i].busy {
			user = i
			break
		}
	}
	if user < 0 {
		return false
	}
	w.users[user].busy = true
	switch dice := w.random.IntN(100); {
	case dice < 70:
		p.message(user, due)
	case dice < 80:
		p.readAll(user)
	case dice < 90:
		p.list(user)
	default:
		p.counts(user, w.sameCounts)
	}
	if len(w.conns) > 0 && w.random.IntN(100) < 2 {
		w.comeBack(w.conns[w.random.IntN(len(w.conns))])
	}
	return true
}

// comeBack has a connection end, and return with its cursor.
func (w *worker) comeBack(c *conn) {
	if c.live {
		c.leave()
		c.away = false
		w.begin(c)
	}
}

// sameCounts judges counts that were read while nothing else was under way.
func (w *worker) sameCounts(u *user, c event.Counts) {
	if !u.countsUnknown && u.last != c {
		w.fault(&w.tally.wrong, nil, "counts %+v, must be %+v", c, u.last)
	}
}

// readAll marks all messages of a user as read.
func (p *publisher) readAll(user int) {
	w := p.w
	w.users[user].reading = true
	p.op = opRead
	p.refs = append(p.refs[:0], ref{user: user})
	p.line = append(p.line[:0], `{"all":true}`...)
	b := append(append(w.scratch[:0], "POST "...), p.to.Path...)
	p.post(append(w.appendUser(b, w.name(user)), "/read"...), "application/json", p.line)
}

// list reads the newest messages of a user.
func (p *publisher) list(user int) {
	w := p.w
	p.op = opList
	p.refs = append(p.refs[:0], ref{user: user})
	b := append(append(w.scratch[:0], "GET "...), p.to.Path...)
	b = append(w.appendUser(b, w.name(user)), "/messages?limit=20 HTTP/1.1\r\n"...)
	w.scratch = append(w.appendHead(b, p.to), "\r\n"...)
	p.caller.Call(w.scratch)
}

// judgeRead takes the answer to readAll: nothing is unread, and there is one
// more rev if something was.
func (w *worker) judgeRead(r ref, status int, body []byte) error {
	u := &w.users[r.user]
	if status != 200 {
		u.countsUnknown = u.countsUnknown || status >= 500
		return fmt.Errorf("read: status %d %s", status, problemCode(body))
	}
	var a event.Answer
	if err := event.ParseAnswer(body, &a); err != nil || !a.Counts.Known {
		u.countsUnknown = true
		return fmt.Errorf("read: unreadable answer")
	}
	want := event.Counts{Rev: u.last.Rev, Known: true}
	if u.last.Unread > 0 || u.last.Unseen > 0 {
		want.Rev++
		u.changes++
	}
	if a.Counts != want && !u.countsUnknown {
		w.fault(&w.tally.wrong, nil, "read: %s, must be %+v", body, want)
	}
	u.last = a.Counts
	u.rebase(a.Counts)
	return nil
}

// checkMixed tells what the scenario can't do.
func checkMixed(c *Config) (field, msg string) {
	switch {
	case c.Batch > 0:
		return "Batch", "requests go one by one"
	case c.Transport == Poll && c.Connections > 0:
		return "Transport", "polling can't tell a read from what came after"
	}
	return "", ""
}

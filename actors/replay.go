package actors

import (
	"context"
	"errors"
	"slices"
)

// pull sends a connection its next page.
func (u *User) pull(m *pull) {
	if g := u.gate(m.gate); g == nil || !slices.Contains(g.conns, m.conn) {
		u.Home.Send(m.gate, &gone{key: u.Key}) // an earlier activation's: attach again
		return
	}
	u.Home.Metrics.Pages.Inc()
	h, counts := u.Home, u.inbox.appendCounts(nil)
	if !u.inbox.reaches(m.after) {
		head := u.inbox.Cursor()
		g := &greeting{key: u.Key, conn: m.conn, turn: m.turn, at: head, head: head, counts: counts, reset: true}
		u.after(nil, func() { h.Send(m.gate, g) })
		return
	}
	p := u.inbox.newPage(u.Key, u.Home.Journal, m.after, pageEvents)
	u.after(nil, func() {
		h.Load(func() {
			push, err := p.read(context.Background())
			if errors.Is(err, errTrimmed) && !m.again {
				h.Router.Send(p.key, &pull{gate: m.gate, key: m.key, conn: m.conn, turn: m.turn, after: m.after, again: true})
				return
			}
			if err != nil {
				h.Log.Error("missed events can't be read", "user", string(p.key), "err", err)
			}
			h.Send(m.gate, &pageRead{conn: m.conn, turn: m.turn, push: push})
		})
	})
}

// replay answers with the next page.
func (u *User) replay(r *Request, c *Replay) {
	b := u.inbox
	u.fill(r, Ready{Rev: b.rev})
	r.Answer.Cursor = c.After
	if !b.reaches(c.After) {
		r.Answer.Body = plainEvent("reset", b.Cursor(), r.Answer.Counts).JSON
		r.Answer.Cursor = b.Cursor()
		u.release(&r.Effect, r, nil, nil)
		return
	}
	p := u.inbox.newPage(u.Key, u.Home.Journal, c.After, max(1, min(c.Limit, pageEvents)))
	u.after(r, func() {
		u.Home.Load(func() {
			push, err := p.read(context.Background())
			if err != nil {
				r.Fail(AsError(err))
				return
			}
			r.Answer.Body = push.appendJSON(nil)
			r.Answer.Cursor, r.Answer.More = push.To, push.More
			r.Respond()
		})
	})
}

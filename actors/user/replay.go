package user

import (
	"context"
	"errors"
	"slices"

	"reddot/actors"
	"reddot/actors/inbox"
)

// pull sends a connection its next page.
func (u *User) pull(m *actors.Pull) {
	if g := u.gate(m.Gate); g == nil || !slices.Contains(g.conns, m.Conn) {
		u.Home.Send(m.Gate, &actors.Gone{Key: u.Key}) // an earlier activation's: attach again
		return
	}
	u.Home.Metrics.Pages.Inc()
	h, counts := u.Home, u.inbox.AppendCounts(nil)
	if !u.reaches(m.After) {
		head := u.inbox.Cursor()
		g := &actors.Greeting{Key: u.Key, Conn: m.Conn, Turn: m.Turn, At: head, Head: head, Counts: counts, Reset: true}
		u.after(nil, func() { h.Send(m.Gate, g) })
		return
	}
	p := u.inbox.Page(u.Key, u.Home.Journal, u.log, m.After, inbox.PageEvents)
	u.after(nil, func() {
		h.Load(func() {
			push, err := p.Read(context.Background())
			if errors.Is(err, inbox.ErrTrimmed) && !m.Again {
				h.Router.Send(p.Key, &actors.Pull{Gate: m.Gate, Key: m.Key, Conn: m.Conn, Turn: m.Turn, After: m.After, Again: true})
				return
			}
			if err != nil {
				h.Log.Error("missed events can't be read", "user", string(p.Key), "err", err)
			}
			h.Send(m.Gate, &actors.PageRead{Conn: m.Conn, Turn: m.Turn, Push: push})
		})
	})
}

// replay answers with the next page.
func (u *User) replay(r *actors.Request, c *actors.Replay) {
	b := u.inbox
	u.fill(r, inbox.Ready{Rev: b.Rev()})
	r.Answer.Cursor = c.After
	if !u.reaches(c.After) {
		r.Answer.Body = actors.PlainEvent("reset", b.Cursor(), r.Answer.Counts).JSON
		r.Answer.Cursor = b.Cursor()
		u.release(&r.Effect, r, nil, nil)
		return
	}
	p := u.inbox.Page(u.Key, u.Home.Journal, u.log, c.After, max(1, min(c.Limit, inbox.PageEvents)))
	u.after(r, func() {
		u.Home.Load(func() {
			push, err := p.Read(context.Background())
			if err != nil {
				r.Fail(actors.AsError(err))
				return
			}
			r.Answer.Body = push.AppendJSON(nil)
			r.Answer.Cursor, r.Answer.More = push.To, push.More
			r.Respond()
		})
	})
}

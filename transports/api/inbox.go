package api

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// listStates are the values of ?state=.
var listStates = []string{"all", "archived", "held", "read", "scheduled", "seen", "snoozed", "unread", "unseen"}

// maxNext is the length of an opaque ?next=.
const maxNext = 256

// listMessages is GET /v1/users/{user}/messages.
func listMessages(c *call) error {
	q := c.QueryArgs()
	l := &actors.List{
		State: string(q.Peek("state")),
		Next:  string(q.Peek("next")),
	}
	if l.State != "" && !slices.Contains(listStates, l.State) {
		return wrong("state", "it must be one of "+strings.Join(listStates, ", "))
	}
	var err error
	if l.Category, err = transports.LabelParam("category", q.Peek("category"), c.api.cfg.Message.Category); err != nil {
		return err
	}
	if l.Tenant, err = transports.LabelParam("tenant", q.Peek("tenant"), transports.MaxTenant); err != nil {
		return err
	}
	if len(l.Next) > maxNext {
		return wrong("next", "this is no next that the server gave out")
	}
	if l.Limit, err = c.limit(); err != nil {
		return err
	}
	return c.answerJSON(c.userKey(), l)
}

// limit reads ?limit=.
func (c *call) limit() (int, error) {
	s := c.QueryArgs().Peek("limit")
	if len(s) == 0 {
		return c.api.cfg.ListPage, nil
	}
	n, err := strconv.ParseUint(string(s), 10, 32)
	if err != nil || n == 0 || n > uint64(c.api.cfg.ListLimit) {
		return 0, wrong("limit", fmt.Sprintf("it must be a number from 1 to %d", c.api.cfg.ListLimit))
	}
	return int(n), nil
}

// number reads a query parameter that counts something.
func (c *call) number(name string) (uint64, error) {
	n, err := strconv.ParseUint(string(c.QueryArgs().Peek(name)), 10, 64)
	if err != nil {
		return 0, wrong(name, "it must be a whole number, not below 0")
	}
	return n, nil
}

// listConnections is GET /v1/users/{user}/connections.
func listConnections(c *call) error {
	return c.answerJSON(c.userKey(), &actors.Connections{})
}

// readJournal is GET /v1/users/{user}/journal: what happened, oldest first,
// without contents.
func readJournal(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	page := &actors.JournalPage{Limit: limit}
	if len(c.QueryArgs().Peek("next")) > 0 {
		if page.After, err = c.number("next"); err != nil {
			return err
		}
	}
	return c.answerJSON(c.userKey(), page)
}

// stateAt is GET /v1/users/{user}/state?rev=.
func stateAt(c *call) error {
	rev, err := c.number("rev")
	if err != nil {
		return err
	}
	return c.answerJSON(c.userKey(), &actors.StateAt{Rev: rev})
}

// reconnect is DELETE /v1/users/{user}/disconnect: tokens of before are good
// again.
func reconnect(c *call) error {
	if r := c.api.deps.Revoker; r != nil {
		e := c.entry(c.who.App, transports.AuditReconnect, "user:"+c.user, revokedSince(r, c.who.App, c.user), nil)
		err := c.audited(e, func() error {
			return r.Lift(c.api.deadlines.Next(), c.who.App, c.user)
		})
		if err != nil {
			return fmt.Errorf("lift the disconnect: %w", err)
		}
	}
	c.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// revokedBefore is what the audit log has of a user's tokens.
func revokedBefore(at time.Time) any { return map[string]time.Time{"tokens_revoked_before": at} }

// revokedSince is revokedBefore as it stands; nil: no tokens are revoked.
func revokedSince(r Revoker, app, user string) any {
	if r == nil {
		return nil
	}
	if at := r.Since(app, user); !at.IsZero() {
		return revokedBefore(at.UTC())
	}
	return nil
}

// disconnect is POST /v1/users/{user}/disconnect: the user's connections end,
// and the tokens that he has are good for nothing any more. The tokens go
// first, or a client could be back before.
func disconnect(c *call) error {
	at := c.api.now().UTC()
	e := c.entry(c.who.App, transports.AuditDisconnect, "user:"+c.user, revokedSince(c.api.deps.Revoker, c.who.App, c.user), revokedBefore(at))
	err := c.audited(e, func() error {
		if r := c.api.deps.Revoker; r != nil {
			if err := r.Revoke(c.api.deadlines.Next(), c.who.App, c.user, at); err != nil {
				return fmt.Errorf("disconnect: %w", err)
			}
		}
		r, err := c.ask(c.userKey(), &actors.Disconnect{Why: actors.EndDisconnected}, actors.Once{})
		if err == nil {
			r.Release()
		}
		return err
	})
	if err != nil {
		return err
	}
	c.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

package api

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// entry is an entry of the audit log by the caller. before and after are shown as
// JSON; nil: there is none.
func (c *call) entry(app, action, target string, before, after any) transports.AuditEntry {
	e := transports.AuditEntry{App: app, Actor: c.who.ID, Action: action, Target: target, Before: asJSON(before), After: asJSON(after)}
	if from := c.api.deps.Gate.Address(c.RequestCtx); from.IsValid() {
		e.From = from.String()
	}
	return e
}

func asJSON(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil // a description of ours cannot fail
	}
	return b
}

// audited does what the entry says, once that is written down.
func (c *call) audited(e transports.AuditEntry, act func() error) error {
	return c.api.deps.Audit.Do(c.api.deadlines.Next(), e, act)
}

// auditLimit is how many entries a page has where no limit is given.
const auditLimit = 100

// listAudit is GET /v1/audit: what was done, oldest first. An admin sees what is
// its app's, an operator all.
func listAudit(c *call) error {
	q := transports.AuditQuery{All: c.who.Can(transports.ToOperate) == nil, App: string(c.QueryArgs().Peek("app"))}
	if !q.All {
		if err := c.who.Can(transports.ToAdminister); err != nil {
			return err
		}
		if q.App != "" && q.App != c.who.App {
			return &actors.Error{Code: actors.Forbidden, Field: "app", Detail: "the log of another app is for the admins of that app, or for an operator"}
		}
		q.App = c.who.App
	}
	var err error
	if q.Limit, err = c.limit(); err != nil {
		return err
	}
	if len(c.QueryArgs().Peek("limit")) == 0 {
		q.Limit = min(auditLimit, c.api.cfg.ListLimit)
	}
	for name, at := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if text := c.QueryArgs().Peek(name); len(text) > 0 {
			var ok bool
			if *at, ok = actors.ParseTime(text); !ok {
				return wrong(name, "it must be a time as RFC 3339 has it, such as 2026-01-31T09:30:00Z")
			}
		}
	}
	q.Action, q.Actor = string(c.QueryArgs().Peek("action")), string(c.QueryArgs().Peek("actor"))
	if q.Action != "" && !slices.Contains(transports.AuditActions, q.Action) {
		return wrong("action", "it must be one of "+strings.Join(transports.AuditActions, ", "))
	}
	if q.After = string(c.QueryArgs().Peek("next")); q.After != "" {
		if _, err := actors.ParseID(q.After); err != nil {
			return wrong("next", "this is no next that the server gave out")
		}
	}
	page := struct {
		Entries []transports.AuditEntry `json:"entries"`
		Next    string                  `json:"next,omitempty"`
	}{}
	if page.Entries, page.Next, err = c.api.deps.Audit.List(c.api.deadlines.Next(), q); err != nil {
		return err
	}
	return c.encode(fasthttp.StatusOK, page)
}

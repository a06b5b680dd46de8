package api

import (
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// entry is an entry of the audit log by the caller. before and after are shown as
// JSON; nil: there is none.
func (c *call) entry(app, action, target string, before, after any) transports.AuditEntry {
	e := transports.NewAuditEntry(app, c.who.ID, action, target, before, after)
	if from := c.api.deps.Gate.Address(c.RequestCtx); from.IsValid() {
		e.From = from.String()
	}
	return e
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
	if err = q.Read(c.QueryArgs()); err != nil {
		return err
	}
	if q.Action != "" && !slices.Contains(transports.AuditActions, q.Action) {
		return wrong("action", "it must be one of "+strings.Join(transports.AuditActions, ", "))
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

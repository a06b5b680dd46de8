package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// An AuditEntry says who did what.
type AuditEntry struct {
	ID     string          `json:"id"`
	At     time.Time       `json:"at"`
	App    string          `json:"app,omitempty"`
	Actor  string          `json:"actor,omitempty"`
	From   string          `json:"from,omitempty"`
	Action string          `json:"action"`
	Target string          `json:"target,omitempty"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	Count  int             `json:"count,omitempty"`
	Failed string          `json:"failed,omitempty"`
}

// An AuditQuery says which entries are wanted; empty fields want all.
type AuditQuery struct {
	App, Action, Actor string
	Since, Until       time.Time
}

// Audit calls f with the entries, the oldest first.
func (c *Client) Audit(ctx context.Context, q AuditQuery, f func(AuditEntry) error) error {
	query := url.Values{"limit": {strconv.Itoa(auditPage)}}
	for name, value := range map[string]string{"app": q.App, "action": q.Action, "actor": q.Actor} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			query.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	for {
		req, err := c.request(ctx, http.MethodGet, "/v1/audit", query, nil)
		if err != nil {
			return err
		}
		var page struct {
			Entries []AuditEntry
			Next    string
		}
		if err := c.do(ctx, req, &page); err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := f(e); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Set("next", page.Next)
	}
}

// auditPage is how many entries are asked for at a time.
const auditPage = 200

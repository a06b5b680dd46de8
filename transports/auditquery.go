package transports

import (
	"encoding/json"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// Read reads since, until, action, actor and next of a URL's query. The error is Invalid.
func (q *AuditQuery) Read(args *fasthttp.Args) error {
	for name, at := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if text := args.Peek(name); len(text) > 0 {
			var ok bool
			if *at, ok = actors.ParseTime(text); !ok {
				return WrongField(name, "it must be a time as RFC 3339 has it, such as 2026-01-31T09:30:00Z")
			}
		}
	}
	q.Action, q.Actor = string(args.Peek("action")), string(args.Peek("actor"))
	if q.After = string(args.Peek("next")); q.After != "" {
		if _, err := actors.ParseID(q.After); err != nil {
			return WrongField("next", "this is no next that the server gave out")
		}
	}
	return nil
}

// NewAuditEntry returns an entry, whose before and after are shown as JSON; nil: there is
// none.
func NewAuditEntry(app, actor, action, target string, before, after any) AuditEntry {
	return AuditEntry{App: app, Actor: actor, Action: action, Target: target, Before: asJSON(before), After: asJSON(after)}
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

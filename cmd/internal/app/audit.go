package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"reddot/actors"
	"reddot/cmd/internal/config"
	"reddot/transports"
	"reddot/transports/auth"
)

// bySignal is the actor of what an administrator of the machine asks for.
const bySignal = "signal"

func newAudit(cfg *config.Config, records actors.Records, now func() time.Time, log *slog.Logger) *transports.Audit {
	conf := cfg.Audit
	conf.Now = now
	return transports.NewAudit(conf, records, log.With("part", "audit"))
}

// noteLastFailures writes down what would be forgotten when the server ends.
func (a *App) noteLastFailures() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := a.audit.NoteFailures(ctx); err != nil {
		a.log.Warn("the last failed logins can't be written into the audit log", "err", err)
	}
}

// keyMade is the entry of a key that is made without a server.
func keyMade(by string, key auth.Key) transports.AuditEntry {
	after, err := json.Marshal(key)
	if err != nil {
		after = nil // a description of ours cannot fail
	}
	return transports.AuditEntry{App: key.App, Actor: by, Action: transports.AuditKeyCreate, Target: "key:" + key.ID, After: after}
}

// noteReload writes down what a new configuration changes, before it is in force:
// one entry of all for operators, and one for each app that is concerned. Of a
// secret it says that it has changed, and of passwords whose.
func (a *App) noteReload(ctx context.Context, old, next *config.Config, logins string) error {
	before, after := config.Changes(old, next)
	if logins != "" {
		after["passwords"] = logins
	}
	for _, c := range config.AppChanges(old, next) {
		e := transports.AuditEntry{App: c.App, Actor: bySignal, Action: transports.AuditApp, Target: "app:" + c.App, Before: c.Before, After: c.After}
		if err := a.audit.Note(ctx, e); err != nil {
			return err
		}
	}
	return a.audit.Note(ctx, transports.AuditEntry{Actor: bySignal, Action: transports.AuditReload, Before: object(before), After: object(after)})
}

// object returns the values as JSON; nil: there are none.
func object(values map[string]any) json.RawMessage {
	if len(values) == 0 {
		return nil
	}
	b, err := json.Marshal(values)
	if err != nil {
		return nil // texts cannot fail
	}
	return b
}

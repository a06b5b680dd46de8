package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/auth"
)

// bySignal is the actor of what an administrator of the machine asks for.
const bySignal = "signal"

func newAudit(cfg *Config, records actors.Records, now func() time.Time, log *slog.Logger) *transports.Audit {
	return transports.NewAudit(transports.AuditConfig{Keep: time.Duration(cfg.Audit.Keep), Size: int64(cfg.Audit.Size), Now: now},
		records, log.With("part", "audit"))
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
func (a *App) noteReload(ctx context.Context, old, next *Config, logins string) error {
	before, after := map[string]any{}, map[string]any{}
	if logins != "" {
		after["passwords"] = logins
	}
	were, are := settings(old), settings(next)
	for i, s := range are {
		if !reflect.DeepEqual(were[i].value.Interface(), s.value.Interface()) {
			before[s.path], after[s.path] = shown(were[i].value, s.value)
		}
	}
	apps, others := appTokens(old), appTokens(next)
	names := slices.Sorted(maps.Keys(apps))
	for name := range others {
		if _, ok := apps[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if reflect.DeepEqual(apps[name], others[name]) {
			continue
		}
		was, is := shownToken(apps[name], others[name])
		e := transports.AuditEntry{App: name, Actor: bySignal, Action: transports.AuditApp, Target: "app:" + name, Before: was, After: is}
		if err := a.audit.Note(ctx, e); err != nil {
			return err
		}
	}
	return a.audit.Note(ctx, transports.AuditEntry{Actor: bySignal, Action: transports.AuditReload, Before: object(before), After: object(after)})
}

// appTokens returns how tokens of each app are verified.
func appTokens(c *Config) map[string]*Token {
	all := map[string]*Token{transports.DefaultApp: &c.Token}
	for i := range c.Apps {
		all[c.Apps[i].Name] = &c.Apps[i].Token
	}
	return all
}

// changedSecret stands for a secret that is another one than before.
const changedSecret = "*** (another one)"

// shown returns a setting's two values as text.
func shown(was, is reflect.Value) (before, after string) {
	before, after = valueText(was), valueText(is)
	if before == after && is.Type() == reflect.TypeFor[transports.Secret]() {
		after = changedSecret
	}
	return before, after
}

// shownToken is shown for all of a token's settings; nil: there is no such app.
func shownToken(was, is *Token) (before, after json.RawMessage) {
	text := func(t, other *Token) json.RawMessage {
		if t == nil {
			return nil
		}
		all := map[string]any{}
		v := reflect.ValueOf(t).Elem()
		for i := range v.NumField() {
			value := valueText(v.Field(i))
			if other != nil {
				if before := reflect.ValueOf(other).Elem().Field(i); !reflect.DeepEqual(before.Interface(), v.Field(i).Interface()) {
					_, value = shown(before, v.Field(i))
				}
			}
			all[v.Type().Field(i).Tag.Get("yaml")] = value
		}
		return object(all)
	}
	return text(was, nil), text(is, was)
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

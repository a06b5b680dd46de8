package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"reddot/transports"
	"reddot/transports/auth"
)

// reloadable are the settings that Merge takes over; a path stands for all
// below it.
var reloadable = []string{
	"origins", "token", "apps", "log.level", "websocket",
	"limits.requests_per_address", "limits.request_burst", "limits.failures_per_address", "limits.failure_burst", "limits.doubted_tokens",
	"limits.publishes_per_key", "limits.token_lifetime", "limits.token_leeway", "limits.publish_burst", "limits.subscriptions",
	"limits.waiting_per_address", "limits.waiting_per_user",
	"mqtt.password_file", "mqtt.password_topics", "mqtt.password_hashings",
}

// Merge takes over from fresh what can change while a server runs. It returns the
// paths of what it took, and of what differs and was not taken.
func (c *Config) Merge(fresh *Config) (taken, kept []string) {
	to, from := settings(c), settings(fresh)
	for i, s := range to {
		switch {
		case equal(s, from[i]):
		case below(s.path, reloadable):
			s.value.Set(from[i].value)
			taken = append(taken, s.path)
		default:
			kept = append(kept, s.path)
		}
	}
	if !reflect.DeepEqual(c.Apps, fresh.Apps) {
		c.Apps = fresh.Apps
		taken = append(taken, "apps")
	}
	return taken, kept
}

func equal(a, b setting) bool { return reflect.DeepEqual(a.value.Interface(), b.value.Interface()) }

// RereadFiles returns those whose contents a reload takes over, changed or not.
func (c *Config) RereadFiles() (files []string) {
	for _, a := range append([]App{{Token: c.Token}}, c.Apps...) {
		files = append(files, a.Token.PublicKeyFile)
	}
	files = append(files, c.TLS.Cert, c.TLS.Key, c.MQTT.PasswordFile)
	return slices.DeleteFunc(files, func(f string) bool { return f == "" })
}

// changedSecret stands for a secret that is another one than before.
const changedSecret = "*** (another one)"

// Changes returns the settings in which two configurations differ, as text by their
// paths. Of a secret they say that it has changed.
func Changes(old, next *Config) (before, after map[string]any) {
	before, after = map[string]any{}, map[string]any{}
	were, are := settings(old), settings(next)
	for i, s := range are {
		if !equal(were[i], s) {
			before[s.path], after[s.path] = shown(were[i], s)
		}
	}
	return before, after
}

// shown returns a setting's two values as text.
func shown(was, is setting) (before, after string) {
	before, after = was.text(), is.text()
	if before == after && is.value.Type() == reflect.TypeFor[transports.Secret]() {
		after = changedSecret
	}
	return before, after
}

// An AppChange says how tokens of an app were and are verified, as JSON; nil: there
// was or is no such app. Of a secret it says that it has changed.
type AppChange struct {
	App           string
	Before, After json.RawMessage
}

// AppChanges returns the apps whose tokens two configurations verify otherwise.
func AppChanges(old, next *Config) (list []AppChange) {
	apps, others := old.appTokens(), next.appTokens()
	names := slices.Sorted(maps.Keys(apps))
	for name := range others {
		if _, ok := apps[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		was, is := apps[name], others[name]
		if !reflect.DeepEqual(was, is) {
			list = append(list, AppChange{name, shownToken(was, nil), shownToken(is, was)})
		}
	}
	return list
}

// appTokens returns how tokens of each app are verified.
func (c *Config) appTokens() map[string]*auth.Verification {
	all := map[string]*auth.Verification{transports.DefaultApp: &c.Token}
	for i := range c.Apps {
		all[c.Apps[i].Name] = &c.Apps[i].Token
	}
	return all
}

// shownToken is shown for all of a token's settings.
func shownToken(is, was *auth.Verification) json.RawMessage {
	if is == nil {
		return nil
	}
	all := map[string]any{}
	for i, s := range leaves(reflect.ValueOf(is).Elem()) {
		value := s.text()
		if was != nil {
			if before := leaves(reflect.ValueOf(was).Elem())[i]; !equal(before, s) {
				_, value = shown(before, s)
			}
		}
		all[s.path] = value
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil // texts cannot fail
	}
	return b
}

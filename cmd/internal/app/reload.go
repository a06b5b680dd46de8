package app

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// reloadable are the settings that Reload takes over; a path stands for all
// below it.
var reloadable = []string{
	"origins", "token", "apps", "log.level", "websocket",
	"limits.requests_per_address", "limits.request_burst", "limits.failures_per_address", "limits.failure_burst", "limits.doubted_tokens",
	"limits.publishes_per_key", "limits.token_lifetime", "limits.token_leeway", "limits.publish_burst", "limits.subscriptions",
	"limits.waiting_per_address", "limits.waiting_per_user",
	"mqtt.password_file", "mqtt.password_topics", "mqtt.password_hashings",
}

// Reload takes over what can change while the server runs, and says in the log
// what cannot. After an error everything is as before.
func (a *App) Reload(fresh Config) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	old := a.cfg.Load()
	next := *old
	taken, kept := merge(&next, &fresh)
	level, err := next.level()
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	f, err := a.newFront(&next)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteTime)
	defer cancel()
	logins := loginChanges(a.front.Load().logins, f.logins)
	if err := a.noteReload(ctx, old, &next, logins); err != nil {
		f.end()
		return fmt.Errorf("reload: nothing is taken over that can't be written down: %w", err)
	}
	a.cfg.Store(&next)
	a.level.Set(level)
	a.use(f).end()
	if limits, err := next.limits(); err == nil { // it was checked
		a.budget.SetLimits(limits)
	}
	if err := a.certificate.reload(); err != nil {
		a.log.Error("the certificate was not reloaded; the old one goes on", "err", err)
	}
	a.recheck("the configuration was reloaded")
	a.log.Info("configuration reloaded", "changed", or(strings.Join(taken, " "), "nothing"), "files_read_again", strings.Join(next.rereadFiles(), " "))
	if logins != "" {
		a.log.Info("the passwords of MQTT were reloaded", "changes", logins)
	}
	if len(kept) > 0 {
		a.log.Warn("these settings have changed and need a restart", "settings", strings.Join(kept, " "))
	}
	return nil
}

// rereadFiles returns those whose contents a reload takes over, changed or not.
func (c *Config) rereadFiles() (files []string) {
	for _, t := range append([]AppConfig{{Token: c.Token}}, c.Apps...) {
		files = append(files, t.Token.PublicKeyFile)
	}
	files = append(files, c.TLS.Cert, c.TLS.Key, c.MQTT.PasswordFile)
	return slices.DeleteFunc(files, func(f string) bool { return f == "" })
}

// noteTime is how long the audit log may take.
const noteTime = 10 * time.Second

// merge takes the reloadable settings of fresh over into next. It returns what
// it took, and what differs and was not taken.
func merge(next, fresh *Config) (taken, kept []string) {
	to, from := settings(next), settings(fresh)
	for i, s := range to {
		switch {
		case reflect.DeepEqual(s.value.Interface(), from[i].value.Interface()):
		case canReload(s.path):
			s.value.Set(from[i].value)
			taken = append(taken, s.path)
		default:
			kept = append(kept, s.path)
		}
	}
	if !reflect.DeepEqual(next.Apps, fresh.Apps) {
		next.Apps = fresh.Apps
		taken = append(taken, "apps")
	}
	return taken, kept
}

func canReload(path string) bool {
	return slices.ContainsFunc(reloadable, func(r string) bool { return path == r || strings.HasPrefix(path, r+".") })
}

package app

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"reddot/cmd/internal/config"
)

// Reload takes over what can change while the server runs, and says in the log
// what cannot. After an error everything is as before.
func (a *App) Reload(fresh config.Config) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	old := a.cfg.Load()
	next := *old
	taken, kept := next.Merge(&fresh)
	level, err := next.Level()
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
	if limits, err := next.Gate(); err == nil { // it was checked
		a.budget.SetLimits(limits)
	}
	if err := a.certificate.reload(); err != nil {
		a.log.Error("the certificate was not reloaded; the old one goes on", "err", err)
	}
	a.recheck("the configuration was reloaded")
	a.log.Info("configuration reloaded", "changed", cmp.Or(strings.Join(taken, " "), "nothing"), "files_read_again", strings.Join(next.RereadFiles(), " "))
	if logins != "" {
		a.log.Info("the passwords of MQTT were reloaded", "changes", logins)
	}
	if len(kept) > 0 {
		a.log.Warn("these settings have changed and need a restart", "settings", strings.Join(kept, " "))
	}
	return nil
}

// noteTime is how long the audit log may take.
const noteTime = 10 * time.Second

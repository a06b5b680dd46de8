package app

import (
	"context"
	"fmt"
)

// openOperations serves /metrics, /healthz and /readyz on an address of their
// own, where the traffic of users does not reach.
func (a *App) openOperations(ctx context.Context) error {
	cfg := a.cfg.Load()
	ln, err := a.listenTCP(ctx, "metrics", cfg.Metrics.Listen)
	if err != nil {
		return listenError(cfg.Metrics.Listen, "metrics.listen", err)
	}
	a.watched = ln.Addr()
	a.watching = newServer(cfg, a.operate, a.log.With("part", "metrics"))
	a.log.Info("metrics are served", "url", "http://"+ln.Addr().String()+"/metrics")
	go func() {
		if err := a.watching.Serve(ln); err != nil {
			a.fail(fmt.Errorf("metrics: %w", err))
		}
	}()
	return nil
}

func (a *App) closeOperations(ctx context.Context) error {
	return a.watching.ShutdownWithContext(ctx)
}

package app

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/embedded"
	"reddot/actors/store/postgres"
	"reddot/cluster"
)

// anyStore is what the server asks of its store, whichever it is.
type anyStore interface {
	cluster.Store
	actors.SwapRecords
	actors.Index
	Err() error
	Stats() store.Stats
	Close(context.Context) error
}

// openAnyStore opens the database if its URL is named, else the embedded store.
func openAnyStore(ctx context.Context, e embedded.Config, p postgres.Config, log *slog.Logger, r prometheus.Registerer) (anyStore, error) {
	if p.URL != "" {
		return postgres.Open(ctx, p, log, r)
	}
	return embedded.Open(e, log, r)
}

func (a *App) openStore(ctx context.Context) (err error) {
	cfg := a.cfg.Load()
	e := cfg.Embedded()
	e.MaxOpenFiles = storeFiles(e.MaxOpenFiles, descriptors())
	e.FS, e.Failed = a.forTests.files, func(f *embedded.Failure) { a.fail(f) }
	a.store, err = openAnyStore(ctx, e, cfg.Postgres(), a.log.With("part", "store"), a.registry)
	return err
}

func (a *App) closeStore(ctx context.Context) error { return a.store.Close(ctx) }

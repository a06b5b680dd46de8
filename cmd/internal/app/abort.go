package app

import (
	"context"
	"errors"
	"time"

	"reddot/actors/store/embedded"
)

// StoreFailed tells whether the embedded store has failed: a full disk, a
// broken one, or damaged files. What it has in memory may not be on the disk, so
// the process is to end at once; a new one reads what is there.
func StoreFailed(err error) bool {
	var f *embedded.Failure
	return errors.As(err, &f)
}

// abortTime is how long Abort may take.
const abortTime = time.Second

// Abort ends the server for its clients after its store has failed: connections
// are told to come back, requests under way get their answers, which is
// unavailable. It leaves the store and its actors as they are, for a read of the
// store may wait for good; the process is to end when Abort returns.
func (a *App) Abort() {
	ctx, cancel := context.WithTimeout(context.Background(), abortTime)
	defer cancel()
	a.ready.Store(false)
	if err := a.streams.Drain(ctx, 0); err != nil {
		a.log.Warn("not all connections could be told to come back", "err", err)
	}
	if err := a.web.server.ShutdownWithContext(ctx); err != nil {
		a.log.Warn("not all requests could be answered", "err", err)
	}
}

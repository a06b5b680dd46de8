package app

import (
	"bytes"
	"context"
	"sync"
	"time"

	"reddot/actors"
	"reddot/transports/auth"
)

// Keys and revocations are kept in the store and, for speed, in each server's
// memory: who changes them tells the others, who read them again. They are told
// over links, at once, and by a record that each server looks at all the time: a
// link may be down, and whoever made a key may be no server at all.

// credentials is what servers tell each other about.
const credentials = "credentials"

// changedKind is the kind of the record that has a new value with each change.
const changedKind = "changed"

// The pace of it.
const (
	changedEvery = 500 * time.Millisecond
	// rereadEvery is how often they are read again in any case: an older program
	// writes no such record.
	rereadEvery = 30 * time.Second
	// rereadTime is how long it may take to read them again.
	rereadTime = 10 * time.Second
)

// toldRecords are Records of which others are told that they have changed.
type toldRecords struct {
	actors.Records
	tell func() // over links
}

// PutRecord implements actors.Records.
func (r toldRecords) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	return r.changed(ctx, kind, r.Records.PutRecord(ctx, kind, key, value))
}

// DeleteRecord implements actors.Records.
func (r toldRecords) DeleteRecord(ctx context.Context, kind, key string) error {
	return r.changed(ctx, kind, r.Records.DeleteRecord(ctx, kind, key))
}

// changed tells the others of a change, if there was one.
func (r toldRecords) changed(ctx context.Context, kind string, err error) error {
	if err != nil || !auth.IsCredential(kind) {
		return err
	}
	r.tell()
	id := actors.NewID()
	// If this fails the change stands all the same; who can't be told finds it
	// within rereadEvery.
	_ = r.Records.PutRecord(ctx, changedKind, credentials, id[:])
	return nil
}

// reload reads again what another server says that it has changed: keyword lists, or keys
// and revocations, in which case connections of what was revoked end. A link that has come
// up says that it may be any.
func (a *App) reload(what string) {
	if what != keywordLists {
		a.rereadCredentials()
	}
	if what != credentials {
		a.reloadKeywords(context.Background())
	}
}

// rereadCredentials tells whether all could be read.
func (a *App) rereadCredentials() bool {
	ctx, cancel := context.WithTimeout(context.Background(), rereadTime)
	defer cancel()
	keys := a.keys.Reload(ctx)
	if keys != nil {
		a.log.Error("the keys can't be read again; the old ones go on", "err", keys)
	}
	revocations := a.revocations.Reload(ctx)
	if revocations != nil {
		a.log.Error("the revocations can't be read again; the old ones go on", "err", revocations)
	}
	return keys == nil && revocations == nil
}

// watchCredentials reads them again when somebody has changed them, where others
// than this server may: in a database. It also writes down what is to be known of
// them later.
func (a *App) watchCredentials() {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	a.endWatch = func() {
		cancel()
		all.Wait()
		a.noteLastFailures()
	}
	all.Go(func() { a.keys.Run(ctx, a.log) })
	all.Go(func() { a.audit.Run(ctx) })
	all.Go(func() { every(ctx, sweepEvery, func() { a.sweepRecords(ctx) }) })
	if !a.cfg.Load().Store.URL.IsZero() {
		seen := &seenCredentials{}
		all.Go(func() { every(ctx, changedEvery, func() { a.rereadChanged(ctx, seen) }) })
		all.Go(func() { every(ctx, changedEvery, func() { a.reloadKeywords(ctx) }) })
	}
}

// seenCredentials are those that were read last.
type seenCredentials struct {
	change []byte
	read   time.Time
}

// rereadChanged reads them again if somebody has changed them, or it is long ago.
func (a *App) rereadChanged(ctx context.Context, seen *seenCredentials) {
	now, err := a.store.ReadRecord(ctx, changedKind, credentials)
	if err != nil && actors.AsError(err).Code != actors.NotFound {
		return // the database is away
	}
	if (!bytes.Equal(now, seen.change) || time.Since(seen.read) > rereadEvery) && a.rereadCredentials() {
		seen.change, seen.read = bytes.Clone(now), time.Now()
	}
}

// sweepEvery is how often records are looked through for those that nobody needs
// any more.
const sweepEvery = time.Hour

func (a *App) sweepRecords(ctx context.Context) {
	f := a.front.Load()
	if f == nil {
		return
	}
	if err := a.revocations.Sweep(ctx, time.Now(), f.rules); err != nil && ctx.Err() == nil {
		a.log.Warn("revocations that stand no more could not be removed", "err", err)
	}
	if err := sweepAside(ctx, a.store, time.Now()); err != nil && ctx.Err() == nil {
		a.log.Warn("what was kept aside long ago could not be removed", "err", err)
	}
}

// every calls do from time to time, until ctx ends.
func every(ctx context.Context, d time.Duration, do func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			do()
		}
	}
}

package app

import (
	"context"
	"time"

	"reddot/actors"
	"reddot/transports"
)

// Keys and revocations are kept in the store and, for speed, in each server's
// memory: who changes them tells the others, who read them again.

// credentials is what servers tell each other about.
const credentials = "credentials"

// rereadEvery is how often they are read again in any case: what another
// server told may have been lost with its link.
const rereadEvery = 30 * time.Second

// rereadTime is how long that may take.
const rereadTime = 10 * time.Second

// toldRecords are Records of which others are told that they have changed.
type toldRecords struct {
	actors.Records
	tell func()
}

// PutRecord implements actors.Records.
func (r toldRecords) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	err := r.Records.PutRecord(ctx, kind, key, value)
	if err == nil && transports.IsCredential(kind) {
		r.tell()
	}
	return err
}

// DeleteRecord implements actors.Records.
func (r toldRecords) DeleteRecord(ctx context.Context, kind, key string) error {
	err := r.Records.DeleteRecord(ctx, kind, key)
	if err == nil && transports.IsCredential(kind) {
		r.tell()
	}
	return err
}

// reloadCredentials reads keys and revocations again; connections of what was
// revoked end.
func (a *App) reloadCredentials(string) {
	ctx, cancel := context.WithTimeout(context.Background(), rereadTime)
	defer cancel()
	if err := a.keys.Reload(ctx); err != nil {
		a.log.Error("the keys can't be read again; the old ones go on", "err", err)
	}
	if err := a.revocations.Reload(ctx); err != nil {
		a.log.Error("the revocations can't be read again; the old ones go on", "err", err)
	}
}

// watchCredentials reads them again from time to time, in a cluster.
func (a *App) watchCredentials() {
	if !a.cfg.Load().Cluster.isSet() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	a.endWatch = func() { cancel(); <-done }
	go func() {
		defer close(done)
		t := time.NewTicker(rereadEvery)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				a.reloadCredentials(credentials)
			}
		}
	}()
}

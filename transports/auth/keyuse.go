package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"reddot/actors"
	"reddot/transports"
)

// keyUseKind is the kind of the records that say when a key was last used, by
// its id.
const keyUseKind = "keyuse"

// keyUseEvery is how often that is written down: a key that serves thousands of
// requests a second costs one small write a minute.
const keyUseEvery = time.Minute

// keyUse is what is stored.
type keyUse struct {
	At time.Time `json:"at"`
}

// IsCredential tells whether records of the kind decide who is let in, so that
// other nodes have to read them again.
func IsCredential(kind string) bool { return kind == keyKind || kind == revocationKind }

// Run notes from time to time which keys were used, until ctx ends.
func (k *Keys) Run(ctx context.Context, log *slog.Logger) {
	t := time.NewTicker(keyUseEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := k.NoteUses(ctx); err != nil && ctx.Err() == nil {
				log.Warn("when keys were last used could not be written down", "err", err)
			}
		}
	}
}

// NoteUses writes down that those keys were used which were, since it was
// called last. After an error the rest is tried again the next time.
func (k *Keys) NoteUses(ctx context.Context) error {
	value, err := json.Marshal(keyUse{At: k.now().UTC().Truncate(time.Second)})
	if err != nil {
		return fmt.Errorf("encode when keys were used: %w", err)
	}
	for id, e := range *k.entries.Load() {
		if !e.used.Swap(false) {
			continue
		}
		if err := k.records.PutRecord(ctx, keyUseKind, id, value); err != nil {
			e.used.Store(true)
			return fmt.Errorf("key %s: note that it was used: %w", id, err)
		}
	}
	return nil
}

// uses returns when keys were last used, by id, as far as it can be read. What
// was used since it was last noted was used now.
func (k *Keys) uses(ctx context.Context) map[string]time.Time {
	used := map[string]time.Time{}
	_ = transports.EachRecord(ctx, k.records, keyUseKind, func(r actors.Record) error { // it is no reason to list no keys
		var u keyUse
		if json.Unmarshal(r.Value, &u) == nil {
			used[r.Key] = u.At
		}
		return nil
	})
	for id, e := range *k.entries.Load() {
		if e.used.Load() {
			used[id] = k.now().UTC().Truncate(time.Second)
		}
	}
	return used
}

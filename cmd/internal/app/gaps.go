package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"reddot/actors"
	"reddot/actors/store/embedded"
	"reddot/actors/store/postgres"
)

// A GapFound says that an actor's journal had a hole, and what of it was kept
// aside.
type GapFound struct {
	Actor  string    `json:"actor"` // its key
	After  uint64    `json:"after"` // the event that it went on from
	First  uint64    `json:"first"` // of what was kept aside
	Last   uint64    `json:"last"`
	Events int       `json:"events"`
	At     time.Time `json:"at"` // when it was found
}

// Gaps lists the holes that were found in journals, from a data directory that
// no server uses, or the database that a URL names.
func Gaps(ctx context.Context, data, url string, log *slog.Logger) (list []GapFound, err error) {
	s, err := openAnyStore(ctx, embedded.Config{Dir: data}, postgres.Config{URL: url}, log, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	err = eachAside(ctx, s, func(_ string, a *actors.Aside) error {
		list = append(list, GapFound{a.Key, a.After, a.First, a.Last, len(a.Events), a.At})
		return nil
	})
	return list, err
}

// eachAside calls do with the key of each record and what was kept aside there.
func eachAside(ctx context.Context, s actors.Records, do func(key string, a *actors.Aside) error) error {
	const page = 16 // a record has up to a MiB
	for after := ""; ; {
		records, err := s.ListRecords(ctx, actors.AsideKind, after, page)
		if err != nil {
			return err
		}
		for _, r := range records {
			var a actors.Aside
			if err := json.Unmarshal(r.Value, &a); err != nil {
				return fmt.Errorf("what was kept aside as %s: %w", r.Key, err)
			}
			if err := do(r.Key, &a); err != nil {
				return err
			}
			after = r.Key
		}
		if len(records) < page {
			return nil
		}
	}
}

// sweepAside deletes what was kept aside for as long as it may be.
func sweepAside(ctx context.Context, s actors.Records, now time.Time) error {
	return eachAside(ctx, s, func(key string, a *actors.Aside) error {
		if now.Sub(a.At) < actors.KeepAside {
			return nil
		}
		return s.DeleteRecord(ctx, actors.AsideKind, key)
	})
}

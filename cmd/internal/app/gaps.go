package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"reddot/actors"
	"reddot/actors/store"
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
	s, err := openKeeper(ctx, store.Config{Dir: data, URL: url}, log, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	const page = 16 // a record has up to a MiB
	for after := ""; ; {
		records, err := s.ListRecords(ctx, actors.AsideKind, after, page)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			var a actors.Aside
			if err := json.Unmarshal(r.Value, &a); err != nil {
				return nil, fmt.Errorf("what was kept aside as %s: %w", r.Key, err)
			}
			list = append(list, GapFound{a.Key, a.After, a.First, a.Last, len(a.Events), a.At})
			after = r.Key
		}
		if len(records) < page {
			return list, nil
		}
	}
}

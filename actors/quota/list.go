package quota

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A Standing is how much of a quota is taken.
type Standing struct {
	Name  string    `json:"name"`
	Taken int64     `json:"taken"` // spent, or in the hands of a node
	Ends  time.Time `json:"ends"`  // of the window
}

// page is how many records are read at once.
const page = 200

// List returns up to limit quotas of an app that something was taken of in this window, in the
// order of their names, behind one, and the name behind which to go on; empty: there are no
// more.
func (t *Table) List(ctx context.Context, app, after string, limit int) (all []Standing, next string, err error) {
	all = []Standing{}
	prefix := key(app, "")
	now := t.now()
	for from := key(app, after); ; {
		stored, err := t.records.ListRecords(ctx, kind, from, page)
		if err != nil {
			return nil, "", fmt.Errorf("list the quotas: %w", err)
		}
		for _, s := range stored {
			name, ok := strings.CutPrefix(s.Key, prefix)
			if !ok {
				return all, "", nil // another app's
			}
			var r record
			if err := json.Unmarshal(s.Value, &r); err != nil {
				return nil, "", fmt.Errorf("quota %s: decode: %w", name, err)
			}
			from = s.Key
			if r.Ends <= now {
				continue
			}
			if len(all) == limit {
				return all, all[limit-1].Name, nil
			}
			all = append(all, Standing{name, r.Taken, time.UnixMilli(r.Ends).UTC()})
		}
		if len(stored) < page {
			return all, "", nil
		}
	}
}

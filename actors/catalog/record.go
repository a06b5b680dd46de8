package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"reddot/actors"
)

// A record is how an entry is stored.
type record struct {
	Version uint64          `json:"version"`
	Body    json.RawMessage `json:"body,omitempty"`
	At      time.Time       `json:"at"`
	By      string          `json:"by,omitempty"`
	Removed bool            `json:"removed,omitempty"`
	Created bool            `json:"created,omitempty"` // there was nothing before
	Key     []byte          `json:"key,omitempty"`     // of the Once that made it
	Digest  uint64          `json:"digest,omitempty"`
}

func newRecord(e *Entry, created bool, once actors.Once) *record {
	r := &record{Version: e.Version, Body: e.Body, At: e.At, By: e.By, Removed: e.Removed, Created: created}
	if !once.IsZero() {
		r.Key, r.Digest = once.Key[:], once.Digest
	}
	return r
}

// entry returns the record without what is for the catalog alone.
func (r *record) entry(name string) Entry {
	if r == nil {
		return Entry{}
	}
	return Entry{Name: name, Version: r.Version, Body: r.Body, At: r.At, By: r.By, Removed: r.Removed}
}

// version returns the record's version; of none it is 0.
func (r *record) version() uint64 {
	if r == nil {
		return 0
	}
	return r.Version
}

func (c *Catalog) decode(name string, raw []byte) (*record, error) {
	r := &record{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("%s %s: decode: %w", c.cfg.Kind, name, err)
	}
	return r, nil
}

// currentKey is the key of what stands under a name. Neither an app nor a name has a
// slash.
func currentKey(app, name string) string { return app + "/" + name }

// oldKey is the key of a version that was replaced. Its number has the same length in
// all, so that versions are in order.
func oldKey(app, name string, version uint64) string {
	return fmt.Sprintf("%s/%s/%012d", app, name, version)
}

// oldKind is the kind of the records of versions that were replaced.
func (c *Catalog) oldKind() string { return c.cfg.Kind + ".old" }

// eachPage is how many records are read at once.
const eachPage = 200

// each calls f with what is stored under each name of the app behind the name, until
// it returns false.
func (c *Catalog) each(ctx context.Context, app, after string, f func(name string, raw []byte, r *record) (bool, error)) error {
	prefix := currentKey(app, "")
	for from := prefix + after; ; {
		list, err := c.records.ListRecords(ctx, c.cfg.Kind, from, eachPage)
		if err != nil {
			return fmt.Errorf("list every %s: %w", c.cfg.Kind, err)
		}
		for _, stored := range list {
			name, ok := strings.CutPrefix(stored.Key, prefix)
			if !ok {
				return nil // another app's
			}
			r, err := c.decode(name, stored.Value)
			if err != nil {
				return err
			}
			if more, err := f(name, stored.Value, r); !more || err != nil {
				return err
			}
			from = stored.Key
		}
		if len(list) < eachPage {
			return nil
		}
	}
}

// AppendJSON appends the entry as an object: its name as the member, version, updated_at
// and updated_by, and the members of its body, which has some.
func (e *Entry) AppendJSON(b []byte, member string) []byte {
	head, _ := json.Marshal(struct { // no field of it fails
		Version   uint64    `json:"version"`
		UpdatedAt time.Time `json:"updated_at"`
		UpdatedBy string    `json:"updated_by"`
	}{e.Version, e.At, e.By})
	b = actors.AppendString(append(append(append(b, `{"`...), member...), `":`...), e.Name)
	b = append(append(b, ','), head[1:len(head)-1]...)
	return append(append(b, ','), e.Body[1:]...)
}

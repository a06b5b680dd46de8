package catalog

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"reddot/actors"
)

// onceFor is how long a key is known.
const onceFor = 24 * time.Hour

// archive stores a version that is about to be replaced, and lets go of the oldest
// ones if there are too many.
func (c *Catalog) archive(ctx context.Context, app, name string, raw []byte, now *record) error {
	if err := c.trim(ctx, app, name, now); err != nil {
		return err
	}
	if err := c.records.PutRecord(ctx, c.oldKind(), oldKey(app, name, now.Version), raw); err != nil {
		return fmt.Errorf("%s %s: keep version %d: %w", c.cfg.Kind, name, now.Version, err)
	}
	return nil
}

// trim makes room for another version: the oldest go that were replaced long ago.
func (c *Catalog) trim(ctx context.Context, app, name string, now *record) error {
	if now.Version < uint64(c.cfg.Versions) {
		return nil
	}
	versions, err := c.versions(ctx, app, name)
	if err != nil {
		return err
	}
	versions = slices.DeleteFunc(versions, func(r *record) bool { return r.Version >= now.Version }) // see doc.go: a copy
	for i, r := range versions {
		left := len(versions) - i // of the old ones; with the current one they are full
		if left+1 < c.cfg.Versions {
			return nil
		}
		replaced := now.At
		if i+1 < len(versions) {
			replaced = versions[i+1].At
		}
		if c.cfg.Now().Sub(replaced) < c.cfg.Keep {
			return actors.Errorf(actors.TooMany, "the %s %s has %d versions, as many as one can have; the oldest was replaced at %s, and is kept for %d days",
				c.cfg.Kind, name, left+1, replaced.Format(time.RFC3339), int(c.cfg.Keep.Hours()/24))
		}
		if err := c.records.DeleteRecord(ctx, c.oldKind(), oldKey(app, name, r.Version)); err != nil {
			return fmt.Errorf("%s %s: remove version %d: %w", c.cfg.Kind, name, r.Version, err)
		}
	}
	return nil
}

// versions returns those that were replaced, the oldest first.
func (c *Catalog) versions(ctx context.Context, app, name string) (old []*record, err error) {
	after := oldKey(app, name, 0)
	prefix := []byte(currentKey(app, name) + "/")
	for {
		list, err := c.records.ListRecords(ctx, c.oldKind(), after, eachPage)
		if err != nil {
			return nil, fmt.Errorf("%s %s: list its versions: %w", c.cfg.Kind, name, err)
		}
		for _, stored := range list {
			if !bytes.HasPrefix([]byte(stored.Key), prefix) {
				return old, nil
			}
			r, err := c.decode(name, stored.Value)
			if err != nil {
				return nil, err
			}
			old = append(old, r)
			after = stored.Key
		}
		if len(list) < eachPage {
			return old, nil
		}
	}
}

// old returns a version that was replaced; nil: there is none.
func (c *Catalog) old(ctx context.Context, app, name string, version uint64) (*record, error) {
	raw, err := c.records.ReadRecord(ctx, c.oldKind(), oldKey(app, name, version))
	if err != nil && actors.AsError(err).Code == actors.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: read version %d: %w", c.cfg.Kind, name, version, err)
	}
	return c.decode(name, raw)
}

// replay returns the version that the key has made, if one has in the last day.
func (c *Catalog) replay(ctx context.Context, app, name string, now *record, once actors.Once) (*record, error) {
	if once.IsZero() || now == nil {
		return nil, nil
	}
	candidates := []*record{now}
	if c.isFresh(now) { // else all before it are older still
		old, err := c.versions(ctx, app, name)
		if err != nil {
			return nil, err
		}
		candidates = append(candidates, old...)
	}
	for _, r := range candidates {
		if !bytes.Equal(r.Key, once.Key[:]) || !c.isFresh(r) || r.Version > now.Version {
			continue
		}
		if r.Digest != once.Digest {
			return nil, actors.Errorf(actors.IdempotencyConflict, "the key was used for another request")
		}
		return r, nil
	}
	return nil, nil
}

// isFresh tells whether the key that made the version is still known.
func (c *Catalog) isFresh(r *record) bool { return c.cfg.Now().Sub(r.At) < onceFor }

// makeRoom lets the app have another name: those that were removed long ago are
// forgotten, where there are too many.
func (c *Catalog) makeRoom(ctx context.Context, app string) error {
	names := 0
	removed := map[string][]byte{}
	err := c.each(ctx, app, "", func(name string, raw []byte, r *record) (bool, error) {
		names++
		if r.Removed && c.cfg.Now().Sub(r.At) >= c.cfg.Keep {
			removed[name] = raw
		}
		return true, nil
	})
	if err != nil || names < c.cfg.Names {
		return err
	}
	for name, raw := range removed {
		if err := c.forget(ctx, app, name, raw); err != nil {
			return err
		}
		names--
	}
	if names >= c.cfg.Names {
		return actors.Errorf(actors.TooMany, "the app has %d names of its %ss, as many as it can have; a removed one counts for %d days", names, c.cfg.Kind, int(c.cfg.Keep.Hours()/24))
	}
	return nil
}

// forget removes all versions of a name that was removed, unless it has come again.
func (c *Catalog) forget(ctx context.Context, app, name string, raw []byte) error {
	old, err := c.versions(ctx, app, name)
	if err != nil {
		return err
	}
	err = c.records.SwapRecord(ctx, c.cfg.Kind, currentKey(app, name), raw, nil)
	if err != nil && actors.AsError(err).Code == actors.Conflict {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s: forget: %w", c.cfg.Kind, name, err)
	}
	for _, r := range old {
		if err := c.records.DeleteRecord(ctx, c.oldKind(), oldKey(app, name, r.Version)); err != nil {
			return fmt.Errorf("%s %s: forget version %d: %w", c.cfg.Kind, name, r.Version, err)
		}
	}
	return nil
}

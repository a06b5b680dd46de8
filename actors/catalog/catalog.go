package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"reddot/actors"
)

// Config says what is kept. Zero takes the default.
type Config struct {
	Kind     string           // of the records, and what an error calls an entry; needed
	Names    int              // names of one app, removed ones too until Keep is over; 1,000
	Versions int              // versions of one name; 200
	Keep     time.Duration    // how long a version is kept at least that was replaced; 31 days
	Now      func() time.Time // the wall clock; needed
}

// WithDefaults returns the configuration with defaults in the place of zeros.
func (c Config) WithDefaults() Config {
	if c.Names == 0 {
		c.Names = 1000
	}
	if c.Versions == 0 {
		c.Versions = 200
	}
	if c.Keep == 0 {
		c.Keep = 31 * 24 * time.Hour
	}
	return c
}

// A Catalog keeps entries by app and name. It is safe for concurrent use, also by
// several nodes on the same records.
type Catalog struct {
	cfg     Config
	records actors.SwapRecords
}

// New returns the catalog that is kept in the records.
func New(cfg Config, records actors.SwapRecords) *Catalog {
	return &Catalog{cfg: cfg.WithDefaults(), records: records}
}

// An Entry is one version of what stands under a name. It is immutable.
type Entry struct {
	Name    string
	Version uint64 // from 1
	Body    json.RawMessage
	At      time.Time // when the version was written
	By      string    // a Principal's ID
	Removed bool      // there is nothing under the name; Body is empty
}

// A Change is a new version.
type Change struct {
	Body  json.RawMessage // valid and compact JSON; empty: the name is removed
	By    string          // a Principal's ID
	Once  actors.Once     // the caller's key; zero: none
	Match func(version uint64) bool

	// Noting, if there is one, is called with what is there (without a Body: nothing) and
	// what is to be, before it is written; if it fails nothing is.
	Noting func(before, after *Entry) error
}

// A Result is what a Change has done.
type Result struct {
	Entry    Entry
	Created  bool // there was nothing under the name
	Replayed bool // the key was known: nothing was done again
}

// maxSwaps is how often a change is tried that others come before.
const maxSwaps = 10

// ErrNoMatch is what a change fails with whose Match does not take the version.
var ErrNoMatch = actors.Errorf(actors.Conflict, "it has another version by now; read it again")

// Apply makes a change durable. Without a key, a Body that is there already changes
// nothing. Where the outcome is unknown (Unavailable) it may come again under its key.
func (c *Catalog) Apply(ctx context.Context, app, name string, ch Change) (Result, error) {
	for range maxSwaps {
		raw, now, err := c.current(ctx, app, name)
		if err != nil {
			return Result{}, err
		}
		if old, err := c.replay(ctx, app, name, now, ch.Once); old != nil || err != nil {
			return Result{Entry: old.entry(name), Created: old != nil && old.Created, Replayed: true}, err
		}
		result, done, err := c.decide(name, now, &ch)
		if done || err != nil {
			return result, err
		}
		err = c.replace(ctx, app, raw, now, &result, &ch)
		if err == nil || actors.AsError(err).Code != actors.Conflict {
			return result, err
		}
	}
	return Result{}, actors.Errorf(actors.Busy, "others change the %s %s all the time; try again", c.cfg.Kind, name)
}

// decide returns what the change makes of what is there, or that it is done.
func (c *Catalog) decide(name string, now *record, ch *Change) (r Result, done bool, err error) {
	version := uint64(0)
	there := now != nil && !now.Removed
	if there {
		version = now.Version
	}
	switch {
	case ch.Match != nil && !ch.Match(version):
		return r, true, ErrNoMatch
	case !there && len(ch.Body) == 0:
		return r, true, c.notFound(name)
	case there && bytes.Equal(now.Body, ch.Body) && ch.Once.IsZero():
		return Result{Entry: now.entry(name)}, true, nil
	}
	r.Created = !there
	r.Entry = Entry{Name: name, Version: now.version() + 1, Body: ch.Body, At: c.cfg.Now().UTC().Truncate(time.Millisecond), By: ch.By, Removed: len(ch.Body) == 0}
	return r, false, nil
}

// replace swaps the current record for the result's.
func (c *Catalog) replace(ctx context.Context, app string, raw []byte, now *record, r *Result, ch *Change) error {
	name := r.Entry.Name
	if now == nil {
		if err := c.makeRoom(ctx, app); err != nil {
			return err
		}
	} else if err := c.archive(ctx, app, name, raw, now); err != nil {
		return err
	}
	if ch.Noting != nil {
		before := now.entry(name)
		if err := ch.Noting(&before, &r.Entry); err != nil {
			return err
		}
	}
	value, err := json.Marshal(newRecord(&r.Entry, r.Created, ch.Once))
	if err != nil {
		return fmt.Errorf("%s %s: encode: %w", c.cfg.Kind, name, err)
	}
	if err := c.records.SwapRecord(ctx, c.cfg.Kind, currentKey(app, name), raw, value); err != nil {
		return fmt.Errorf("%s %s: store: %w", c.cfg.Kind, name, err)
	}
	return nil
}

// Read returns a version of what stands under the name; 0: the current one. What is
// not there, or not any more, is NotFound.
func (c *Catalog) Read(ctx context.Context, app, name string, version uint64) (Entry, error) {
	_, now, err := c.current(ctx, app, name)
	if err != nil {
		return Entry{}, err
	}
	switch {
	case now == nil || version == 0 || version == now.Version:
	case version > now.Version: // one that a forgotten name of before has left
		now = nil
	default:
		if now, err = c.old(ctx, app, name, version); err != nil {
			return Entry{}, err
		}
	}
	if now == nil || now.Removed {
		return Entry{}, c.notFound(name)
	}
	return now.entry(name), nil
}

// List returns up to limit of the app's entries in the order of their names, behind
// the name, and the name behind which to go on; empty: there are no more.
func (c *Catalog) List(ctx context.Context, app, after string, limit int) (entries []Entry, next string, err error) {
	entries = []Entry{}
	err = c.each(ctx, app, after, func(name string, _ []byte, r *record) (bool, error) {
		if r.Removed {
			return true, nil
		}
		if len(entries) == limit {
			next = entries[limit-1].Name
			return false, nil
		}
		entries = append(entries, r.entry(name))
		return true, nil
	})
	return entries, next, err
}

// current returns what stands under the name as it is stored; nil: there never was
// anything.
func (c *Catalog) current(ctx context.Context, app, name string) ([]byte, *record, error) {
	raw, err := c.records.ReadRecord(ctx, c.cfg.Kind, currentKey(app, name))
	if err != nil && actors.AsError(err).Code == actors.NotFound {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: read: %w", c.cfg.Kind, name, err)
	}
	r, err := c.decode(name, raw)
	return raw, r, err
}

func (c *Catalog) notFound(name string) error {
	return actors.Errorf(actors.NotFound, "there is no %s %s, or not in this version", c.cfg.Kind, name)
}

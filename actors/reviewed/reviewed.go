package reviewed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"reddot/actors"
	"reddot/actors/catalog"
	"reddot/actors/content"
)

// Config says what is kept. Zero takes the default.
type Config struct {
	Names int              // texts of one app, archived ones too; 1,000
	Now   func() time.Time // the wall clock; needed
}

// The record of a text is replaced by each move. Those before are kept for as long as
// keys are known.
const (
	maxMoves  = 200 // of a text within keepMoves
	keepMoves = 25 * time.Hour
)

// A Text is what is reviewed.
type Text interface {
	Hash() string // names it
	Body() []byte // as it is stored: a JSON object
}

// Texts are those of a kind, of all apps. It is safe for concurrent use, also by several
// nodes on the same records.
type Texts[T Text] struct {
	kind    string
	parse   func([]byte) (T, error)
	now     func() time.Time
	heads   *catalog.Catalog
	records actors.SwapRecords
	ready   cache[T]
}

// New returns the texts of a kind that are kept in the records; parse reads one as it is
// stored.
func New[T Text](kind string, parse func([]byte) (T, error), cfg Config, records actors.SwapRecords) *Texts[T] {
	return &Texts[T]{
		kind: kind, parse: parse, now: cfg.Now, records: records,
		heads: catalog.New(catalog.Config{Kind: kind, Names: cfg.Names, Versions: maxMoves, Keep: keepMoves, Now: cfg.Now}, records),
	}
}

// A Head is what is known of what stands under a name. It is immutable.
type Head struct {
	ID      string
	Record  *content.Record
	Changes uint64 // of the record so far
	At      time.Time
	By      string // who made the last one
}

// A Change is who makes a move, and how often.
type Change struct {
	By    string                    // a Principal's ID
	Alone bool                      // as in content.Order
	Once  actors.Once               // the caller's key; zero: none
	Match func(changes uint64) bool // nil: any

	// Noting, if there is one, is called before the move is made with the version that it
	// is about, before (nil: it is new) and after; if it fails nothing is done.
	Noting func(before, after *content.Version) error
}

// A Result is what a move has done.
type Result struct {
	Head
	Created  bool // there was no such template
	Replayed bool // the key was known: nothing was done again
}

// maxTries is how often a move is decided that others come before.
const maxTries = 10

// Write makes a version. Without a key, what the newest says already is none.
func (t *Texts[T]) Write(ctx context.Context, app, id string, x T, c Change) (Result, error) {
	key := textKey(app, id, x.Hash())
	err := t.records.SwapRecord(ctx, t.textKind(), key, nil, x.Body())
	if err != nil && actors.AsError(err).Code != actors.Conflict { // it is there, and the same
		return Result{}, fmt.Errorf("%s %s: store the text: %w", t.kind, id, err)
	}
	return t.change(ctx, app, id, content.Order{Move: content.Write, Hash: x.Hash()}, &c)
}

// Move makes a move that is not Write.
func (t *Texts[T]) Move(ctx context.Context, app, id string, o content.Order, c Change) (Result, error) {
	return t.change(ctx, app, id, o, &c)
}

// change decides a move until nobody comes before.
func (t *Texts[T]) change(ctx context.Context, app, id string, o content.Order, c *Change) (Result, error) {
	o.By, o.Alone, o.At = c.By, c.Alone, t.now().UTC().Truncate(time.Millisecond)
	for range maxTries {
		head, err := t.find(ctx, app, id)
		if err != nil {
			return Result{}, err
		}
		if c.Match != nil && !c.Match(head.Changes) && c.Once.IsZero() {
			return Result{}, catalog.ErrNoMatch
		}
		if o.Move == content.Write && head.Record.Unchanged(o.Hash) && c.Once.IsZero() {
			return Result{Head: head}, nil
		}
		next, failed := head.Record.After(o)
		if failed != nil && c.Once.IsZero() {
			return Result{}, failed
		}
		r, err := t.swap(ctx, app, head, next, failed, c)
		switch {
		case err == nil && !r.Replayed:
			t.forget(ctx, app, head.Record, next, id)
			return r, nil
		case !errors.Is(err, catalog.ErrNoMatch):
			return r, err
		case failed != nil:
			return r, failed
		case c.Match != nil && !c.Match(head.Changes):
			return r, err
		}
	}
	return Result{}, actors.Errorf(actors.Busy, "others change the %s %s all the time; try again", t.kind, id)
}

// swap stores the next record in the place of head's, unless the key is known. After a
// move that failed it looks for the key alone.
func (t *Texts[T]) swap(ctx context.Context, app string, head Head, next *content.Record, failed error, c *Change) (Result, error) {
	ch := catalog.Change{Body: json.RawMessage("{}"), By: c.By, Once: c.Once}
	ch.Match = func(changes uint64) bool {
		return failed == nil && changes == head.Changes && (c.Match == nil || c.Match(changes))
	}
	if failed == nil {
		var err error
		if ch.Body, err = json.Marshal(next); err != nil {
			return Result{}, fmt.Errorf("%s %s: encode: %w", t.kind, head.ID, err)
		}
	}
	if c.Noting != nil {
		ch.Noting = func(_, _ *catalog.Entry) error { return c.Noting(head.Record.Find(next.Last), next.Find(next.Last)) }
	}
	r, err := t.heads.Apply(ctx, app, head.ID, ch)
	if err != nil {
		return Result{}, err
	}
	now, err := t.decode(&r.Entry)
	return Result{Head: now, Created: r.Created, Replayed: r.Replayed}, err
}

// forget removes the texts of versions that are not kept any more. One that stays for a
// crash is taken for that of a version with the same text.
func (t *Texts[T]) forget(ctx context.Context, app string, before, after *content.Record, id string) {
	if before == nil {
		return
	}
	for _, v := range before.Versions {
		if !slices.ContainsFunc(after.Versions, func(o content.Version) bool { return o.Hash == v.Hash }) {
			_ = t.records.DeleteRecord(ctx, t.textKind(), textKey(app, id, v.Hash))
		}
	}
}

// find returns what is known of a name; one that is not there has no record.
func (t *Texts[T]) find(ctx context.Context, app, id string) (Head, error) {
	e, err := t.heads.Read(ctx, app, id, 0)
	if err != nil {
		if actors.AsError(err).Code == actors.NotFound {
			return Head{ID: id}, nil
		}
		return Head{}, err
	}
	return t.decode(&e)
}

func (t *Texts[T]) decode(e *catalog.Entry) (Head, error) {
	h := Head{ID: e.Name, Changes: e.Version, At: e.At, By: e.By, Record: &content.Record{}}
	if err := json.Unmarshal(e.Body, h.Record); err != nil {
		return h, fmt.Errorf("%s %s: decode: %w", t.kind, e.Name, err)
	}
	return h, nil
}

// Find returns what is known of a name. One that is not there is NotFound.
func (t *Texts[T]) Find(ctx context.Context, app, id string) (Head, error) {
	h, err := t.find(ctx, app, id)
	if err == nil && h.Record == nil {
		err = t.notFound(id)
	}
	return h, err
}

// List returns up to limit of the app's names behind the name, and the name behind
// which to go on; empty: there are no more.
func (t *Texts[T]) List(ctx context.Context, app, after string, limit int) (list []Head, next string, err error) {
	entries, next, err := t.heads.List(ctx, app, after, limit)
	if err != nil {
		return nil, "", err
	}
	for i := range entries {
		h, err := t.decode(&entries[i])
		if err != nil {
			return nil, "", err
		}
		list = append(list, h)
	}
	return list, next, nil
}

// Open returns a version's text and what is known of it; 0: of the newest.
func (t *Texts[T]) Open(ctx context.Context, app, id string, version uint64) (x T, h Head, v *content.Version, err error) {
	h, err = t.Find(ctx, app, id)
	if err != nil {
		return x, h, nil, err
	}
	if v = h.Record.Find(version); v == nil {
		return x, h, nil, actors.Errorf(actors.NotFound, "the %s %s has no version %d, or not any more", t.kind, id, version)
	}
	x, err = t.Text(ctx, app, id, v.Hash)
	return x, h, v, err
}

// Text returns the text with the hash.
func (t *Texts[T]) Text(ctx context.Context, app, id, hash string) (x T, err error) {
	key := textKey(app, id, hash)
	if x, ok := t.ready.find(key); ok {
		return x, nil
	}
	body, err := t.records.ReadRecord(ctx, t.textKind(), key)
	if err != nil {
		return x, fmt.Errorf("%s %s: read the text: %w", t.kind, id, err)
	}
	if x, err = t.parse(body); err != nil {
		return x, fmt.Errorf("%s %s: the text that is stored is not good any more: %w", t.kind, id, err)
	}
	t.ready.put(key, x)
	return x, nil
}

// textKind is the kind of the records of texts.
func (t *Texts[T]) textKind() string { return t.kind + ".text" }

// textKey is the key of a text. Neither an app nor a name has a slash.
func textKey(app, id, hash string) string { return app + "/" + id + "/" + hash }

func (t *Texts[T]) notFound(id string) error {
	return actors.Errorf(actors.NotFound, "there is no %s %s", t.kind, id)
}

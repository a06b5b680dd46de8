package index

import (
	"context"
	"fmt"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/profile"
)

// An Index finds users. It is safe for concurrent use.
type Index struct {
	rows      actors.Index
	maxRanged int // users of a range that are put in order
}

// New returns the index whose rows a store has.
func New(rows actors.Index) *Index { return &Index{rows, maxRanged} }

// Users calls fn with up to limit users of an app behind after, in the order of the
// index, and with what is known of each; nil: nothing is. An empty after is the
// beginning. next is where to go on; empty: these were the last. An error that fn returns
// ends it and is returned.
func (x *Index) Users(ctx context.Context, app, after string, limit int, fn func(user string, known *profile.State) error) (next string, err error) {
	from, below := audience.UserRows(app)
	prefix := len(from)
	if after != "" {
		from = append(audience.UserRow(app, audience.Name(app, after)), 0)
	}
	n, last := 0, ""
	var failed error
	err = x.rows.ScanIndex(ctx, from, below, limit, func(key, value []byte) bool {
		n++
		last = audience.UserOf(string(key[prefix:]))
		var known *profile.State
		if known, failed = profile.FromIndex(value); failed == nil {
			failed = fn(last, known)
		}
		return failed == nil
	})
	switch {
	case failed != nil:
		return "", failed
	case err != nil:
		return "", fmt.Errorf("list the users of %s: %w", app, err)
	case n < limit:
		return "", nil
	}
	return last, nil
}

// Members calls fn with up to limit users of a list of an app behind after, in the
// order of the index. An empty after is the beginning. next is where to go on; empty:
// these were the last.
func (x *Index) Members(ctx context.Context, app, list, after string, limit int, fn func(user string)) (next string, err error) {
	from := ""
	if after != "" {
		from = audience.Name(app, after) + "\x00"
	}
	page := make([]string, limit)
	n, err := x.view(ctx, app).Users(audience.InSet(audience.Lists, list), from, page)
	if err != nil {
		return "", fmt.Errorf("read the list %s of %s: %w", list, app, err)
	}
	for _, name := range page[:n] {
		fn(audience.UserOf(name))
	}
	if n < limit {
		return "", nil
	}
	return audience.UserOf(page[n-1]), nil
}

// First returns up to limit users of the segment at now (unix milliseconds), the first
// ones in the order of the index.
func (x *Index) First(ctx context.Context, app string, s *audience.Segment, now int64, limit int) ([]string, error) {
	users := make([]string, 0, limit)
	err := x.find(ctx, app, s, now, func() int { return limit - len(users) }, func(names []string) {
		for _, n := range names {
			users = append(users, audience.UserOf(n))
		}
	})
	return users, err
}

// Count returns how many users the segment has at now (unix milliseconds).
func (x *Index) Count(ctx context.Context, app string, s *audience.Segment, now int64) (n int, err error) {
	err = x.find(ctx, app, s, now, func() int { return countPage }, func(names []string) { n += len(names) })
	return n, err
}

// countPage is how many users are found at once where they are counted.
const countPage = 1000

// find finds users page by page, of so many, until there are no more or none is wanted.
func (x *Index) find(ctx context.Context, app string, s *audience.Segment, now int64, wanted func() int, found func([]string)) error {
	v := x.view(ctx, app)
	plan, err := s.Plan(v, now)
	for after, next := "", ""; err == nil && wanted() > 0; after = next {
		var names []string
		if names, next, err = plan.Find(after, wanted(), v); err == nil {
			found(names)
		}
		if next == "" {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("look for the users of a segment of %s: %w", app, err)
	}
	return nil
}

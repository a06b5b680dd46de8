package index

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/profile"
)

// A view is the index as one question sees it, for as long as that takes: so it has
// the question's context.
type view struct {
	ctx    context.Context
	rows   actors.Index
	app    string
	most   int                // maxRanged
	held   int                // names in all of ranges
	ranges map[string]*ranged // that were looked up, by their first and last keys
}

var (
	_ audience.Postings = (*view)(nil)
	_ audience.Profiles = (*view)(nil)
)

func (x *Index) view(ctx context.Context, app string) *view {
	return &view{ctx: ctx, rows: x.rows, app: app, most: x.maxRanged, ranges: make(map[string]*ranged)}
}

// A ranged is whom a lookup finds that is not for one value: its rows are in the order
// of the values.
type ranged struct {
	names []string // in their order
	wide  bool     // they are too many to be put in order: names has none
}

// maxRanged is how many users of all ranges of a question are put in order. Of a range for
// which that leaves no room the profiles are looked at, in their order.
const maxRanged = 20_000

// sample is how many rows an estimate looks at.
const sample = 500

// Estimate implements audience.Postings. Names begin with the user's shard, which is a
// hash: where the first ones end tells how many there are.
func (v *view) Estimate(l audience.Lookup) (int, error) {
	from, below, kind := v.span(l)
	switch kind {
	case none:
		return 0, nil
	case spread:
		r, err := v.ranged(l)
		if err != nil || !r.wide {
			return len(r.names), err
		}
		return v.Estimate(audience.Lookup{})
	}
	n, shard := 0, 0
	name := v.nameIn(l)
	err := v.rows.ScanIndex(v.ctx, from, below, sample, func(key, _ []byte) bool {
		n++
		shard = int(binary.BigEndian.Uint16([]byte(name(key))))
		return true
	})
	if n < sample || err != nil {
		return n, err
	}
	return n * actors.Shards / (shard + 1), nil
}

// Users implements audience.Postings.
func (v *view) Users(l audience.Lookup, after string, page []string) (n int, err error) {
	from, below, kind := v.span(l)
	name := v.nameIn(l)
	switch kind {
	case none:
		return 0, nil
	case spread:
		r, err := v.ranged(l)
		if err != nil {
			return 0, err
		}
		if r.wide {
			return v.walk(l, after, page)
		}
		i, _ := slices.BinarySearch(r.names, after)
		return copy(page, r.names[i:]), nil
	}
	from = append(from, after...)
	err = v.rows.ScanIndex(v.ctx, from, below, len(page), func(key, _ []byte) bool {
		page[n] = name(key)
		n++
		return true
	})
	return n, err
}

// How the rows of a lookup are.
type spanKind uint8

const (
	none    spanKind = iota // there are none
	ordered                 // in the order of the names
	spread                  // not so
)

// span returns between which keys the rows of a lookup are; those of an ordered one
// begin with from.
func (v *view) span(l audience.Lookup) (from, below []byte, kind spanKind) {
	if l.Field == "" {
		from, below = audience.UserRows(v.app)
		return from, below, ordered
	}
	s, ok := l.Span(v.app)
	switch {
	case !ok:
		return nil, nil, none
	case l.IsOne():
		return s.From, s.Below, ordered
	}
	return s.From, s.Below, spread
}

// nameIn returns what finds the name in a key of the lookup's.
func (v *view) nameIn(l audience.Lookup) func([]byte) string {
	from, _ := audience.UserRows(v.app)
	if l.Field != "" {
		s, _ := l.Span(v.app)
		return s.Name
	}
	return func(key []byte) string { return string(key[len(from):]) }
}

// ranged returns whom a range has, read once.
func (v *view) ranged(l audience.Lookup) (*ranged, error) {
	from, below, _ := v.span(l)
	key := string(from) + "\x00" + string(below)
	if r := v.ranges[key]; r != nil {
		return r, nil
	}
	r := &ranged{}
	name := v.nameIn(l)
	room := v.most - v.held
	err := v.rows.ScanIndex(v.ctx, from, below, room+1, func(key, _ []byte) bool {
		r.names = append(r.names, name(key))
		return true
	})
	if err != nil {
		return r, err
	}
	if len(r.names) > room {
		r.names, r.wide = nil, true
	}
	slices.Sort(r.names)
	r.names = slices.Compact(r.names) // a list may have several such items
	v.held += len(r.names)
	v.ranges[key] = r
	return r, nil
}

// walk is Users for a range that is too wide: it looks at the profiles.
func (v *view) walk(l audience.Lookup, after string, page []string) (n int, err error) {
	start, below := audience.UserRows(v.app)
	prefix := len(start)
	for next := append(start, after...); n < len(page); {
		rows, last := 0, []byte(nil)
		var failed error
		err = v.rows.ScanIndex(v.ctx, next, below, walkPage, func(key, value []byte) bool {
			rows++
			var known *profile.State
			if known, failed = profile.FromIndex(value); failed != nil {
				return false
			}
			if l.Finds(known) {
				page[n] = string(key[prefix:])
				n++
			}
			last = append(last[:0], key...)
			return n < len(page)
		})
		if err = cmp.Or(failed, err); err != nil || rows < walkPage {
			break
		}
		next = append(last, 0)
	}
	return n, err
}

// walkPage is how many profiles are read at once.
const walkPage = 1000

// Load implements audience.Profiles.
func (v *view) Load(users []string, to []audience.Subject) error {
	keys := make([][]byte, len(users))
	for i, name := range users {
		keys[i] = audience.UserRow(v.app, name)
	}
	return v.rows.ReadIndex(v.ctx, keys, func(i int, value []byte) error {
		known, err := profile.FromIndex(value)
		to[i] = known
		return err
	})
}

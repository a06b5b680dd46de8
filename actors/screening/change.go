package screening

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"reddot/actors"
	"reddot/actors/keywords"
)

// A Change sets words of a list, which it makes if there is none.
type Change struct {
	Words  []Edit
	Once   actors.Once  // the caller's key; zero: none
	Noting func() error // is called before anything is written; if it fails nothing is; nil: nobody is told
}

// An Edit sets a word's action; 0 removes the word.
type Edit struct {
	Word
	Folded keywords.Word // keywords.ParseWord of it
}

// A Result is what a change has done.
type Result struct {
	Added    int  `json:"added"`
	Changed  int  `json:"changed"`
	Removed  int  `json:"removed"`
	Replayed bool `json:"-"` // the key was known: nothing was done again
}

// maxSwaps is how often a record is swapped that others swap meanwhile.
const maxSwaps = 10

// Change makes changes durable, and puts them in force here. Where the outcome is unknown
// (Unavailable) it may come again.
func (l *Lists) Change(ctx context.Context, app, name string, ch Change) (Result, error) {
	ls, err := l.take(ctx, app, name)
	if err != nil {
		return Result{}, err
	}
	defer l.leave(ls)
	raw, m, err := l.fresh(ctx, ls)
	if err != nil {
		return Result{}, err
	}
	if old, err := m.replay(ch.Once, l.cfg.Now()); old != nil || err != nil {
		if err != nil {
			return Result{}, err
		}
		return *old, nil
	}
	edits := byBucket(ch.Words)
	if err := l.checkRoom(ls, edits); err != nil {
		return Result{}, err
	}
	if ch.Noting != nil {
		if err := ch.Noting(); err != nil {
			return Result{}, err
		}
	}
	var r Result
	var changes []keywords.Change
	for n, words := range edits {
		done, some, err := l.changeBucket(ctx, ls, n, words)
		if err != nil {
			l.doubt(ls, m, ls.set.With(changes))
			return Result{}, err
		}
		r.Added, r.Changed, r.Removed = r.Added+done.Added, r.Changed+done.Changed, r.Removed+done.Removed
		changes = append(changes, some...)
	}
	if len(changes) == 0 && ls.kept && ch.Once.IsZero() {
		return r, nil
	}
	return r, l.sign(ctx, ls, raw, m, ls.set.With(changes), func(m *mark) *mark { return m.next(false, ch.Once, r, l.cfg.Now()) })
}

// byBucket returns the edits by their buckets and folded words. Of two to one word the last
// one counts.
func byBucket(words []Edit) map[int]map[string]Edit {
	all := map[int]map[string]Edit{}
	for _, w := range words {
		folded := w.Folded.Folded()
		n := bucketOf(folded)
		if all[n] == nil {
			all[n] = map[string]Edit{}
		}
		all[n][folded] = w
	}
	return all
}

// checkRoom refuses a change that would make too many words, or one list too many.
func (l *Lists) checkRoom(ls *list, edits map[int]map[string]Edit) error {
	fresh := 0
	for _, words := range edits {
		for _, w := range words {
			there := ls.set.Action(w.Folded) != 0
			switch {
			case there && w.Action == 0:
				fresh--
			case !there && w.Action != 0:
				fresh++
			}
		}
	}
	lists, words := l.count(ls.app)
	switch {
	case !ls.kept && lists >= l.cfg.Lists:
		return actors.Errorf(actors.TooMany, "an app has at most %d keyword lists, deleted ones too for a day", l.cfg.Lists)
	case fresh > 0 && ls.set.Len()+fresh > l.cfg.Words:
		return actors.Errorf(actors.TooMany, "a keyword list has at most %d words", l.cfg.Words)
	case fresh > 0 && words+fresh > l.cfg.AppWords:
		return actors.Errorf(actors.TooMany, "an app has at most %d keywords", l.cfg.AppWords)
	}
	return nil
}

// changeBucket swaps a bucket for one with edits, and returns what that changes in memory.
func (l *Lists) changeBucket(ctx context.Context, ls *list, n int, edits map[string]Edit) (r Result, changes []keywords.Change, err error) {
	key := bucketKey(ls.app, ls.name, n)
	for range maxSwaps {
		raw, err := l.read(ctx, bucketKind, key)
		if err != nil {
			return r, nil, err
		}
		words, err := decodeBucket(raw)
		if err != nil {
			return r, nil, fmt.Errorf("keywords %s: decode: %w", key, err)
		}
		if hash(raw) != ls.buckets[n] { // others have changed it since it was read
			changes = difference(ls.set, map[int]map[string]entry{n: words})
		}
		r, some := apply(words, edits)
		value, err := encodeBucket(words)
		if err != nil {
			return r, nil, fmt.Errorf("keywords %s: encode: %w", key, err)
		}
		if !bytes.Equal(raw, value) {
			if err := l.records.SwapRecord(ctx, bucketKind, key, raw, value); err != nil {
				if actors.AsError(err).Code == actors.Conflict {
					continue
				}
				return r, nil, fmt.Errorf("keywords %s: store: %w", key, err)
			}
		}
		ls.buckets[n] = hash(value)
		return r, append(changes, some...), nil
	}
	return r, nil, others(ls.name)
}

func others(name string) error {
	return actors.Errorf(actors.Busy, "others change the keyword list %s all the time; try again", name)
}

// apply makes edits to a bucket's words.
func apply(words map[string]entry, edits map[string]Edit) (r Result, changes []keywords.Change) {
	for folded, e := range edits {
		old, there := words[folded]
		switch {
		case e.Action == 0 && !there, there && old.Word == e.Word:
			continue
		case e.Action == 0:
			r.Removed++
			delete(words, folded)
		default:
			if there {
				r.Changed++
			} else {
				r.Added++
			}
			words[folded] = entry{e.Word, e.Folded}
		}
		changes = append(changes, keywords.Change{Word: e.Folded, Action: e.Action})
	}
	return r, changes
}

// sign ends a change with the next mark, and puts the words in force here. By the mark all
// other nodes read the list again, and so does this one: there may be words of a change that
// was not ended.
func (l *Lists) sign(ctx context.Context, ls *list, raw []byte, m *mark, set *keywords.Set, next func(*mark) *mark) error {
	key := markKey(ls.app, ls.name)
	for range maxSwaps {
		fresh := next(m)
		value, err := json.Marshal(fresh)
		if err != nil {
			return fmt.Errorf("keywords %s: encode: %w", key, err)
		}
		err = l.records.SwapRecord(ctx, markKind, key, raw, value)
		if err == nil {
			l.put(ls, fresh, set)
			l.again(ctx, ls)
			if l.cfg.Changed != nil {
				l.cfg.Changed()
			}
			return nil
		}
		if actors.AsError(err).Code != actors.Conflict {
			l.doubt(ls, m, set)
			return fmt.Errorf("keywords %s: store: %w", key, err)
		}
		if raw, m, err = l.readMark(ctx, ls.app, ls.name); err != nil {
			l.doubt(ls, m, set)
			return err
		}
	}
	l.doubt(ls, m, set)
	return others(ls.name)
}

// doubt puts words in force of which more may have changed: they are read again by who
// comes next.
func (l *Lists) doubt(ls *list, m *mark, set *keywords.Set) {
	l.put(ls, m, set)
	l.mu.Lock()
	ls.seen = ""
	l.mu.Unlock()
}

// again reads a list again, of which somebody else may have changed something. Where that
// fails, Reload does it.
func (l *Lists) again(ctx context.Context, ls *list) {
	l.mu.Lock()
	ls.seen = ""
	l.mu.Unlock()
	_, _, _ = l.fresh(ctx, ls)
}

// Delete deletes a list with its words.
func (l *Lists) Delete(ctx context.Context, app, name string, ch Change) (Result, error) {
	ls, err := l.take(ctx, app, name)
	if err != nil {
		return Result{}, err
	}
	defer l.leave(ls)
	raw, m, err := l.fresh(ctx, ls)
	if err != nil {
		return Result{}, err
	}
	old, err := m.replay(ch.Once, l.cfg.Now())
	switch {
	case err != nil:
		return Result{}, err
	case old != nil:
		return *old, nil
	case !ls.there: // but words of a change that was not ended may be
		if err := l.clear(ctx, ls); err != nil {
			return Result{}, err
		}
		return Result{}, notFound(name)
	}
	if ch.Noting != nil {
		if err := ch.Noting(); err != nil {
			return Result{}, err
		}
	}
	r := Result{Removed: ls.set.Len()}
	// The mark comes last: after a crash the list is there still, with fewer words.
	if err := l.clear(ctx, ls); err != nil {
		l.doubt(ls, m, ls.set)
		return Result{}, err
	}
	return r, l.sign(ctx, ls, raw, m, nil, func(m *mark) *mark { return m.next(true, ch.Once, r, l.cfg.Now()) })
}

// clear deletes a list's words.
func (l *Lists) clear(ctx context.Context, ls *list) error {
	err := l.eachBucket(ctx, ls.app, ls.name, 0, page, func(n int, _ []byte) (bool, error) {
		err := l.records.DeleteRecord(ctx, bucketKind, bucketKey(ls.app, ls.name, n))
		return err == nil, err
	})
	if err == nil {
		ls.buckets = [buckets]uint64{}
	}
	return err
}

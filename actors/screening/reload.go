package screening

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"reddot/actors"
	"reddot/actors/keywords"
)

// Reload reads what has changed in the records since it was read last, as by other nodes.
func (l *Lists) Reload(ctx context.Context) error {
	marks := map[[2]string]string{}
	var all []actors.Record
	for after := ""; ; {
		stored, err := l.records.ListRecords(ctx, markKind, after, page)
		if err != nil {
			return fmt.Errorf("list the keyword lists: %w", err)
		}
		all = append(all, stored...)
		if len(stored) < page {
			break
		}
		after = stored[len(stored)-1].Key
	}
	var errs []error
	for _, r := range all {
		app, name, ok := strings.Cut(r.Key, "/")
		m, err := decodeMark(r.Value)
		if err == nil && !ok {
			err = fmt.Errorf("keywords: %s is no key of a mark", r.Key)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if marks[[2]string{app, name}] = m.ID; m.Removed && l.cfg.Now().Sub(m.At) > onceFor*time.Millisecond {
			// Who has changed it meanwhile keeps it.
			if err := l.records.SwapRecord(ctx, markKind, r.Key, r.Value, nil); err == nil {
				delete(marks, [2]string{app, name})
			}
		}
	}
	for _, ls := range l.stale(marks) {
		errs = append(errs, l.reread(ctx, ls[0], ls[1]))
	}
	return errors.Join(errs...)
}

// stale returns the lists of which something else is known than the marks say.
func (l *Lists) stale(marks map[[2]string]string) (all [][2]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for app, lists := range l.apps {
		for name := range lists {
			if _, ok := marks[[2]string{app, name}]; !ok {
				marks[[2]string{app, name}] = ""
			}
		}
	}
	for key, id := range marks {
		ls := l.apps[key[0]][key[1]]
		if ls == nil || ls.seen == "" || ls.seen != id {
			all = append(all, key)
		}
	}
	return all
}

func (l *Lists) reread(ctx context.Context, app, name string) error {
	ls, err := l.take(ctx, app, name)
	if err != nil {
		return err
	}
	defer l.leave(ls)
	_, _, err = l.fresh(ctx, ls)
	return err
}

// fresh reads a list's mark, and its words if they have changed since they were read.
func (l *Lists) fresh(ctx context.Context, ls *list) ([]byte, *mark, error) {
	raw, m, err := l.readMark(ctx, ls.app, ls.name)
	if err != nil {
		return nil, nil, err
	}
	if m != nil && m.ID == ls.seen || m == nil && !ls.kept {
		return raw, m, nil
	}
	if m == nil || m.Removed {
		ls.buckets = [buckets]uint64{}
		l.put(ls, m, nil)
		return raw, m, nil
	}
	var hashes [buckets]uint64
	changed := map[int]map[string]entry{}
	err = l.eachBucket(ctx, ls.app, ls.name, 0, page, func(n int, raw []byte) (bool, error) {
		if hashes[n] = hash(raw); hashes[n] == ls.buckets[n] {
			return true, nil
		}
		words, err := decodeBucket(raw)
		if err != nil {
			return false, fmt.Errorf("keywords %s: decode: %w", bucketKey(ls.app, ls.name, n), err)
		}
		changed[n] = words
		return true, nil
	})
	if err != nil {
		return nil, nil, err
	}
	for n, h := range ls.buckets {
		if h != 0 && hashes[n] == 0 {
			changed[n] = nil
		}
	}
	set := ls.set
	if changes := difference(set, changed); len(changes) > 0 {
		set = set.With(changes)
	}
	ls.buckets = hashes
	l.put(ls, m, set)
	return raw, m, nil
}

// difference returns what makes of a set one whose words of some buckets are others.
func difference(set *keywords.Set, want map[int]map[string]entry) (changes []keywords.Change) {
	same := map[string]bool{}
	if len(want) > 0 {
		set.Each(func(w keywords.Word, a keywords.Action) {
			folded := w.Folded()
			words, ok := want[bucketOf(folded)]
			if !ok {
				return
			}
			switch words[folded].Action {
			case a:
				same[folded] = true
			case 0:
				changes = append(changes, keywords.Change{Word: w})
			}
		})
	}
	for _, words := range want {
		for folded, w := range words {
			if !same[folded] {
				changes = append(changes, keywords.Change{Word: w.folded, Action: w.Action})
			}
		}
	}
	return changes
}

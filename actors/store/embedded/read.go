package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"reddot/actors"
	"reddot/actors/store"
)

// Load implements actors.Journal.
func (p *Store) Load(ctx context.Context, key actors.Key, snapshot, event func([]byte) error) error {
	return p.walk(ctx, key, func(it *pebble.Iterator) error {
		buf := appendSnapshot(make([]byte, 0, journalLen(key)), key, math.MaxUint64)
		if !it.SeekPrefixGE(buf) {
			return nil
		}
		part, seq, err := parseJournal(it.Key())
		if err != nil {
			return err
		}
		next := uint64(1)
		if part == partSnapshot {
			if err := withValue(it, snapshot); err != nil {
				return err
			}
			next = seq + 1
		}
		return eachEvent(ctx, it, appendEvent(buf[:0], key, next), func(seq uint64) (bool, error) {
			if seq != next {
				return false, &actors.Gap{Key: key, After: next - 1, Next: seq}
			}
			next++
			return true, withValue(it, event)
		})
	})
}

// Events implements actors.Journal.
func (p *Store) Events(ctx context.Context, key actors.Key, first, last uint64, fn func(uint64, []byte) bool) error {
	return p.walk(ctx, key, func(it *pebble.Iterator) error {
		start := appendEvent(make([]byte, 0, journalLen(key)), key, first)
		return eachEvent(ctx, it, start, func(seq uint64) (bool, error) {
			if seq > last {
				return false, nil
			}
			value, err := it.ValueAndErr()
			return err == nil && fn(seq, value), err
		})
	})
}

// Snapshot implements actors.Journal.
func (p *Store) Snapshot(ctx context.Context, key actors.Key, seq uint64) (data []byte, err error) {
	err = p.walk(ctx, key, func(it *pebble.Iterator) error {
		if !it.SeekPrefixGE(appendSnapshot(make([]byte, 0, journalLen(key)), key, seq)) {
			return nil
		}
		part, _, err := parseJournal(it.Key())
		if err != nil || part != partSnapshot {
			return err
		}
		return withValue(it, func(value []byte) error {
			data = append([]byte{}, value...)
			return nil
		})
	})
	return data, err
}

// walk gives fn an iterator over the actor's journal.
func (p *Store) walk(ctx context.Context, key actors.Key, fn func(*pebble.Iterator) error) (err error) {
	if err := p.enter(); err != nil {
		return err
	}
	defer func() { err = p.leave(err) }()
	it, err := p.db.NewIterWithContext(ctx, nil)
	if err != nil {
		return fmt.Errorf("read the journal of %q: %w", key, err)
	}
	defer func() {
		if closeErr := it.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("read the journal of %q: %w", key, closeErr)
		}
	}()
	return fn(it)
}

// eachEvent calls fn at each event from start on until it returns false.
func eachEvent(ctx context.Context, it *pebble.Iterator, start []byte, fn func(seq uint64) (bool, error)) error {
	for ok := it.SeekPrefixGE(start); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, seq, err := parseJournal(it.Key())
		if err != nil {
			return err
		}
		if more, err := fn(seq); err != nil || !more {
			return err
		}
	}
	return nil // Close returns the iterator's error
}

// withValue calls fn with the value that it stands at.
func withValue(it *pebble.Iterator, fn func([]byte) error) error {
	value, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	return fn(value)
}

// Owner implements actors.Lookup.
func (p *Store) Owner(_ context.Context, id actors.ID) (actors.Key, error) {
	if err := p.enter(); err != nil {
		return "", err
	}
	key, err := p.owner(id)
	if err == nil && key == "" {
		err = store.ErrNoMessage
	}
	return key, p.leave(err)
}

// owner returns who has an id; empty: nobody. The caller has entered, or is the
// committer.
func (p *Store) owner(id actors.ID) (actors.Key, error) {
	value, err := p.get(appendOwner(nil, id))
	if errors.Is(err, pebble.ErrNotFound) {
		err = nil
	}
	return actors.Key(value), err
}

// ReadRecord implements actors.Records.
func (p *Store) ReadRecord(ctx context.Context, kind, key string) ([]byte, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	value, err := p.storedRecord(kind, key)
	return value, p.leaveDurable(ctx, err)
}

// storedRecord returns a record for the committer.
func (p *Store) storedRecord(kind, key string) ([]byte, error) {
	value, err := p.get(appendRecord(nil, kind, key))
	if errors.Is(err, pebble.ErrNotFound) {
		err = store.NoRecord(kind)
	}
	return value, err
}

// get returns a copy of the key's value. The caller has entered, or is the committer.
func (p *Store) get(key []byte) ([]byte, error) {
	value, closer, err := p.db.Get(key)
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	value = append([]byte{}, value...)
	return value, closer.Close()
}

// Tallies implements actors.Lookup.
func (p *Store) Tallies(ctx context.Context, id actors.ID) (t [actors.NumTallies]int64, err error) {
	start := appendTally(nil, id, 0)
	if err := p.enter(); err != nil {
		return t, err
	}
	err = p.scan(ctx, start, nextPrefix(nil, start[:tallyPrefix]), func(k, value []byte) (bool, error) {
		n, err := parseSum(value)
		if kind := k[len(k)-1]; kind < byte(actors.NumTallies) {
			t[kind] = n
		}
		return true, err
	})
	return t, p.leaveDurable(ctx, err)
}

// Due implements actors.Lookup.
func (p *Store) Due(ctx context.Context, now int64, fn func(actors.Key, int64) bool) error {
	if now < 0 {
		return nil
	}
	end := []byte{kindWake + 1}
	if now < math.MaxInt64 {
		end = appendWake(nil, now+1, "")
	}
	if err := p.enter(); err != nil {
		return err
	}
	from, done := p.wakes.scan()
	first := max(from, now) // nothing up to now was seen
	err := p.scan(ctx, appendWake(nil, min(from, now), ""), end, func(k, _ []byte) (bool, error) {
		at, key, err := parseWake(k)
		first = min(first, at)
		return err == nil && fn(key, at), err
	})
	if err = p.leave(err); err != nil {
		first = from
	}
	done(first)
	return err
}

// Epochs implements actors.Fences.
func (p *Store) Epochs(ctx context.Context) ([]actors.Taken, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	return p.fences.Epochs(ctx)
}

// loadFences reads the fences that were taken before this start.
func (p *Store) loadFences() error {
	if err := p.enter(); err != nil {
		return err
	}
	start := []byte{kindFence}
	err := p.scan(context.Background(), start, []byte{kindFence + 1}, func(k, value []byte) (bool, error) {
		t, err := parseTaken(k, value)
		if err == nil {
			p.fences.Load(t)
		}
		return true, err
	})
	return p.leave(err)
}

// ListRecords implements actors.Records.
func (p *Store) ListRecords(ctx context.Context, kind, after string, limit int) (list []actors.Record, err error) {
	if limit <= 0 {
		return nil, nil
	}
	start := append(appendRecord(nil, kind, after), 0) // the next key after it
	end := appendRecord(nil, kind, "")
	prefix := len(end)
	end[prefix-1]++
	if err := p.enter(); err != nil {
		return nil, err
	}
	err = p.scan(ctx, start, end, func(k, value []byte) (bool, error) {
		list = append(list, actors.Record{Key: string(k[prefix:]), Value: append([]byte{}, value...)})
		return len(list) < limit, nil
	})
	return list, p.leaveDurable(ctx, err)
}

// scan calls fn with each key from start to below end until it returns false.
// The caller has entered.
func (p *Store) scan(ctx context.Context, start, end []byte, fn func(key, value []byte) (bool, error)) (err error) {
	it, err := p.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	defer func() {
		if closeErr := it.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("read the store: %w", closeErr)
		}
	}()
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if more, err := fn(it.Key(), value); err != nil || !more {
			return err
		}
	}
	return nil
}

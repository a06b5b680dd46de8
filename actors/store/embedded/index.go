package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"reddot/actors"
)

// HasEvent implements store.Index.
func (c *committer) HasEvent(key actors.Key, seq uint64) (bool, error) {
	return c.has(appendEvent(nil, key, seq))
}

// HasSnapshot implements store.Index.
func (c *committer) HasSnapshot(key actors.Key, seq uint64) (bool, error) {
	return c.has(appendSnapshot(nil, key, seq))
}

func (c *committer) has(key []byte) (bool, error) {
	_, err := c.p.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Begun implements store.Index.
func (c *committer) Begun(key actors.Key) (found bool, err error) {
	err = c.p.walk(context.Background(), key, func(it *pebble.Iterator) error {
		if !it.SeekPrefixGE(appendSnapshot(nil, key, math.MaxUint64)) {
			return nil
		}
		part, seq, err := parseJournal(it.Key())
		found = part == partSnapshot || seq == 1
		return err
	})
	return found, err
}

// ScanIndex implements actors.Index.
func (p *Store) ScanIndex(ctx context.Context, from, below []byte, limit int, fn func(key, value []byte) bool) error {
	if limit <= 0 {
		return nil
	}
	if err := p.enter(); err != nil {
		return err
	}
	err := p.scan(ctx, appendRow(nil, from), appendRow(nil, below), func(k, value []byte) (bool, error) {
		limit--
		return fn(k[1:], value) && limit > 0, nil
	})
	return p.leaveDurable(ctx, err)
}

// ReadIndex implements actors.Index.
func (p *Store) ReadIndex(ctx context.Context, keys [][]byte, fn func(i int, value []byte) error) error {
	if err := p.enter(); err != nil {
		return err
	}
	return p.leaveDurable(ctx, p.readRows(ctx, keys, fn))
}

// readRows reads rows of the index by one iterator. The caller has entered.
func (p *Store) readRows(ctx context.Context, keys [][]byte, fn func(i int, value []byte) error) (err error) {
	it, err := p.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: []byte{kindIndex}, UpperBound: []byte{kindIndex + 1}})
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	defer func() {
		if closeErr := it.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("read the index: %w", closeErr)
		}
	}()
	var key []byte
	for i, k := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		key = appendRow(key[:0], k)
		if !it.SeekGE(key) {
			return nil // the keys behind are not there either
		}
		if !bytes.Equal(it.Key(), key) {
			continue
		}
		if err := withValue(it, func(value []byte) error { return fn(i, value) }); err != nil {
			return err
		}
	}
	return nil
}

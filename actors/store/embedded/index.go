package embedded

import (
	"context"
	"errors"
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

package store

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"reddot/actors"
)

// onlyWriter is the number of the one writer that Memory and Pebble have.
const onlyWriter = 1

// A shelfmark finds what a journal holds.
type shelfmark interface {
	hasEvent(key actors.Key, seq uint64) (bool, error)
	hasSnapshot(key actors.Key, seq uint64) (bool, error)
	begun(key actors.Key) (bool, error) // there is a snapshot, or the first event
}

// follow returns an error if w does not follow what the journal holds. It looks
// there once a stream.
func follow(w *actors.Write, in shelfmark) error {
	s := w.Stream
	if !s.Knows(w.After, onlyWriter) {
		if err := lookBefore(w, in); err != nil {
			return err
		}
	}
	s.Wrote(w.Last(), onlyWriter)
	return nil
}

func lookBefore(w *actors.Write, in shelfmark) error {
	key := w.Stream.Key
	found, err := in.hasEvent(key, w.After)
	switch {
	case w.After == 0:
		found, err = in.begun(key)
	case err == nil && !found:
		found, err = in.hasSnapshot(key, w.After)
	}
	taken := false
	if err == nil && len(w.Events) > 0 {
		taken, err = in.hasEvent(key, w.After+1)
	}
	switch {
	case err != nil:
		return fmt.Errorf("look for event %d of %q: %w", w.After, key, err)
	case taken:
		return takenError(w, errThere)
	case found != (w.After > 0):
		return astrayError(w)
	}
	return nil
}

func (s *shelf) hasEvent(key actors.Key, seq uint64) (bool, error) {
	j := s.journals[key]
	if j == nil {
		return false, nil
	}
	_, found := find(j.events, seq)
	return found, nil
}

func (s *shelf) hasSnapshot(key actors.Key, seq uint64) (bool, error) {
	j := s.journals[key]
	if j == nil {
		return false, nil
	}
	_, found := find(j.snapshots, seq)
	return found, nil
}

func (s *shelf) begun(key actors.Key) (bool, error) {
	j := s.journals[key]
	return j != nil && (len(j.snapshots) > 0 || len(j.events) > 0 && j.events[0].seq == 1), nil
}

func (p *Pebble) hasEvent(key actors.Key, seq uint64) (bool, error) {
	return p.has(appendEvent(nil, key, seq))
}

func (p *Pebble) hasSnapshot(key actors.Key, seq uint64) (bool, error) {
	return p.has(appendSnapshot(nil, key, seq))
}

func (p *Pebble) has(key []byte) (bool, error) {
	_, err := p.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (p *Pebble) begun(key actors.Key) (found bool, err error) {
	err = p.walk(context.Background(), key, func(it *pebble.Iterator) error {
		if !it.SeekPrefixGE(appendSnapshot(nil, key, math.MaxUint64)) {
			return nil
		}
		part, seq, err := parseJournal(it.Key())
		found = part == partSnapshot || seq == 1
		return err
	})
	return found, err
}

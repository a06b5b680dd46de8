package store

import (
	"errors"
	"fmt"

	"reddot/actors"
)

// onlyWriter is the number of a store's one writer.
const onlyWriter = 1

// errThere is the cause of AlreadyWritten where no database names one.
var errThere = errors.New("it is there")

// An Index finds what a journal holds.
type Index interface {
	HasEvent(key actors.Key, seq uint64) (bool, error)
	HasSnapshot(key actors.Key, seq uint64) (bool, error)
	// Begun tells whether there is a snapshot, or the first event.
	Begun(key actors.Key) (bool, error)
}

// Follow returns an error if w does not follow what the journal holds. It looks
// it up once a stream. It is for stores that have one writer.
func Follow(w *actors.Write, in Index) error {
	s := w.Stream
	if !s.Knows(w.After, onlyWriter) {
		if err := lookBefore(w, in); err != nil {
			return err
		}
	}
	s.Wrote(w.Last(), onlyWriter)
	return nil
}

func lookBefore(w *actors.Write, in Index) error {
	found, taken, err := around(w, in)
	switch {
	case err != nil:
		return fmt.Errorf("look for event %d of %q: %w", w.After, w.Stream.Key, err)
	case taken:
		return AlreadyWritten(w, errThere)
	case found != (w.After > 0):
		return OutOfOrder(w)
	}
	return nil
}

// around tells whether the journal has anything at w.After, which for 0 is anything at
// all, and whether it has the event behind. A new actor costs one look.
func around(w *actors.Write, in Index) (found, taken bool, err error) {
	key := w.Stream.Key
	if w.After == 0 {
		if found, err = in.Begun(key); !found {
			return false, false, err
		}
	} else if found, err = in.HasEvent(key, w.After); err == nil && !found {
		found, err = in.HasSnapshot(key, w.After)
	}
	if err == nil && len(w.Events) > 0 {
		taken, err = in.HasEvent(key, w.After+1)
	}
	return found, taken, err
}

package store

import (
	"fmt"

	"reddot/actors"
)

func errNoOwner() error {
	return actors.Errorf(actors.NotFound, "there is no such message")
}

func errNoRecord(kind string) error {
	return actors.Errorf(actors.NotFound, "there is no such %s", kind)
}

// holeError is what the end of a journal is without the event want.
func holeError(key actors.Key, want, got uint64) error {
	return &actors.Gap{Key: key, After: want - 1, Next: got}
}

// takenError is what a write is refused with whose first event is there already.
func takenError(w *actors.Write, cause error) error {
	return &actors.Error{Code: actors.Conflict, Cause: cause,
		Detail: fmt.Sprintf("the journal of %q has an event %d already: another activation wrote it", w.Stream.Key, w.After+1)}
}

// astrayError is what a write is refused with that does not follow what the
// journal holds.
func astrayError(w *actors.Write) error {
	return actors.Errorf(actors.Conflict, "the journal of %q does not end with event %d, which the write follows: the store has lost events, or was restored", w.Stream.Key, w.After)
}

// historyError is what a write is refused with whose actor was read from another
// history.
func historyError(w *actors.Write) error {
	return actors.Errorf(actors.Conflict, "%q was read before the store was restored, or its replica promoted", w.Stream.Key)
}

// fencedError is what a write is refused with that comes under an old fence.
func fencedError(s *actors.Stream) error {
	return actors.Errorf(actors.Fenced, "shard %d of %q has another epoch than %d by now", s.Fence.Shard, s.Key, s.Fence.Epoch)
}

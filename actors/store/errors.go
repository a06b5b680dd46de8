package store

import (
	"errors"
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

// What follows are the refusals of a write. What they say may reach a client, so
// only their causes name the journal, and so a user.

// takenError is what a write is refused with whose first event is there already.
func takenError(w *actors.Write, cause error) error {
	return refusal(actors.Conflict, fmt.Errorf("event %d of %q: %w", w.After+1, w.Stream.Key, cause),
		"the journal has the event already: another activation wrote it")
}

// errThere is the cause of a takenError where no database says so.
var errThere = errors.New("it is there")

// astrayError is what a write is refused with that does not follow what the
// journal holds.
func astrayError(w *actors.Write) error {
	return refusal(actors.Conflict, fmt.Errorf("the journal of %q does not end with event %d", w.Stream.Key, w.After),
		"the journal does not end with the event that the write follows: the store has lost events, or was restored")
}

// historyError is what a write is refused with whose actor was read from another
// history.
func historyError(w *actors.Write) error {
	return refusal(actors.Conflict, fmt.Errorf("it is a write of %q", w.Stream.Key),
		"the actor was read before the store was restored, or its replica promoted")
}

// fencedError is what a write is refused with that comes under an old fence.
func fencedError(s *actors.Stream) error {
	return refusal(actors.Fenced, fmt.Errorf("shard %d of %q under epoch %d", s.Fence.Shard, s.Key, s.Fence.Epoch),
		"the shard has another epoch by now")
}

// unfitError is what a write is refused with that the database can't take.
func unfitError(w *actors.Write, cause error) error {
	return refusal(actors.Internal, fmt.Errorf("a write of %q: %w", w.Stream.Key, cause), "the database can't take the write")
}

func refusal(code actors.Code, cause error, detail string) error {
	return &actors.Error{Code: code, Detail: detail, Cause: cause}
}

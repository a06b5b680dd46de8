package store

import (
	"errors"
	"fmt"

	"reddot/actors"
)

// ErrClosed is what writes and reads fail with after Close.
var ErrClosed = unavailable(errors.New("the store is closed"))

// ErrNoMessage is what Owner fails with where no actor answers for the message.
var ErrNoMessage = actors.Errorf(actors.NotFound, "there is no such message")

// NoRecord is what ReadRecord fails with where there is none of the kind.
func NoRecord(kind string) error {
	return actors.Errorf(actors.NotFound, "there is no such %s", kind)
}

// ErrSwapped is what SwapRecord fails with.
var ErrSwapped = actors.Errorf(actors.Conflict, "the record is another one by now")

// AlreadyWritten is what a write is refused with whose first event is there already.
func AlreadyWritten(w *actors.Write, cause error) error {
	return Refusal(actors.Conflict, fmt.Errorf("event %d of %q: %w", w.After+1, w.Stream.Key, cause),
		"the journal has the event already: another activation wrote it")
}

// OutOfOrder is what a write is refused with that does not follow what the
// journal holds.
func OutOfOrder(w *actors.Write) error {
	return Refusal(actors.Conflict, fmt.Errorf("the journal of %q does not end with event %d", w.Stream.Key, w.After),
		"the journal does not end with the event that the write follows: the store has lost events, or was restored")
}

// Fenced is what a write is refused with that comes under an old fence.
func Fenced(s *actors.Stream) error {
	return Refusal(actors.Fenced, fmt.Errorf("shard %d of %q under epoch %d", s.Fence.Shard, s.Key, s.Fence.Epoch),
		"the shard has another epoch by now")
}

// Refusal is what a write is refused with. The detail may reach a client, so the
// cause alone may name the journal, and with it a user.
func Refusal(code actors.Code, cause error, detail string) error {
	return &actors.Error{Code: code, Detail: detail, Cause: cause}
}

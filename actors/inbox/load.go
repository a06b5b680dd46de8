package inbox

import (
	"context"
	"fmt"
	"slices"

	"reddot/actors"
)

// A LogReader returns an app's log as far as it is known, at least up to pos.
type LogReader func(ctx context.Context, pos uint64) (*actors.Log, error)

// Behind says that an event was decided at a position up to which the log is not known.
type Behind struct{ Pos uint64 }

// Error implements error.
func (e *Behind) Error() string {
	return fmt.Sprintf("the broadcast log is not known up to entry %d", e.Pos)
}

// catchUp merges what an event follows, before it is applied.
func (b *Inbox) catchUp(e *actors.Event, log *actors.Log) error {
	switch {
	case e.Joined > log.Head():
		return &Behind{e.Joined}
	case e.Pos <= b.pos || e.Seq == 1: // a user begins where its first event says
		return nil
	case e.Pos > log.Head():
		return &Behind{e.Pos}
	}
	return b.MergeUpTo(log, e.Pos)
}

// Load brings a new inbox to what the journal says, and the log up to its last event. It reads
// no log: whoever holds a connection to the store does not wait for another one. If the log
// does not reach so far the error is a Behind; then another inbox can be loaded.
func (b *Inbox) Load(ctx context.Context, j actors.Journal, key actors.Key, log *actors.Log) error {
	var r eventReader
	return j.Load(ctx, key, b.restore, func(raw []byte) error {
		e, err := r.read(raw)
		if err != nil {
			return err
		}
		b.history.bytes += uint64(len(raw))
		if err := b.catchUp(e, log); err != nil {
			return err
		}
		return b.Apply(e)
	})
}

// Cleared is what the user tells itself: stale events without their contents,
// in the order of their seqs. One that is not in the journal has no Event.
type Cleared struct {
	Events []actors.Rewrite
	Err    error
}

// ReadCleared reads stale events and takes their contents out.
func ReadCleared(ctx context.Context, j actors.Journal, key actors.Key, stale []uint64) *Cleared {
	m := &Cleared{}
	slices.Sort(stale)
	for _, seq := range slices.Compact(stale) {
		r := actors.Rewrite{Seq: seq}
		var failed error
		err := j.Events(ctx, key, seq, seq, func(_ uint64, raw []byte) bool {
			e := &actors.Event{}
			if failed = actors.DecodeEvent(raw, e); failed == nil {
				e.Clear()
				r.Event = actors.EncodeEvent(nil, e)
			}
			return false
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			m.Err = err
			break
		}
		m.Events = append(m.Events, r)
	}
	return m
}

// ForOne implements ForOne.
func (*Cleared) ForOne() {}

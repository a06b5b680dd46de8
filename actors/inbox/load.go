package inbox

import (
	"context"
	"slices"

	"reddot/actors"
)

// A LogReader returns an app's log as far as it is known, at least up to pos.
type LogReader func(ctx context.Context, pos uint64) (*actors.Log, error)

// catchUp merges what an event follows, before it is applied.
func (b *Inbox) catchUp(ctx context.Context, e *actors.Event, read LogReader) error {
	if e.Pos <= b.pos || e.Seq == 1 { // a user begins where its first event says
		return nil
	}
	log, err := read(ctx, e.Pos)
	if err != nil {
		return err
	}
	return b.MergeUpTo(log, e.Pos)
}

// Load brings a new inbox to what the journal says, and the log up to its last event.
func (b *Inbox) Load(ctx context.Context, j actors.Journal, key actors.Key, log LogReader) error {
	var r eventReader
	return j.Load(ctx, key, b.restore, func(raw []byte) error {
		e, err := r.read(raw)
		if err != nil {
			return err
		}
		b.history.bytes += uint64(len(raw))
		if err := b.catchUp(ctx, e, log); err != nil {
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

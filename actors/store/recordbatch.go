package store

import (
	"bytes"

	"reddot/actors"
)

// A RecordBatch is what one batch does to records, so that each write in it sees those
// before. The zero one is empty.
type RecordBatch struct {
	last map[recordName][]byte // nil: the record is removed
}

type recordName struct{ kind, key string }

// Stage notes the write, or returns why it can't be done. stored returns the record as
// it was before the batch, or an Error with NotFound.
func (b *RecordBatch) Stage(r *RecordWrite, stored func(kind, key string) ([]byte, error)) error {
	name := recordName{r.Kind, r.Key}
	if r.Swap {
		now, err := b.value(name, stored)
		if err != nil {
			return err
		}
		if (now == nil) != (r.Old == nil) || !bytes.Equal(now, r.Old) {
			return ErrSwapped
		}
	}
	value := r.Value
	switch {
	case r.Delete:
		value = nil
	case value == nil:
		value = []byte{}
	}
	b.set(name, value)
	return nil
}

// Note notes what an actor's write does.
func (b *RecordBatch) Note(changes []actors.RecordChange) {
	for _, r := range changes {
		b.set(recordName{r.Kind, r.Key}, r.Value)
	}
}

func (b *RecordBatch) set(name recordName, value []byte) {
	if b.last == nil {
		b.last = map[recordName][]byte{}
	}
	b.last[name] = value
}

// value returns a record as the writes before left it; nil: there is none.
func (b *RecordBatch) value(name recordName, stored func(kind, key string) ([]byte, error)) ([]byte, error) {
	if v, ok := b.last[name]; ok {
		return v, nil
	}
	v, err := stored(name.kind, name.key)
	switch {
	case err != nil && actors.AsError(err).Code == actors.NotFound:
		return nil, nil
	case v == nil && err == nil:
		v = []byte{}
	}
	return v, err
}

// Reset forgets the batch.
func (b *RecordBatch) Reset() { clear(b.last) }

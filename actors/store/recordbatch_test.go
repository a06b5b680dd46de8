package store

import (
	"errors"
	"testing"

	"reddot/actors"
)

// TestRecordBatch: a swap sees what stands before it in its batch, by whichever kind of
// write.
func TestRecordBatch(t *testing.T) {
	stored := map[string][]byte{"there": []byte("1"), "empty": nil}
	read := func(_, key string) ([]byte, error) {
		if v, ok := stored[key]; ok {
			return v, nil
		}
		return nil, NoRecord("kind")
	}
	var b RecordBatch
	stage := func(r RecordWrite, want error) {
		t.Helper()
		r.Kind = "kind"
		if err := b.Stage(&r, read); !errors.Is(err, want) {
			t.Errorf("%s from %q to %q: got %v, want %v", r.Key, r.Old, r.Value, err, want)
		}
	}
	swap := func(key string, old, value string, want error) {
		t.Helper()
		stage(RecordWrite{Key: key, Swap: true, Old: []byte(old), Value: []byte(value)}, want)
	}
	add := func(key, value string, want error) {
		t.Helper()
		stage(RecordWrite{Key: key, Swap: true, Value: []byte(value)}, want)
	}
	swap("there", "2", "3", ErrSwapped)
	add("there", "3", ErrSwapped)
	swap("there", "1", "2", nil)
	swap("there", "1", "3", ErrSwapped)
	swap("there", "2", "3", nil)
	swap("empty", "", "1", nil)
	add("empty", "2", ErrSwapped)
	swap("none", "", "1", ErrSwapped)
	add("none", "", nil)
	add("none", "1", ErrSwapped)
	swap("none", "", "2", nil)

	stage(RecordWrite{Key: "none", Delete: true}, nil)
	add("none", "3", nil)
	stage(RecordWrite{Key: "none", Value: nil}, nil)
	swap("none", "", "4", nil)
	stage(RecordWrite{Key: "none", Swap: true, Delete: true, Old: []byte("5")}, ErrSwapped)
	stage(RecordWrite{Key: "none", Swap: true, Delete: true, Old: []byte("4")}, nil)
	add("none", "5", nil)

	b.Note([]actors.RecordChange{{Kind: "kind", Key: "there", Value: []byte("of an actor")}, {Kind: "kind", Key: "none"}})
	swap("there", "3", "4", ErrSwapped)
	swap("there", "of an actor", "4", nil)
	add("none", "6", nil)

	b.Reset()
	swap("there", "1", "2", nil)
	gone := errors.New("gone")
	if err := b.Stage(&RecordWrite{Kind: "kind", Key: "x", Swap: true}, func(string, string) ([]byte, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

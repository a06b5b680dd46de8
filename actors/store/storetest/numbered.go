package storetest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"reddot/actors"
)

// NumberedActors is how many actors have events that tell their number.
const NumberedActors = 8

// NumberedWrite is the write of event seq: every tenth has a snapshot and forgets
// what is before it, so that deletions are under way when the kill comes.
func NumberedWrite(s *actors.Stream, seq uint64) *actors.Write {
	w := &actors.Write{Stream: s, After: seq - 1, Events: [][]byte{numberedEvent(s.Key, seq)}}
	w.Tally = []actors.Tally{{ID: numberedTally(s.Key), Kind: actors.TallyRead, N: 1}}
	if seq%10 == 0 {
		w.Snapshot = numberedEvent(s.Key, seq)
		w.Forget = seq
		w.Delete = []actors.Range{{First: seq - 9, Last: seq}}
	}
	return w
}

func numberedEvent(key actors.Key, seq uint64) []byte {
	return []byte(fmt.Sprintf("%s %d %s", key, seq, strings.Repeat("x", int(seq%300))))
}

func numberedTally(key actors.Key) actors.ID { return actors.ID{15: key[len(key)-1]} }

// NumberedKey returns the key of one of them.
func NumberedKey(i int) actors.Key { return actors.UserKey("default", strconv.Itoa(i)) }

// ReadNumber reads the seq out of an event or a snapshot.
func ReadNumber(last *uint64) func([]byte) error {
	return func(b []byte) error {
		seq, err := strconv.ParseUint(strings.Fields(string(b))[1], 10, 64)
		*last = seq
		return err
	}
}

// CheckNumbered checks that the actor's events are there up to acked at least
// and last at most, without a hole and as they were written, each with its
// part of the funnel: a write is there whole or not at all.
func CheckNumbered(t *testing.T, s Store, key actors.Key, acked, last uint64) {
	t.Helper()
	var seq uint64
	check := func(b []byte) error {
		if err := ReadNumber(&seq)(b); err != nil {
			return err
		}
		if string(b) != string(numberedEvent(key, seq)) {
			return fmt.Errorf("%s %d: got %q", key, seq, b)
		}
		return nil
	}
	if err := s.Load(t.Context(), key, check, check); err != nil { // Load refuses holes
		t.Fatal(err)
	}
	if seq < acked || seq > last {
		t.Errorf("%s: the last event is %d, want %d to %d", key, seq, acked, last)
	}
	tallies, err := s.Tallies(t.Context(), numberedTally(key))
	if err != nil || uint64(tallies[actors.TallyRead]) != seq {
		t.Errorf("%s: tally %d, %v; want %d", key, tallies[actors.TallyRead], err, seq)
	}
}

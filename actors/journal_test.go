package actors

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// A batch tells each stream's actor once, when all that it had in it is settled.
func TestSettleTellsOnce(t *testing.T) {
	var told []string
	stream := func(name string, durable uint64) *Stream {
		var s *Stream
		s = NewStream(UserKey(DefaultApp, name), Fence{}, durable, func() {
			told = append(told, fmt.Sprintf("%s %d of %d", name, s.Durable(), s.settled.Load()))
		})
		return s
	}
	a, b := stream("a", 4), stream("b", 0)
	batch := []*Write{
		{Stream: a, After: 4, Events: [][]byte{{1}, {2}}},
		{Stream: b, Events: [][]byte{{1}}},
		{Stream: a, After: 6, Events: [][]byte{{1}}},
		{Stream: a, After: 7}, // a snapshot
	}
	Settle(batch, nil)
	if want := []string{"a 7 of 3", "b 1 of 1"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if slices.ContainsFunc(batch, func(w *Write) bool { return w != nil }) {
		t.Error("the batch still holds writes, which may be in use again")
	}
	Settle([]*Write{{Stream: a, After: 7, Events: [][]byte{{1}}}}, nil)
	if got := told[len(told)-1]; got != "a 8 of 4" {
		t.Errorf("told %q of the next batch", got)
	}
}

// What may have failed stays failed, for the first reason, and moves nothing on.
func TestSettleOfAFailure(t *testing.T) {
	told := 0
	s := NewStream("udefault/a", Fence{}, 3, func() { told++ })
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	first := errors.New("the disk is full")
	Settle([]*Write{{Stream: s, After: 3, Events: [][]byte{{1}}}, {Stream: s, After: 4, Events: [][]byte{{1}}}}, first)
	Settle([]*Write{{Stream: s, After: 5, Events: [][]byte{{1}}}}, errors.New("another"))
	if s.Durable() != 3 || !errors.Is(s.Err(), first) || s.settled.Load() != 3 || told != 2 {
		t.Errorf("durable %d, %v, %d settled, told %d times", s.Durable(), s.Err(), s.settled.Load(), told)
	}
}

// A writer knows the end of a stream only if it has written it itself.
func TestStreamKnowsItsWriter(t *testing.T) {
	s := NewStream("udefault/a", Fence{}, 5, nil)
	if s.Knows(5, 1) {
		t.Error("nobody has written it yet")
	}
	s.Wrote(7, 1)
	for _, c := range []struct {
		seq, writer uint64
		want        bool
	}{{7, 1, true}, {6, 1, false}, {8, 1, false}, {7, 2, false}} {
		if got := s.Knows(c.seq, c.writer); got != c.want {
			t.Errorf("event %d of writer %d: %v", c.seq, c.writer, got)
		}
	}
}

// The earliest wake-up holds.
func TestWakeBy(t *testing.T) {
	w := &Write{Wake: Wake{Old: 5}}
	for _, step := range []struct{ at, want int64 }{{0, 0}, {Never, 0}, {90, 90}, {100, 90}, {0, 90}, {Never, 90}, {80, 80}} {
		if w.WakeBy(step.at); w.Wake != (Wake{5, step.want}) {
			t.Errorf("by %d: %+v, want %d", step.at, w.Wake, step.want)
		}
	}
	if got := (&Write{After: 6, Events: make([][]byte, 3)}).Last(); got != 9 {
		t.Errorf("the last of three events after 6 is %d", got)
	}
}

// Runs that touch or overlap are one.
func TestExtendRanges(t *testing.T) {
	for _, c := range []struct{ in, want []Range }{
		{[]Range{{1, 2}, {3, 3}}, []Range{{1, 3}}},
		{[]Range{{1, 2}, {4, 5}}, []Range{{1, 2}, {4, 5}}},
		{[]Range{{1, 9}, {3, 5}, {10, 10}, {12, 13}, {13, 20}}, []Range{{1, 10}, {12, 20}}},
	} {
		var got []Range
		for _, r := range c.in {
			got = ExtendRanges(got, r)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.in, got, c.want)
		}
	}
}

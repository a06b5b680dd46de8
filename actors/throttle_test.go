package actors

import (
	"testing"
	"time"
)

// Of many lines the first comes at once, and the next one tells how many did not.
func TestSeldom(t *testing.T) {
	var s Throttle
	start := time.Now()
	if missed, ok := s.allow(start); !ok || missed != 0 {
		t.Errorf("the first line: %d, %v", missed, ok)
	}
	const step = 100 * time.Millisecond
	for past := time.Duration(0); past < seldomPause; past += step {
		if _, ok := s.allow(start.Add(past)); ok {
			t.Errorf("a line %v after the first", past)
		}
	}
	if missed, ok := s.allow(start.Add(seldomPause)); !ok || missed != int64(seldomPause/step) {
		t.Errorf("the next line: %d, %v; want %d missed", missed, ok, seldomPause/step)
	}
}

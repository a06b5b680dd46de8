package actors

import "testing"

// Of many lines the first comes at once, and the next one tells how many did not.
func TestSeldom(t *testing.T) {
	var s Seldom
	if missed, ok := s.May(1000); !ok || missed != 0 {
		t.Errorf("the first line: %d, %v", missed, ok)
	}
	for now := int64(1000); now < 1000+seldomPause; now += 100 {
		if _, ok := s.May(now); ok {
			t.Errorf("a line %d ms after the first", now-1000)
		}
	}
	if missed, ok := s.May(1000 + seldomPause); !ok || missed != seldomPause/100 {
		t.Errorf("the next line: %d, %v; want %d missed", missed, ok, seldomPause/100)
	}
}

package inbox

import (
	"testing"

	"reddot/actors"
)

// A cursor belongs to one history of the store: in another one, which may have
// lost what it saw and gone on since, it is foreign at any seq. The cursor from
// before the first event has seen nothing, and belongs to each.
func TestForeignHistory(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	w.origin = 1
	w.restart()
	begin := w.b.Cursor()
	publish := func() {
		n := id("x", w.now)
		w.now += 1000
		w.do(w.b.Publish(&actors.Message{Id: n[:], Content: []byte(`"title":"x"`)}, actors.EdgeOnce(n), w.moment(), &w.limits))
	}
	for range 3 {
		publish()
	}
	seen := w.b.Cursor()
	w.restart()
	if !w.b.Reaches(seen) || w.b.Cursor() != seen {
		t.Errorf("a restart in one history makes %v foreign to %v", seen, w.b.Cursor())
	}
	w.origin = 2
	w.restart()
	for range 6 {
		if w.b.Reaches(seen) || !w.b.foreign(seen) {
			t.Errorf("another history at %v takes %v for its own", w.b.Cursor(), seen)
		}
		if !w.b.Reaches(begin) {
			t.Errorf("it does not reach back to %v", begin)
		}
		if r := w.b.Mark(&actors.Mark{To: actors.MarkRead, UpTo: &seen}, actors.Once{}, w.moment()); r.Err == nil {
			t.Error("it marks up to a place that it does not have")
		}
		publish()
	}
}

package inbox

import (
	"fmt"
	"testing"

	"reddot/actors"
)

// TestPageOfLargeEvents: what is read for a page is bounded in bytes, and the pages
// together hold all of it.
func TestPageOfLargeEvents(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	after := w.b.Cursor()
	const events, size = 20, 64 << 10
	for i := range events {
		n := id(fmt.Sprint("m", i), w.now)
		m := &actors.Message{Id: n[:], Content: fmt.Appendf(nil, `"body":"%0*d"`, size, i), CreatedAt: w.now}
		w.do(w.b.Publish(m, actors.EdgeOnce(n), w.moment(), &w.limits))
	}
	told, pages := 0, 0
	for more := true; more; pages++ {
		p := w.b.Page(w.key, w, w.known, after, PageEvents)
		read, last, err := p.readEvents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(read) > pageBytes/size+1 || last <= after.Seq {
			t.Fatalf("a page read %d events of %d bytes, up to %d", len(read), size, last)
		}
		push, err := w.page(after, PageEvents)
		if err != nil {
			t.Fatal(err)
		}
		told += len(push.Events)
		after, more = push.To, push.More
	}
	if told != events || pages < events*size/pageBytes || after != w.b.Cursor() {
		t.Errorf("%d pages told of %d events, up to %v of %v", pages, told, after, w.b.Cursor())
	}
}

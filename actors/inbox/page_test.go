package inbox

import (
	"fmt"
	"strings"
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

// TestPageOfWhatIsEditedMeanwhile: what is edited after a page was made, and before it is
// read, is told with its new content; what is taken back is not told.
func TestPageOfWhatIsEditedMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name          string
		edits, leaves bool
		want          string
	}{{"edited", true, false, "second"}, {"edited and retracted", true, true, ""}, {"retracted", false, true, ""}} {
		t.Run(c.name+", broadcast", func(t *testing.T) {
			w := newWorld(t, actors.Limits{})
			at := id("cast", w.now)
			say := func(kind actors.LogKind, text string) {
				w.append(&actors.LogEntry{Kind: kind, Message: &actors.Message{Id: at[:], Category: "c", Content: fmt.Appendf(nil, `"body":%q`, text), CreatedAt: w.now}})
			}
			say(actors.LogKind_LOG_PUBLISHED, "first")
			w.mergeUpTo(w.b, 1)
			p := w.b.Page(w.key, w, w.known, actors.Cursor{}, PageEvents)
			if c.edits {
				say(actors.LogKind_LOG_EDITED, "second")
			}
			if c.leaves {
				w.append(&actors.LogEntry{Kind: actors.LogKind_LOG_RETRACTED, Id: at[:]})
			}
			for pos, raw := range w.entries { // as the log's writer does it
				if e, err := actors.DecodeLogEntry(raw); err == nil && e.Message != nil && (pos == 1 || c.leaves && pos > 2) {
					w.entries[pos] = actors.EncodeLogEntry(e.Cleared(true))
				}
			}
			wantTold(t, p, c.want)
		})
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, actors.Limits{})
			at := id("own", w.now)
			m := &actors.Message{Id: at[:], Category: "c", Content: []byte(`"body":"first"`), CreatedAt: w.now}
			w.do(w.b.Publish(m, actors.EdgeOnce(at), w.moment(), &w.limits))
			p := w.b.Page(w.key, w, w.known, actors.Cursor{}, PageEvents)
			if c.edits {
				w.do(w.b.Edit(m, []byte(`{"body":"second"}`), actors.EdgeOnce(id("edit", w.now)), w.moment(), &w.limits))
			}
			if c.leaves {
				w.do(w.b.Retract(at, actors.EdgeOnce(id("retract", w.now)), w.moment()))
			}
			w.keep(ReadCleared(t.Context(), w, w.key, w.b.Stale()).Events)
			wantTold(t, p, c.want)
		})
	}
}

// wantTold holds that a page tells of a message with a body; "": of none.
func wantTold(t *testing.T, p *page, body string) {
	t.Helper()
	push, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	told := string(push.AppendJSON(nil))
	if got := strings.Contains(told, `"type":"message"`); got != (body != "") || !strings.Contains(told, body) || strings.Contains(told, "first") {
		t.Errorf("told %s; want the message as %q", told, body)
	}
}

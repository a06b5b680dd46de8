package inbox

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"reddot/actors"
)

// fuzzSeeds are an inbox's events and a snapshot.
func fuzzSeeds() (events [][]byte, snapshot []byte) {
	w := newWorld(&testing.T{}, actors.Limits{InboxLimits: actors.InboxLimits{Messages: 3}})
	for i := range 5 {
		n := id(fmt.Sprint(i), w.now)
		m := &actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"x"`), CollapseKey: "k"}
		if i > 2 {
			m.SendAt = w.now + 1000
		}
		w.do(w.b.Publish(m, actors.CallersOnce("c", fmt.Sprint(i)), w.moment(), &w.limits))
	}
	w.do(w.b.Mark(&actors.Mark{To: actors.MarkSnoozed, Until: w.now + 10}, actors.Once{}, w.moment()))
	w.do(w.b.Delivered(3, 0, "sse", w.moment()))
	w.now += 2000
	w.do(w.b.Expire(w.moment(), &w.limits))
	return w.log, w.b.snapshot()
}

// FuzzEvent holds that no bytes make DecodeEvent or Apply panic, and that what
// an inbox makes of them it can write down, read again and tell of.
func FuzzEvent(f *testing.F) {
	events, snapshot := fuzzSeeds()
	for _, e := range events {
		f.Add([]byte(nil), e)
		f.Add(snapshot, e)
	}
	f.Fuzz(func(t *testing.T, snapshot, raw []byte) {
		b := New()
		if len(snapshot) > 0 && b.restore(snapshot) != nil {
			b = New()
		}
		var e actors.Event
		if actors.DecodeEvent(raw, &e) != nil {
			return
		}
		e.Seq = b.seq + 1
		if b.Apply(&e) != nil {
			return
		}
		again := New()
		if err := again.restore(b.snapshot()); err != nil {
			t.Fatalf("its own snapshot: %v", err)
		}
		var back actors.Event
		if err := actors.DecodeEvent(actors.EncodeEvent(nil, &e), &back); err != nil || !proto.Equal(&back, &e) {
			t.Fatalf("%v came back as %v: %v", &e, &back, err)
		}
		m := e.Message
		if e.Kind == actors.Kind_DUE {
			m = &actors.Message{Id: e.Ids[:16]}
		}
		shown := b.ShownIn(&e)
		shown.Message = m
		actors.NewPushEvent(&e, shown, b.Cursor(), b.AppendCounts(nil))
		Describe(&e)
		b.AppendState(nil)
		l, _ := actors.Limits{}.WithDefaults()
		b.Expire(actors.Moment{Now: time.Now().UnixMilli()}, &l)
		b.Checkpoint(time.Now().UnixMilli(), &l, nil)
		b.Annotate(&actors.Write{}, &e, &l)
	})
}

package actors

import (
	"fmt"
	"strings"
	"testing"
)

// Effects leave in their order, and none before what it rests on is durable.
func TestOutboxKeepsOrder(t *testing.T) {
	var o outbox
	effects := make([]Effect, 5)
	for i, seq := range []uint64{3, 3, 4, 6, Never} {
		effects[i].Seq = seq
		o.add(&effects[i])
	}
	for _, step := range []struct {
		durable uint64
		want    string
		left    int
	}{{2, "", 5}, {3, "3 3", 3}, {3, "", 3}, {5, "4", 2}, {9, "6", 1}} {
		var got []string
		for e := o.take(step.durable); e != nil; e = o.take(step.durable) {
			got = append(got, fmt.Sprint(e.Seq))
		}
		if s := strings.Join(got, " "); s != step.want || o.N != step.left {
			t.Errorf("durable up to %d: %q leave and %d stay, want %q and %d", step.durable, s, o.N, step.want, step.left)
		}
	}
	if e := o.take(Never); e != &effects[4] || o.take(Never) != nil || o.N != 0 {
		t.Errorf("at the end %v leaves, and %d stay", e, o.N)
	}
	o.add(&effects[0]) // its memory is used again
	o.add(&effects[1])
	if o.take(Never) != &effects[0] || o.take(Never) != &effects[1] || o.take(Never) != nil {
		t.Error("an outbox that was empty keeps no order")
	}
}

// Pushes that follow each other go as one. Where one has a hole, all are read from
// the journal; only the last event stays, for its counts.
func TestPushesJoin(t *testing.T) {
	span := func(from, to uint64) *Push {
		p := &Push{Key: "udefault/a", From: Cursor{Seq: from}, To: Cursor{Seq: to}}
		p.Events = p.One[:0]
		for s := from + 1; s <= to; s++ {
			p.Events = append(p.Events, PushEvent{To: Cursor{Seq: s}, JSON: fmt.Append(nil, s)})
		}
		return p
	}
	hole := &Push{Key: "udefault/a", From: Cursor{Seq: 6}, To: Cursor{Seq: 7}, Hole: true, Events: []PushEvent{PlainEvent("counts", Cursor{Seq: 7}, []byte("{}"))}}
	a := span(4, 5)
	if join(nil, a) != a {
		t.Error("one alone is copied")
	}
	ab := join(a, span(5, 6))
	if got := string(ab.AppendJSON(nil)); got != "5,6" || ab.From.Seq != 4 || ab.To.Seq != 6 || ab.Hole || ab.Key != a.Key {
		t.Errorf("joined: %q, %+v", got, ab)
	}
	if len(a.Events) != 1 || a.To.Seq != 5 || string(a.AppendJSON(nil)) != "5" {
		t.Error("a push that others may hold is changed")
	}
	for name, j := range map[string]*Push{"behind": join(ab, hole), "before": join(hole, span(7, 8))} {
		if !j.Hole || len(j.Events) != 1 || j.Events[0].To != j.To {
			t.Errorf("a hole %s: %+v", name, j)
		}
	}
}

package inbox

import (
	"encoding/binary"
	"testing"
	"time"

	"reddot/actors"
)

// edgeID returns a UUIDv7 of a time in unix milliseconds, the n-th of it.
func edgeID(ms int64, n int) actors.ID {
	var id actors.ID
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// A write that is asked again under its key, in the seconds in which that
// happens, is known though the clock has stepped, or the edge's clock differs
// from the owner's.
func TestEdgeKeysOutliveSteps(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	for _, step := range []time.Duration{-time.Hour, -30 * time.Second, 30 * time.Second, 5 * time.Minute, time.Hour, 1000 * time.Hour} {
		var k onceKeys
		asked := edgeID(start, 0)
		k.addEdge(asked, 1, start)
		for i := 1; i <= lastEdgeKeys; i++ {
			at := start + step.Milliseconds() + int64(i)
			k.addEdge(edgeID(at, i), uint64(1+i), at)
		}
		if rev, ok := k.atEdge(asked); !ok || rev != 1 {
			t.Errorf("after a step by %v the key is not known: %d, %v", step, rev, ok)
		}
	}
}

// What leaves for lack of room is what came first, not what has the lowest key.
func TestEdgeKeysLeaveInOrder(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	var k onceKeys
	add := func(ms int64, rev int) actors.ID {
		id := edgeID(ms, rev)
		k.addEdge(id, uint64(rev), ms)
		return id
	}
	for rev := 1; rev <= maxOnceKeys; rev++ {
		add(start, rev)
	}
	for rev := maxOnceKeys + 1; rev <= maxOnceKeys+1000; rev++ { // a restart after a step back
		id := add(start-time.Hour.Milliseconds(), rev)
		if got, ok := k.atEdge(id); !ok || got != uint64(rev) {
			t.Fatalf("the newest key is not known: %d, %v", got, ok)
		}
		if len(k.edge) > maxOnceKeys {
			t.Fatalf("%d keys are kept", len(k.edge))
		}
	}
	if _, ok := k.atEdge(edgeID(start, 1)); ok {
		t.Error("the oldest key is kept")
	}
	if _, ok := k.atEdge(edgeID(start, maxOnceKeys)); !ok {
		t.Error("a newer one is forgotten")
	}
}

// What is older than edgeKeyAge leaves.
func TestEdgeKeysAge(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	var k onceKeys
	for i := range 1000 {
		at := start + int64(i)*time.Second.Milliseconds()
		k.addEdge(edgeID(at, i), uint64(i), at)
	}
	if n, want := len(k.edge), edgeKeyAge/1000+1; n != want {
		t.Errorf("%d keys are kept, want %d", n, want)
	}
}

// A snooze that is asked again under its key after its time has come is known.
func TestSnoozeRepeats(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	name := id("m", w.now)
	m := &actors.Message{Id: name[:], Content: []byte(`"title":"x"`)}
	w.do(w.b.Publish(m, actors.CallersOnce("c", "1"), w.moment(), &w.limits))
	snooze := &actors.Mark{To: actors.MarkSnoozed, IDs: []actors.ID{name}, Until: w.now + 1000}
	first := w.do(w.b.Mark(snooze, actors.CallersOnce("c", "2"), w.moment()))
	w.now += 5000
	if r := w.b.Mark(snooze, actors.CallersOnce("c", "2"), w.moment()); r.Err != nil || !r.Replayed || first.Err != nil {
		t.Errorf("the repeat got %+v, the first %+v", r, first)
	}
	if r := w.b.Mark(snooze, actors.CallersOnce("c", "3"), w.moment()); r.Err == nil {
		t.Error("a message was snoozed until a time that is past")
	}
}

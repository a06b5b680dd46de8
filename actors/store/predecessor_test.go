package store

import (
	"testing"

	"reddot/actors"
)

// A write is refused that does not follow what the journal holds: an event or a
// snapshot or, for a first event, nothing. Those of other actors in the same
// commit are not.
func testPredecessor(t *testing.T, b *bench) {
	key := actors.UserKey("default", "ann")
	a := newActor(key, 0)
	a.do(t, b, a.write("1", "2", "3", "4", "5"))
	refused := func(what string, from uint64, change func(*actors.Write)) {
		t.Helper()
		other := newActor(actors.UserKey("default", what), 0)
		lost := newActor(key, from)
		w := lost.write()
		change(w)
		lost.last = w.Last()
		if err := b.Append(w); err != nil {
			t.Fatal(err)
		}
		follower := lost.write("next")
		for _, w := range []*actors.Write{other.write("1"), follower} {
			if err := b.Append(w); err != nil {
				t.Fatal(err)
			}
		}
		if err := other.await(); err != nil {
			t.Errorf("%s: another actor: %v", what, err)
		}
		if err := lost.await(); codeOf(err) != actors.Conflict {
			t.Errorf("%s: got %v, want %s", what, err, actors.Conflict)
		}
	}
	event := func(w *actors.Write) { w.Events = [][]byte{[]byte("new")} }
	snapshot := func(w *actors.Write) { w.Snapshot = []byte("new") }
	refused("behind the end", 7, event)
	refused("right behind the end", 6, event)
	refused("a snapshot", 7, snapshot)
	refused("a wake-up", 7, func(w *actors.Write) { w.Wake.New = 1 })
	refused("from the beginning", 0, event)
	refused("an event that is there", 4, event)
	b.check(t, func() { b.wantLoad(t, key, "", "1", "2", "3", "4", "5") })

	// A snapshot stands for the event that is gone.
	a = newActor(key, 5)
	w := a.write()
	w.Snapshot, w.Delete = []byte("s"), []actors.Range{{First: 1, Last: 5}}
	a.do(t, b, w)
	refused("from the beginning again", 0, event)
	refused("an event that was never there", 4, event)
	a = newActor(key, 5)
	a.do(t, b, a.write("6"))
	b.check(t, func() { b.wantLoad(t, key, "s", "6") })
}

// An actor whose predecessor goes away while it writes on is refused too, as
// its journal is: whoever deletes it ends the sessions of those who write.
func TestPostgresPredecessor(t *testing.T) {
	url := newDatabase(t)
	p := openPostgres(t, Config{URL: url})
	defer closeStore(t, p)
	a := newActor(actors.UserKey("default", "ann"), 0)
	a.do(t, p, a.write("1", "2", "3"))
	execSQL(t, url, "delete from reddot_events where seq = 3")
	if err := p.Append(a.write("4")); err != nil && codeOf(err) != actors.Unavailable {
		t.Fatal(err)
	}
	if err := a.await(); err == nil {
		t.Error("an event was taken whose predecessor is gone")
	}
}

package inbox

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/profile"
)

// erase does what a user does to be erased.
func (w *world) erase(once actors.Once) {
	w.t.Helper()
	r := w.b.Erase(once, w.moment())
	if r.Err != nil {
		w.t.Fatal(r.Err)
	}
	for _, e := range r.Events {
		raw := actors.EncodeEvent(nil, e)
		before := w.b.lineage
		n, wr, err := w.b.Erased(e, raw, &w.limits)
		if err != nil {
			w.t.Fatal(err)
		}
		if w.b.seq == n.seq || n.lineage == before {
			w.t.Fatalf("the inbox of before is at event %d too, or has the lineage %d too", n.seq, before)
		}
		w.log = append(w.log, raw)
		for _, run := range wr.Delete {
			for seq := run.First; seq <= run.Last; seq++ {
				w.deleted[seq] = true
				delete(w.journal, seq)
			}
		}
		w.journal[e.Seq] = raw
		w.snapshots = map[uint64][]byte{wr.Last(): wr.Snapshot}
		if wr.Forget != wr.Last() {
			w.t.Fatalf("snapshots are kept from %d on", wr.Forget)
		}
		w.b = n
	}
	w.check()
}

// TestProfileAtRandom changes a profile, preferences, follows and lists at random, beside
// messages, and erases now and then. After each step the state is what the journal
// says, and no event holds what was replaced (world.do).
func TestProfileAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, actors.Limits{InboxLimits: actors.InboxLimits{RetainEvents: 20, Messages: 5}})
	tags, muted, follows, lists := "", int64(0), map[string]bool{}, map[string]bool{}
	for i := range 3000 {
		w.now += int64(rng.IntN(2000))
		once := actors.Once{} // keys have tests of their own, and many would slow this one down
		switch rng.IntN(10) {
		case 0, 1:
			tags = fmt.Sprint("t", rng.IntN(3))
			w.do(w.b.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{tags}}, Replace: rng.IntN(2) == 0}, once, w.moment()))
		case 2:
			muted = int64(rng.IntN(3))
			w.do(w.b.SetPreferences(&actors.SetPreferences{Preferences: &actors.Preferences{MutedUntil: muted}}, once, w.moment()))
		case 3, 4:
			topic, stop := fmt.Sprint("topic", rng.IntN(6)), rng.IntN(2) == 0
			follows[topic] = !stop
			w.do(w.b.Follow(&actors.Follow{Topic: topic, Stop: stop}, once, w.moment()))
		case 9:
			list, leave := fmt.Sprint("list", rng.IntN(6)), rng.IntN(2) == 0
			lists[list] = !leave
			w.do(w.b.JoinList(&actors.JoinList{List: list, Leave: leave}, once, w.moment()))
		case 5:
			n := id(fmt.Sprint(i), w.now)
			w.do(w.b.Publish(&actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"x"`)}, once, w.moment(), &w.limits))
		case 6:
			w.checkpoint()
		case 7:
			if w.b.history.since != 0 {
				w.sweep()
			}
			w.restart()
		case 8:
			if rng.IntN(20) == 0 {
				w.erase(once)
				tags, muted, follows, lists = "", 0, map[string]bool{}, map[string]bool{}
			}
		}
		p := w.b.Profile
		followed := 0
		for topic, ok := range follows {
			if p.Following(topic) != ok {
				t.Fatalf("step %d: following %s is %v", i, topic, !ok)
			}
			if ok {
				followed++
			}
		}
		in := 0
		for list, ok := range lists {
			if p.InList(list) != ok {
				t.Fatalf("step %d: being in %s is %v", i, list, !ok)
			}
			if ok {
				in++
			}
		}
		if got := p.Profile().GetTags(); (tags == "") != (got == nil) || got != nil && !slices.Equal(got, []string{tags}) || p.Preferences().GetMutedUntil() != muted || len(p.Follows()) != followed || len(p.Lists()) != in {
			t.Fatalf("step %d: got %v %v %v %v, want %q %d %v %v", i, got, p.Preferences(), p.Follows(), p.Lists(), tags, muted, follows, lists)
		}
	}
	w.replayAll(rng.IntN(len(w.log)))
}

// TestProfileChangesNothingSeen: no rev rises, and no cursor moves.
func TestProfileChangesNothingSeen(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	n := id("m", w.now)
	w.do(w.b.Publish(&actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"x"`)}, actors.Once{}, w.moment(), &w.limits))
	rev, cursor := w.b.Rev(), w.b.Cursor()
	w.do(w.b.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{"vip"}}}, actors.Once{}, w.moment()))
	w.do(w.b.Follow(&actors.Follow{Topic: "news"}, actors.Once{}, w.moment()))
	if w.b.Rev() != rev || w.b.Cursor() != cursor || w.b.Seq() != 3 {
		t.Errorf("rev %d and cursor %v became %d and %v", rev, cursor, w.b.Rev(), w.b.Cursor())
	}
}

// TestProfileOnce: a write comes twice and is done once, also one that changed nothing.
func TestProfileOnce(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	set := func(key, tag string) Ready {
		return w.do(w.b.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{tag}}, Replace: true}, actors.CallersOnce("c", key, []byte(tag)), w.moment()))
	}
	set("1", "a")
	set("2", "a")
	set("3", "b")
	for _, key := range []string{"1", "2"} {
		if r := set(key, "a"); !r.Replayed || len(r.Events) > 0 {
			t.Errorf("the write %s is done again: %+v", key, r)
		}
	}
	if r := set("1", "c"); r.Err == nil || r.Err.Code != actors.IdempotencyConflict {
		t.Errorf("got %+v for another request under a key", r)
	}
	if got := w.b.Profile.Profile().GetTags(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got %v", got)
	}
}

// TestProfileLeavesTheJournal: what was replaced is in no event and in no snapshot
// after a sweep, for which the user is woken in time.
func TestProfileLeavesTheJournal(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	do := func(r Ready) {
		t.Helper()
		e := r.Events[0]
		due, clean := w.b.SweepAfter(e, &w.limits), w.b.history.since == 0
		w.do(r)
		if clean && w.b.history.since != 0 && w.b.SweepDue(&w.limits) < due {
			t.Errorf("event %d lets a sweep be due at %d, and the wake-up that comes with it is at %d", e.Seq, w.b.SweepDue(&w.limits), due)
		}
	}
	do(w.b.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{"secret1"}}}, actors.Once{}, w.moment()))
	do(w.b.SetPreferences(&actors.SetPreferences{Preferences: &actors.Preferences{QuietHours: &actors.QuietHours{Zone: "secret2"}}}, actors.Once{}, w.moment()))
	do(w.b.Follow(&actors.Follow{Topic: "secret3"}, actors.Once{}, w.moment()))
	w.checkpoint()
	if w.b.history.since != 0 {
		t.Error("what is new is to be swept away")
	}
	do(w.b.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{"new"}}}, actors.Once{}, w.moment()))
	do(w.b.SetPreferences(&actors.SetPreferences{}, actors.Once{}, w.moment()))
	do(w.b.Follow(&actors.Follow{Topic: "secret3", Stop: true}, actors.Once{}, w.moment()))
	if at := w.b.SweepDue(&w.limits); at > w.now+w.limits.EraseWithin.Milliseconds()/2 {
		t.Errorf("the sweep is due %d ms later", at-w.now)
	}
	w.sweep()
	for what, all := range map[string]map[uint64][]byte{"event": w.journal, "snapshot": w.snapshots} {
		for seq, raw := range all {
			if bytes.Contains(raw, []byte("secret")) {
				t.Errorf("%s %d holds %q", what, seq, raw)
			}
		}
	}
	w.restart()
	if got := w.b.Profile.Profile().GetTags(); !slices.Equal(got, []string{"new"}) {
		t.Errorf("got %v", got)
	}
}

// TestErase: nothing is left but the keys, cursors are foreign, and in the end
// nothing is left at all.
func TestErase(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	if r := w.b.Erase(actors.Once{}, w.moment()); r.Err != nil || len(r.Events) > 0 {
		t.Errorf("got %+v for a user who never was", r)
	}
	n := id("m", w.now)
	m := &actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"secret"`)}
	publish := actors.CallersOnce("c", "p")
	w.do(w.b.Publish(m, publish, w.moment(), &w.limits))
	shared := id("shared", w.now)
	w.do(w.b.Publish(&actors.Message{Id: shared[:], Category: "a", Content: []byte(`"title":"secret"`), Shared: true}, actors.Once{}, w.moment(), &w.limits))
	w.do(w.b.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{"secret"}}}, actors.Once{}, w.moment()))
	w.do(w.b.Follow(&actors.Follow{Topic: "secret"}, actors.Once{}, w.moment()))
	r, _ := w.b.OpenSession(&actors.OpenSession{Client: "secret", Expiry: 1 << 40}, w.moment(), &w.limits, false, 0)
	w.do(r)
	w.checkpoint()
	old := w.b.Cursor()
	gone := w.b.Retract(n, actors.Once{}, w.moment())
	w.do(gone)

	erase := actors.CallersOnce("c", "e")
	e := w.b.Erase(erase, w.moment()).Events[0]
	_, wr, err := w.b.Erased(e, actors.EncodeEvent(nil, e), &w.limits)
	if err != nil || !slices.Equal(wr.Disown, []actors.ID{n}) {
		t.Errorf("disowned are %v, %v, want the message that was retracted", wr.Disown, err)
	}
	if due := w.limits.SweepAt(w.now+actors.CallerKeyAge, w.b.lineage); wr.Wake.New == 0 || wr.Wake.New > due {
		t.Errorf("the wake-up is at %d, want one by %d", wr.Wake.New, due)
	}
	w.erase(erase)
	if w.b.Reaches(old) || len(w.b.entries) > 0 || !w.b.Profile.Empty() || len(w.b.Sessions.List) > 0 || string(w.b.AppendState(nil)) == "" {
		t.Errorf("left is %s", w.b.AppendState(nil))
	}
	for _, raw := range append([][]byte{w.snapshots[w.b.seq]}, w.journal[w.b.seq]) {
		if bytes.Contains(raw, []byte("secret")) {
			t.Errorf("left is %q", raw)
		}
	}
	if r := w.b.Publish(m, publish, w.moment(), &w.limits); !r.Replayed {
		t.Error("a publish from before is done again")
	}
	if r := w.b.Erase(erase, w.moment()); !r.Replayed {
		t.Error("a repeat erases again")
	}
	w.restart()
	w.wantForgotten()
}

// TestEraseOfWhoIsConnected: that somebody was connected, and marks an empty inbox,
// keeps nothing.
func TestEraseOfWhoIsConnected(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	w.do(w.b.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{"x"}}}, actors.Once{}, w.moment()))
	w.erase(actors.EdgeOnce(id("e", w.now)))
	if r := w.b.Delivered(w.b.Cursor().Seq, 0, "ws", w.moment()); len(r.Events) > 0 {
		t.Error("what was there at the beginning is noted as delivered")
	}
	w.now += 1000
	w.do(w.b.Mark(&actors.Mark{To: actors.MarkRead}, actors.CallersOnce("c", "1"), w.moment()))
	if w.b.Forgettable(w.now + actors.CallerKeyAge) {
		t.Error("a key that is good is forgotten")
	}
	w.wantForgotten()
	w.do(w.b.Follow(&actors.Follow{Topic: "x"}, actors.Once{}, w.moment()))
	if w.b.Forgettable(w.now + 10*actors.CallerKeyAge) {
		t.Error("a user who has come again is forgotten")
	}
}

// wantForgotten lets the time pass until the mark of an erased user may go.
func (w *world) wantForgotten() {
	w.t.Helper()
	for range 100 {
		if w.b.Forgettable(w.now) {
			f := w.b.Forget()
			if f.Snapshot != nil || f.Forget <= w.b.seq || f.Delete[0] != (actors.Range{First: 1, Last: w.b.seq}) {
				w.t.Errorf("forgetting leaves something: %+v", f)
			}
			return
		}
		due := w.b.SweepDue(&w.limits)
		if due == actors.Never || due > w.now+2*actors.CallerKeyAge {
			w.t.Fatalf("no sweep is due: the mark stays")
		}
		if w.now = due; !w.b.Forgettable(w.now) {
			w.sweep()
		}
	}
	w.t.Fatal("sweeps follow each other, and the mark stays")
}

// TestProfileIsNotAStateOfMessages: pages and the inbox as of a rev pass over it.
func TestProfileIsNotAStateOfMessages(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	n := id("m", w.now)
	w.do(w.b.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{"x"}}}, actors.Once{}, w.moment()))
	w.do(w.b.Publish(&actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"x"`)}, actors.Once{}, w.moment(), &w.limits))
	w.do(w.b.Follow(&actors.Follow{Topic: "x"}, actors.Once{}, w.moment()))
	p, err := w.page(actors.Cursor{}, 10)
	if err != nil || len(p.Events) != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
	at, err := InboxAt(context.Background(), w, w.key, 1, w.b.seq, w.b.pos, w.readLog)
	if err != nil || at.Profile.Empty() || string(profile.AppendNames(nil, at.Profile.Follows())) != `["x"]` {
		t.Errorf("got %+v, %v", at, err)
	}
}

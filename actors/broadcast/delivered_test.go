package broadcast_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// marks lets the gateway tell what all connections have written.
func (w *world) marks() { w.node.Tick(30) }

// sleeps waits until a user has gone to sleep, and the journal knows up to where broadcasts were
// counted.
func (w *world) sleeps(user string) {
	w.t.Helper()
	for late := time.Now().Add(actorstest.Patience); ; time.Sleep(time.Millisecond) {
		w.node.Send(userKey(user), &actors.Passivate{})
		pos := uint64(0)
		err := w.j.Events(context.Background(), userKey(user), 1, 1<<40, func(_ uint64, raw []byte) bool {
			var e actors.Event
			if err := actors.DecodeEvent(raw, &e); err != nil {
				w.t.Fatal(err)
			}
			pos = max(pos, e.UptoPos)
			return true
		})
		if err != nil || time.Now().After(late) {
			w.t.Fatalf("%s: counted up to %d, %v", user, pos, err)
		}
		if pos > 0 {
			return
		}
	}
}

// wantDelivered waits until a broadcast's funnel says to how many users it was written.
func (w *world) wantDelivered(id actors.ID, want int64) {
	w.t.Helper()
	var got struct{ Funnel map[string]int64 }
	for late := time.Now().Add(actorstest.Patience); ; time.Sleep(time.Millisecond) {
		if err := json.Unmarshal(w.must(log, &actors.Find{ID: id}).Body, &got); err != nil {
			w.t.Fatal(err)
		}
		if got.Funnel["delivered"] == want {
			break
		}
		if time.Now().After(late) {
			w.t.Fatalf("the funnel says %v, want %d delivered", got.Funnel, want)
		}
	}
	if _, ok := got.Funnel["accepted"]; ok {
		w.t.Errorf("the funnel says %v", got.Funnel)
	}
}

// TestDelivered counts each user once to whom a broadcast was written: with several connections,
// dozing, by one device after the other, and after a restart. No user writes for it.
func TestDelivered(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{"alice", "bob", "carol", "dave"} {
		w.own(user, "hello")
	}
	w.must(userKey("dave"), &actors.Follow{Topic: "news"})
	phone := w.attach("alice")
	want(phone, t, "counts 1/1")
	away := phone.Last().Cursor
	laptop, bob, dave := w.attach("alice"), w.attach("bob"), w.attach("dave")
	for _, s := range []*screen{laptop, bob, dave} {
		want(s, t, "counts 1/1")
	}
	first := w.broadcast("one")
	for _, s := range []*screen{phone, laptop, bob, dave} {
		want(s, t, "message 2/2 one")
	}
	w.j.Flush()
	writes := w.j.Writes()
	w.marks()
	w.wantDelivered(first, 3)
	if n := w.j.Writes() - writes; n != 1 {
		t.Errorf("%d writes for three users, want 1", n)
	}
	w.marks()

	for _, user := range []string{"alice", "bob", "dave"} {
		w.node.Send(userKey(user), &actors.Doze{})
	}
	second := w.to(&actors.Audience{Topic: "news"}, "two")
	want(dave, t, "message 3/3 two")
	third := w.broadcast("three")
	want(dave, t, "message 4/4 three")
	want(bob, t, "message 3/3 three")
	want(laptop, t, "message 3/3 three")
	w.marks()
	w.wantDelivered(third, 3)
	w.wantDelivered(second, 1)

	for _, s := range []*screen{phone, laptop, bob, dave} {
		s.Close()
	}
	w.sleeps("alice")
	w.restart()
	tablet := w.attach("alice", actorstest.After(away)) // another device, which has missed all
	want(tablet, t, "message 3/3 one")
	want(tablet, t, "message 3/3 three")
	fourth := w.broadcast("four")
	want(tablet, t, "message 4/4 four")
	w.marks()
	w.wantDelivered(fourth, 1)
	w.wantDelivered(first, 3)
	w.wantDelivered(third, 3)
	w.wantInbox("carol", 4, "four", "three", "one", "hello")
	w.wantDelivered(fourth, 1)
}

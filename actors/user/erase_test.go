package user_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// erasable is a node with alice on it.
type erasable struct {
	t    *testing.T
	j    *actorstest.Journal
	node *actorstest.Node
	key  actors.Key
}

func newErasable(t *testing.T) *erasable {
	e := &erasable{t: t, j: actorstest.NewJournal(), key: actors.UserKey(actors.DefaultApp, "alice")}
	t.Cleanup(e.j.Close)
	e.node = actorstest.NewNode(t, e.j, actorstest.NewClock(), actors.Limits{})
	t.Cleanup(e.node.Stop)
	return e
}

func (e *erasable) ask(c actors.Command, key string) *actors.Request {
	e.t.Helper()
	r := actors.NewRequest(e.key, c)
	if key != "" {
		r.Once = actors.CallersOnce("c", key, []byte(fmt.Sprintf("%T", c)))
	}
	if err := e.node.Ask(e.t.Context(), r); err != nil {
		e.t.Fatalf("%T: %v", c, err)
	}
	return r
}

func (e *erasable) publish(title string) actors.ID {
	e.t.Helper()
	id := actors.NewID()
	e.ask(&actors.Publish{Message: &actors.Message{Id: id[:], Category: "a", Content: []byte(`"title":"` + title + `"`)}}, "")
	return id
}

// stored returns all that the journal, the records and the index have of alice.
func (e *erasable) stored() string {
	e.t.Helper()
	var b strings.Builder
	add := func(raw []byte) error {
		fmt.Fprintf(&b, "%q\n", raw)
		return nil
	}
	if err := e.j.Load(context.Background(), e.key, add, add); err != nil {
		e.t.Fatal(err)
	}
	_ = e.j.Events(context.Background(), e.key, 1, 1<<40, func(_ uint64, raw []byte) bool { return add(raw) == nil })
	for _, kind := range []string{actors.InterestKind, actors.AsideKind, actors.OnlineKind, "seen"} {
		list, err := e.j.ListRecords(context.Background(), kind, "", 100)
		if err != nil {
			e.t.Fatal(err)
		}
		for _, r := range list {
			if r.Key == string(e.key) || strings.HasPrefix(r.Key, string(e.key)+"/") {
				fmt.Fprintf(&b, "%s %s %s\n", kind, r.Key, r.Value)
			}
		}
	}
	err := e.j.ScanIndex(context.Background(), nil, []byte{0xff}, 1000, func(key, value []byte) bool {
		fmt.Fprintf(&b, "index %q %q\n", key, value)
		return true
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return b.String()
}

// TestErase erases a user who is connected and has a session: both start anew,
// nothing of before is stored, and in the end nothing at all.
func TestErase(t *testing.T) {
	e := newErasable(t)
	e.ask(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{"secret"}}, Replace: true}, "")
	e.ask(&actors.Follow{Topic: "secret"}, "")
	e.ask(&actors.JoinList{List: "secret"}, "")
	r := e.ask(&actors.OpenSession{Client: "secret", Expiry: 1 << 40, Link: actors.NewRemoteLink(actor.NewPID(far, "exchange"), 7, "secret", 1)}, "")
	epoch := r.Answer.Epoch
	e.ask(&actors.ChangeSession{Client: "secret", Epoch: epoch, Change: &actors.SessionChange{Set: []*actors.Subscription{{Filter: "secret/#", Qos: 1}}}}, "")
	if err := e.j.PutRecord(t.Context(), actors.AsideKind, string(e.key)+"/0000000000000007", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	other := "udefault/alice2/0000000000000007"
	if err := e.j.PutRecord(t.Context(), actors.AsideKind, other, []byte("another's")); err != nil {
		t.Fatal(err)
	}
	id := e.publish("secret")
	p := actorstest.Attach(t, e.node, "alice")
	p.Want(t, "counts rev=1 unread=1")
	before := p.Last().Cursor

	if r := e.ask(&actors.Erase{}, "e"); r.Answer.Replayed {
		t.Error("the first time is a repeat")
	}
	p.Want(t, "reset rev=2 unread=0")
	if got := e.stored(); strings.Contains(got, "secret") || strings.Contains(got, "index") {
		t.Errorf("left is %s", got)
	}
	if _, err := e.j.Owner(t.Context(), id); err == nil {
		t.Error("the message still has an owner")
	}
	if v, err := e.j.ReadRecord(t.Context(), actors.AsideKind, other); err != nil || string(v) != "another's" {
		t.Errorf("another user's record: got %q, %v", v, err)
	}
	again := actors.NewRequest(e.key, &actors.OpenSession{Client: "secret", Again: true, Epoch: epoch, Link: actors.NewRemoteLink(actor.NewPID(far, "exchange"), 7, "secret", 2)})
	if err := e.node.Ask(t.Context(), again); err == nil || again.Answer.Err.Code != actors.NotFound {
		t.Errorf("the session is asked for again: got %v", err)
	}
	e.publish("new")
	p.Want(t, "message rev=3 unread=1")
	if r := e.ask(&actors.Erase{}, "e"); !r.Answer.Replayed {
		t.Error("a repeat is none")
	}
	if r := e.ask(&actors.Counts{}, ""); !strings.Contains(string(r.Answer.Counts), `"unread":1`) {
		t.Errorf("a repeat erased what came since: %s", r.Answer.Counts)
	}
	late := actorstest.Attach(t, e.node, "alice", actorstest.After(before))
	late.Want(t, "reset rev=3 unread=1")
	p.Close()
	late.Close()

	e.ask(&actors.Erase{}, "e2")
	for end := time.Now().Add(actorstest.Patience); e.stored() != ""; {
		if time.Now().After(end) {
			t.Fatalf("the mark of an erased user stays: %s", e.stored())
		}
		e.node.Clock.Advance(time.Hour)
		e.node.Fire()
		time.Sleep(time.Millisecond)
	}
	e.publish("after all")
	if got := e.ask(&actors.Counts{}, ""); !strings.Contains(string(got.Answer.Counts), `"unread":1`) || !strings.Contains(string(got.Answer.Counts), `"rev":1,`) {
		t.Errorf("a user who comes again has %s", got.Answer.Counts)
	}
}

// TestEraseRefused: where the store takes nothing, nothing is erased.
func TestEraseRefused(t *testing.T) {
	e := newErasable(t)
	e.publish("kept")
	e.j.Refuse(actorstest.ErrBusy)
	r := actors.NewRequest(e.key, &actors.Erase{})
	if err := e.node.Ask(t.Context(), r); err == nil {
		t.Error("a store that is busy has erased a user")
	}
	e.j.Refuse(nil)
	if r := e.ask(&actors.Counts{}, ""); !strings.Contains(string(r.Answer.Counts), `"unread":1`) {
		t.Errorf("got %s", r.Answer.Counts)
	}
}

package broadcast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// A world is a node on a journal that outlives it.
type world struct {
	t     *testing.T
	j     *actorstest.Journal
	clock *actorstest.Clock
	node  *actorstest.Node
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, j: actorstest.NewJournal(), clock: actorstest.NewClock()}
	t.Cleanup(w.j.Close)
	w.start()
	t.Cleanup(func() { w.node.Stop() })
	return w
}

func (w *world) start() { w.node = actorstest.NewNode(w.t, w.j, w.clock, actors.Limits{}) }

func (w *world) restart() {
	w.node.Stop()
	w.start()
}

var log = actors.LogKey(actors.DefaultApp)

func userKey(name string) actors.Key { return actors.UserKey(actors.DefaultApp, name) }

// ask returns the answer, and the error in it.
func (w *world) ask(key actors.Key, c actors.Command, once actors.Once) (actors.Answer, *actors.Error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), actorstest.Patience)
	defer cancel()
	r := actors.NewRequest(key, c)
	r.Once = once
	err := w.node.Ask(ctx, r)
	if err == nil {
		return r.Answer, nil
	}
	var e *actors.Error
	if !errors.As(err, &e) {
		w.t.Fatalf("%T: %v", c, err)
	}
	return r.Answer, e
}

func (w *world) must(key actors.Key, c actors.Command) actors.Answer {
	w.t.Helper()
	a, err := w.ask(key, c, actors.EdgeOnce(actors.NewID()))
	if err != nil {
		w.t.Fatalf("%T: %v", c, err)
	}
	return a
}

// message returns a message with a title.
func (w *world) message(title string, with ...func(*actors.Message)) *actors.Broadcast {
	id := actors.NewID()
	m := &actors.Message{Id: id[:], Category: "news", CreatedAt: w.clock.Now(), Content: []byte(`"title":"` + title + `"`)}
	for _, fn := range with {
		fn(m)
	}
	return &actors.Broadcast{Message: m, Audience: &actors.Audience{All: true}}
}

func (w *world) broadcast(title string, with ...func(*actors.Message)) actors.ID {
	w.t.Helper()
	return w.must(log, w.message(title, with...)).ID
}

// own publishes a message to one user.
func (w *world) own(user, title string) {
	w.t.Helper()
	id := actors.NewID()
	w.must(userKey(user), &actors.Publish{Message: &actors.Message{Id: id[:], Category: "own", CreatedAt: w.clock.Now(), Content: []byte(`"title":"` + title + `"`)}})
}

// wantInbox holds what a user's inbox shows, the newest first, and that the counts agree.
func (w *world) wantInbox(user string, unread int, titles ...string) {
	w.t.Helper()
	var list struct {
		Messages []struct{ Title string }
	}
	if err := json.Unmarshal(w.must(userKey(user), &actors.List{Limit: 200}).Body, &list); err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, m := range list.Messages {
		got = append(got, m.Title)
	}
	if fmt.Sprint(got) != fmt.Sprint(titles) {
		w.t.Fatalf("%s sees %v, want %v", user, got, titles)
	}
	var counts struct{ Unread int }
	if err := json.Unmarshal(w.must(userKey(user), &actors.Counts{}).Counts, &counts); err != nil {
		w.t.Fatal(err)
	}
	if counts.Unread != unread {
		w.t.Fatalf("%s has %d unread, want %d", user, counts.Unread, unread)
	}
}

// screen is a connection, and how far its events are looked at.
type screen struct {
	*actorstest.Probe
	read int
}

func (w *world) attach(user string, with ...func(*actors.Attachment)) *screen {
	w.t.Helper()
	return &screen{Probe: actorstest.Attach(w.t, w.node, user, with...)}
}

// want holds the next event against its type, unread/unseen and title.
func want(s *screen, t *testing.T, text string) {
	t.Helper()
	for late := time.Now().Add(actorstest.Patience); len(s.Events()) == s.read; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("waited in vain for %q", text)
		}
	}
	e := s.Events()[s.read]
	s.read++
	if got := strings.TrimSpace(fmt.Sprintf("%s %d/%d %s", e.Type, e.Unread, e.Unseen, e.Content)); got != text {
		t.Fatalf("got %q, want %q", got, text)
	}
}

// TestBroadcast sends one message to all: to one who is connected, one who is away, one who
// sleeps until the node has started again; and not to one who comes later.
func TestBroadcast(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{"alice", "bob", "carol"} {
		w.own(user, "hello")
	}
	alice := w.attach("alice")
	want(alice, t, "counts 1/1")
	writes := w.j.Writes()
	first := w.broadcast("to all")
	want(alice, t, "message 2/2 to all")
	if n := w.j.Writes() - writes; n != 1 {
		t.Errorf("%d writes for a broadcast, want 1", n)
	}
	w.wantInbox("bob", 2, "to all", "hello")
	w.must(userKey("bob"), &actors.Mark{To: actors.MarkRead, IDs: []actors.ID{first}})
	w.own("bob", "after")
	w.wantInbox("bob", 2, "after", "to all", "hello")

	w.restart()
	w.wantInbox("carol", 2, "to all", "hello")
	w.wantInbox("bob", 2, "after", "to all", "hello")
	w.wantInbox("dave", 0)
	w.broadcast("again")
	w.wantInbox("dave", 1, "again")
	w.restart()
	w.wantInbox("dave", 1, "again")
	w.wantInbox("carol", 3, "again", "to all", "hello")
	w.wantInbox("eve", 0)
}

// to lets a message be for another audience than all.
func (w *world) to(a *actors.Audience, title string, with ...func(*actors.Message)) actors.ID {
	w.t.Helper()
	b := w.message(title, with...)
	b.Audience = a
	return w.must(log, b).ID
}

// vips is a version of a segment.
func vips(version uint64, where string) *actors.Audience {
	return &actors.Audience{Segment: &actors.Segment{Name: "vips", Version: version, Where: where}}
}

// TestSegmentsAndLists sends to a segment and to a list: to who belongs to it when the
// message is published, or due, and to nobody who does later.
func TestSegmentsAndLists(t *testing.T) {
	w := newWorld(t)
	set := func(user, tag string) {
		w.must(userKey(user), &actors.SetProfile{Profile: &actors.Profile{Tags: []string{tag}}, Replace: true})
	}
	set("alice", "vip")
	set("bob", "gold")
	w.own("carol", "hello")
	w.must(userKey("carol"), &actors.JoinList{List: "friends"})
	alice, bob := w.attach("alice"), w.attach("bob")
	want(alice, t, "counts 0/0")
	want(bob, t, "counts 0/0")

	first := w.to(vips(1, "'vip' in tags"), "one")
	want(alice, t, "message 1/1 one")
	set("bob", "vip") // too late for the first
	w.to(vips(2, "'vip' in tags && 'friends' not in lists"), "two")
	want(bob, t, "message 1/1 two")
	want(alice, t, "message 2/2 two")
	w.to(&actors.Audience{List: "friends"}, "three")
	w.must(userKey("carol"), &actors.JoinList{List: "friends", Leave: true})
	w.to(&actors.Audience{List: "friends"}, "four")
	w.to(vips(3, "now >= date('2100-01-01')"), "never")
	due := w.clock.Now() + time.Hour.Milliseconds()
	later := w.to(vips(4, "'gold' in tags"), "five", func(m *actors.Message) { m.SendAt = due })
	w.must(log, &actors.Edit{ID: first, Patch: []byte(`{"title":"first"}`)})
	want(alice, t, "update 2/2 first")
	w.wantInbox("carol", 2, "three", "hello")

	w.restart()
	w.wantInbox("alice", 2, "two", "first")
	w.wantInbox("bob", 1, "two")
	w.wantInbox("carol", 2, "three", "hello")
	w.wantInbox("dave", 0)
	set("carol", "gold") // in time
	w.clock.Advance(2 * time.Hour)
	w.node.Fire()
	for late := time.Now().Add(actorstest.Patience); !strings.Contains(string(w.must(log, &actors.Find{ID: later}).Body), `"state":"delivered"`); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("it never became due")
		}
	}
	set("alice", "gold")
	w.wantInbox("carol", 3, "five", "three", "hello")
	w.wantInbox("alice", 2, "two", "first")
	w.must(log, &actors.Retract{ID: first})
	w.wantInbox("alice", 1, "two")
	if body := string(w.must(log, &actors.Find{ID: later}).Body); !strings.Contains(body, `"to":{"segment":"vips","version":4}`) {
		t.Errorf("got %s", body)
	}
}

// TestBadAudience refuses what no node could judge.
func TestBadAudience(t *testing.T) {
	w := newWorld(t)
	for _, a := range []*actors.Audience{nil, {}, {All: true, List: "x"}, vips(1, ""), vips(0, "true"), vips(1, "city == 'x'"), vips(1, "attributes.city ==")} {
		b := w.message("x")
		b.Audience = a
		if _, err := w.ask(log, b, actors.EdgeOnce(actors.NewID())); err == nil || err.Code != actors.Invalid {
			t.Errorf("%v: got %v", a, err)
		}
	}
	w.broadcast("the log goes on")
}

// TestChanges edits, retracts and expires broadcasts: in every inbox, with its counts.
func TestChanges(t *testing.T) {
	w := newWorld(t)
	w.own("alice", "hello")
	w.own("bob", "hello")
	alice := w.attach("alice")
	want(alice, t, "counts 1/1")
	id := w.broadcast("frist")
	want(alice, t, "message 2/2 frist")
	w.must(log, &actors.Edit{ID: id, Patch: []byte(`{"title":"first"}`)})
	want(alice, t, "update 2/2 first")
	w.wantInbox("bob", 2, "first", "hello")
	w.must(log, &actors.Retract{ID: id})
	want(alice, t, "retract 1/1")
	w.wantInbox("bob", 1, "hello")
	if _, err := w.ask(log, &actors.Retract{ID: id}, actors.Once{}); err == nil || err.Code != actors.NotFound {
		t.Errorf("a second retraction: %v", err)
	}

	w.broadcast("short", func(m *actors.Message) { m.ExpiresAt = w.clock.Now() + 1000 })
	w.broadcast("later", func(m *actors.Message) { m.SendAt = w.clock.Now() + 2000 })
	want(alice, t, "message 2/2 short")
	w.clock.Advance(time.Second)
	w.node.Fire()
	want(alice, t, "state 1/1")
	w.wantInbox("bob", 1, "hello")
	w.clock.Advance(time.Second)
	w.restart()
	w.node.Fire()
	probe := w.attach("alice", actorstest.After(alice.Last().Cursor))
	want(probe, t, "message 2/2 later")
	w.wantInbox("bob", 2, "later", "hello")
	w.wantNoContent("frist", "first", "short")
}

// wantNoContent waits until nothing of some texts is in the log.
func (w *world) wantNoContent(texts ...string) {
	w.t.Helper()
	for late := time.Now().Add(actorstest.Patience); ; time.Sleep(time.Millisecond) {
		found := ""
		err := w.j.Events(context.Background(), log, 1, 1<<40, func(_ uint64, raw []byte) bool {
			for _, s := range texts {
				if strings.Contains(string(raw), `"`+s+`"`) {
					found = s
				}
			}
			return true
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if found == "" {
			return
		}
		if time.Now().After(late) {
			w.t.Fatalf("%q is in the log still", found)
		}
	}
}

// TestRepeat repeats a broadcast under its key, also after a restart.
func TestRepeat(t *testing.T) {
	w := newWorld(t)
	w.own("alice", "hello")
	once := actors.CallersOnce("key", "1")
	m := w.message("once")
	first, err := w.ask(log, m, once)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again, err := w.ask(log, w.message("once"), once)
		if err != nil || !again.Replayed || again.ID != first.ID {
			t.Errorf("the repeat: %+v, %v", again, err)
		}
		w.restart()
	}
	other := once
	other.Digest++
	if _, err := w.ask(log, w.message("other"), other); err == nil || err.Code != actors.IdempotencyConflict {
		t.Errorf("another request under the same key: %v", err)
	}
	w.wantInbox("alice", 2, "once", "hello")
}

// TestMissed lets clients that missed broadcasts resume from their cursors, in pages.
func TestMissed(t *testing.T) {
	w := newWorld(t)
	w.own("alice", "hello")
	here := w.attach("alice")
	want(here, t, "counts 1/1")
	at := here.Last().Cursor
	here.Close()
	for n := range 250 {
		w.broadcast(fmt.Sprint("all ", n))
		if n%50 == 0 {
			w.own("alice", fmt.Sprint("own ", n))
		}
	}
	w.restart()
	back := w.attach("alice", actorstest.After(at))
	for n := range 250 {
		want(back, t, fmt.Sprintf("message 256/256 all %d", n))
		if n%50 == 0 {
			want(back, t, fmt.Sprintf("message 256/256 own %d", n))
		}
	}
	if n := len(back.Events()); n != back.read {
		t.Errorf("%d events, want %d", n, back.read)
	}
}

// TestBehind wakes a user on a node that has not heard of what the user has merged on another
// one: it reads the log first.
func TestBehind(t *testing.T) {
	w := newWorld(t)
	w.own("alice", "hello")
	w.own("bob", "hello")
	w.j.Flush()
	other := actorstest.NewNode(t, w.j, w.clock, actors.Limits{})
	t.Cleanup(other.Stop)
	here := w.node
	w.node = other
	w.wantInbox("bob", 1, "hello") // so that it knows the log
	w.node = here
	w.broadcast("to all")
	w.own("alice", "after")
	w.j.Flush()
	here.Stop()
	w.node = other
	w.wantInbox("alice", 3, "after", "to all", "hello")
}

// TestDozing broadcasts to those who are connected and have let go of their inboxes: they are
// told without reading the disk, unless it takes their messages to know what to tell.
func TestDozing(t *testing.T) {
	w := newWorld(t)
	screens := map[string]*screen{}
	for _, user := range []string{"alice", "stranger", "follower"} {
		if user != "stranger" {
			w.own(user, "hello")
		}
		screens[user] = w.attach(user)
	}
	alice, stranger, follower := screens["alice"], screens["stranger"], screens["follower"]
	w.must(userKey("follower"), &actors.Follow{Topic: "news"})
	want(alice, t, "counts 1/1")
	want(stranger, t, "counts 0/0")
	want(follower, t, "counts 1/1")
	doze := func() {
		for user := range screens {
			w.node.Send(userKey(user), &actors.Doze{})
		}
	}
	figures := prometheus.NewRegistry()
	figures.MustRegister(w.node.Home.Metrics.Loads)
	loads := func() float64 {
		list, err := figures.Gather()
		if err != nil {
			t.Fatal(err)
		}
		return list[0].GetMetric()[0].GetCounter().GetValue()
	}
	doze()
	dozing := loads()
	w.broadcast("one")
	want(alice, t, "message 2/2 one")
	want(stranger, t, "message 1/1 one")
	want(follower, t, "message 2/2 one")
	if n := loads() - dozing; n != 1 {
		t.Errorf("%v inboxes were read, want that of the user who became known", n)
	}
	w.j.Flush()
	doze()
	dozing = loads()
	topic := w.message("two")
	topic.Audience = &actors.Audience{Topic: "news"}
	w.must(log, topic)
	want(follower, t, "message 3/3 two") // before the next one, which would come with it
	three := w.broadcast("three", func(m *actors.Message) { m.CollapseKey = "k" })
	want(follower, t, "message 4/4 three")
	want(alice, t, "message 3/3 three")
	want(stranger, t, "message 2/2 three")
	if n := loads() - dozing; n != 0 {
		t.Errorf("%v inboxes were read, want none", n)
	}
	w.broadcast("four", func(m *actors.Message) { m.CollapseKey = "k" }) // it takes the place of a message
	want(alice, t, "message 3/3 four")
	want(stranger, t, "message 2/2 four")
	want(follower, t, "message 4/4 four")
	doze()
	w.own("alice", "own")
	want(alice, t, "message 4/4 own")
	w.wantInbox("alice", 4, "own", "four", "one", "hello")
	if _, err := w.ask(log, &actors.Retract{ID: three}, actors.Once{}); err != nil {
		t.Fatal(err)
	}
	doze()
	w.broadcast("five")
	want(follower, t, "message 5/5 five")
	w.restart()
	w.wantInbox("follower", 5, "five", "four", "two", "one", "hello")
	w.wantInbox("stranger", 3, "five", "four", "one")
}

// TestOrder broadcasts by several hands at once: each connection hears all in the order of
// the log, whether its user dozes, is awake or has just been woken.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	var screens []*screen
	for i := range 6 {
		user := fmt.Sprint("user", i)
		w.own(user, "hello")
		screens = append(screens, w.attach(user))
		if i%2 == 0 {
			w.node.Send(userKey(user), &actors.Doze{})
		}
	}
	const hands, each = 4, 40
	var wg sync.WaitGroup
	for hand := range hands {
		wg.Go(func() {
			for i := range each {
				w.broadcast(fmt.Sprint(hand, " ", i))
				if i%8 == hand {
					w.node.Send(userKey(fmt.Sprint("user", hand)), &actors.Doze{})
					w.own(fmt.Sprint("user", hand), "own")
				}
			}
		})
	}
	wg.Wait()
	var first []string
	for i, s := range screens {
		var got []string
		for late := time.Now().Add(actorstest.Patience); len(got) < hands*each && time.Now().Before(late); time.Sleep(time.Millisecond) {
			got = got[:0]
			for _, e := range s.Events() {
				if e.Type == "message" && e.Content != "own" {
					got = append(got, e.Content)
				}
			}
		}
		if i == 0 {
			first = got
		}
		if len(got) != hands*each || !slices.Equal(got, first) {
			t.Fatalf("user %d heard %d: %v, the first one %v", i, len(got), got, first)
		}
	}
}

// TestForgotten lets a log forget what no user's state rests on any more.
func TestForgotten(t *testing.T) {
	w := newWorld(t)
	w.own("alice", "hello")
	id := w.broadcast("old")
	w.wantInbox("alice", 2, "old", "hello")
	for range 40 {
		w.clock.Advance(24 * time.Hour)
		w.node.Fire()
		w.must(userKey("alice"), &actors.Counts{})
		w.j.Flush()
	}
	if _, err := w.ask(log, &actors.Find{ID: id}, actors.Once{}); err == nil || err.Code != actors.NotFound {
		t.Errorf("find: %v", err)
	}
	if key, err := w.j.Owner(t.Context(), id); err == nil {
		t.Errorf("%s answers for it still", key)
	}
	w.wantNoContent("old")
	w.restart()
	w.wantInbox("alice", 0)
	w.broadcast("new")
	w.wantInbox("alice", 1, "new")
	w.restart()
	w.wantInbox("alice", 1, "new")
}

// TestUnsure: a node that can't tell whether it still owns a user shows it no entry, whether it
// is awake or dozes: another node may count otherwise from there. Once it is sure it does.
func TestUnsure(t *testing.T) {
	for _, doze := range []bool{false, true} {
		w := newWorld(t)
		var unsure atomic.Bool
		var asked atomic.Int32
		w.node.Home.HoldsLease = func(key actors.Key) bool {
			if key != userKey("alice") || !unsure.Load() {
				return true
			}
			asked.Add(1)
			return false
		}
		w.own("alice", "hello")
		alice := w.attach("alice")
		want(alice, t, "counts 1/1")
		if doze {
			w.node.Send(userKey("alice"), &actors.Doze{})
		}
		unsure.Store(true)
		w.broadcast("to all")
		w.broadcast("again")
		for late := time.Now().Add(actorstest.Patience); asked.Load() < 3 && time.Now().Before(late); {
			time.Sleep(time.Millisecond)
		}
		if n := len(alice.Events()); n != alice.read || asked.Load() < 3 {
			t.Fatalf("dozing %v: %d events from a node that is not sure, asked %d times", doze, n-alice.read, asked.Load())
		}
		unsure.Store(false)
		want(alice, t, "message 3/3 to all")
		want(alice, t, "message 3/3 again")
	}
}

// TestDoubt: a node that gets users of another one reads what that may have shown them, also
// where it has not heard of it.
func TestDoubt(t *testing.T) {
	w := newWorld(t)
	w.own("alice", "hello")
	w.own("bob", "hello")
	w.j.Flush()
	other := actorstest.NewNode(t, w.j, w.clock, actors.Limits{})
	t.Cleanup(other.Stop)
	here := w.node
	w.node = other
	w.wantInbox("bob", 1, "hello") // so that it knows the log
	w.node = here
	alice := w.attach("alice")
	want(alice, t, "counts 1/1")
	w.broadcast("to all")
	want(alice, t, "message 2/2 to all")
	here.Stop()
	w.node = other
	other.Logs.Doubt()
	w.own("alice", "after")
	w.wantInbox("alice", 3, "after", "to all", "hello")
	back := w.attach("alice", actorstest.After(alice.Last().Cursor))
	want(back, t, "message 3/3 after")
	w.wantInbox("bob", 2, "to all", "hello")
}

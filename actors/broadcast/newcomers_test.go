package broadcast_test

import (
	"strings"
	"testing"
	"time"

	"reddot/actors"
)

// open lets a message also be for those who join later.
func open(a *actors.Audience) *actors.Audience {
	a.Newcomers = true
	return a
}

// TestNewcomers: what is for those who join later is found by each of them, however it joins,
// and by nobody twice; who only looks at a user that there is not writes nothing.
func TestNewcomers(t *testing.T) {
	w := newWorld(t)
	w.to(&actors.Audience{All: true}, "for those of then")
	w.to(open(&actors.Audience{All: true}), "welcome")
	frist := w.to(open(&actors.Audience{Topic: "news"}), "frist")
	w.to(open(vips(1, "'vip' in tags")), "for vips")
	w.to(open(vips(2, "'vip' not in tags")), "for others")
	gone := w.to(open(&actors.Audience{All: true}), "gone")
	w.to(open(&actors.Audience{List: "beta"}), "short", func(m *actors.Message) { m.ExpiresAt = w.clock.Now() + 1000 })
	w.must(log, &actors.Retract{ID: gone})
	w.must(log, &actors.Edit{ID: frist, Patch: []byte(`{"title":"first"}`)})
	w.clock.Advance(time.Minute)
	w.node.Fire()

	w.wantInbox("dave", 2, "for others", "welcome")
	if body := string(w.must(userKey("dave"), &actors.Export{}).Body); !strings.Contains(body, "welcome") {
		t.Errorf("exported: %s", body)
	}
	a := w.must(userKey("dave"), &actors.DryRun{Of: &actors.Publish{Message: w.message("own").Message}})
	if !strings.Contains(string(a.Counts), `"unread":3`) {
		t.Errorf("a dry run says %s", a.Counts)
	}
	if written, _ := w.j.HasEvent(userKey("dave"), 1); written {
		t.Error("to look writes")
	}

	set := func(user, tag string) actors.Answer {
		return w.must(userKey(user), &actors.SetProfile{Profile: &actors.Profile{Tags: []string{tag}}, Replace: true})
	}
	if a := set("vip", "vip"); !strings.Contains(string(a.Counts), `"unread":2`) {
		t.Errorf("who begins with a profile is answered %s", a.Counts)
	}
	set("vip", "gold") // too late for the others
	w.must(userKey("fan"), &actors.Follow{Topic: "news"})
	w.must(userKey("member"), &actors.ImportUser{Profile: actors.SetProfile{Profile: &actors.Profile{Tags: []string{"vip"}}}, Follows: []string{"news"}})
	w.own("known", "own")
	screen := w.attach("guest")
	want(screen, t, "counts 2/2")
	w.must(userKey("reader"), &actors.Mark{To: actors.MarkRead})
	all := func() {
		t.Helper()
		w.wantInbox("vip", 2, "for vips", "welcome")
		w.wantInbox("fan", 3, "for others", "first", "welcome")
		w.wantInbox("member", 3, "for vips", "first", "welcome")
		w.wantInbox("known", 3, "for others", "welcome", "own")
		w.wantInbox("guest", 2, "for others", "welcome")
		w.wantInbox("reader", 0, "for others", "welcome")
	}
	all()
	w.restart()
	all()

	w.broadcast("to all")
	w.wantInbox("vip", 3, "to all", "for vips", "welcome")
	w.wantInbox("dave", 2, "for others", "welcome")
	w.must(userKey("vip"), &actors.Erase{})
	w.wantInbox("vip", 0)
	set("vip", "vip") // it is new again
	w.wantInbox("vip", 2, "for vips", "welcome")
	w.restart()
	w.wantInbox("vip", 2, "for vips", "welcome")
	w.wantInbox("fan", 4, "to all", "for others", "first", "welcome")

	w.clock.Advance(31 * 24 * time.Hour)
	w.own("late", "own")
	w.wantInbox("late", 1, "own")
}

package inbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/rule"
)

// ruled is a user whose messages a policy judges.
type ruled struct {
	*world
	policy *actors.Policy
	n      int
}

func newRuled(t *testing.T, policy string) *ruled {
	w := newWorld(t, actors.Limits{})
	w.now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).UnixMilli()
	w.b.Book = &rule.Book{Policies: (*rule.Book)(nil).Policy, Zones: actors.NewZones(time.LoadLocation).Find}
	return &ruled{world: w, policy: &actors.Policy{Name: "p", Version: 1, Body: []byte(policy)}}
}

// publish publishes a message, and its repeat, which is answered alike.
func (r *ruled) publish(title string, with func(*actors.Message)) (actors.ID, Ready) {
	r.t.Helper()
	r.n++
	id := id(fmt.Sprint(title, r.n), r.now)
	m := &actors.Message{Id: id[:], Category: "promo", CreatedAt: r.now, Policy: r.policy, Content: fmt.Appendf(nil, `"title":%q`, title)}
	if with != nil {
		with(m)
	}
	once := actors.CallersOnce("c", fmt.Sprint(r.n))
	got := r.do(r.b.Publish(m, once, r.moment(), &r.limits))
	if got.Err != nil {
		r.t.Fatal(got.Err)
	}
	again := r.b.Publish(m, once, r.moment(), &r.limits)
	if !again.Replayed || again.ID != id || again.Outcome != got.Outcome || again.Reason != got.Reason {
		r.t.Errorf("%s: the repeat of %+v is answered by %+v", title, got, again)
	}
	return id, got
}

// want checks what became of a message.
func (r *ruled) want(title string, outcome actors.Outcome, reason string) actors.ID {
	r.t.Helper()
	id, got := r.publish(title, nil)
	if got.Outcome != outcome || got.Reason != reason {
		r.t.Errorf("%s: %v %q, want %v %q", title, got.Outcome, got.Reason, outcome, reason)
	}
	return id
}

// pass lets time go by.
func (r *ruled) pass(d time.Duration) {
	r.t.Helper()
	r.now += d.Milliseconds()
	r.do(r.b.Expire(r.moment(), &r.limits))
	r.replayAll(len(r.log) / 2)
	book := r.b.Book
	r.restart()
	r.b.Book = book
}

// titles are those of the messages that the user sees, oldest first.
func (r *ruled) titles() string {
	var list []string
	for i := range r.b.entries {
		if n := &r.b.entries[i]; n.State != actors.State_SCHEDULED {
			title := strings.TrimPrefix(string(r.content(n.id).Content), `"title":"`)
			list = append(list, title[:strings.IndexByte(title, '"')])
		}
	}
	return strings.Join(list, ",")
}

func TestCap(t *testing.T) {
	r := newRuled(t, `{"caps":[{"max":2,"per":"24h","category":"promo"}]}`)
	r.want("a", actors.Delivered, "")
	r.pass(time.Hour)
	r.want("b", actors.Delivered, "")
	stopped := r.want("c", actors.Filtered, "cap")
	if why, gathered, ok := r.b.Aside(stopped); !ok || gathered || why != actors.Rule_CAP {
		t.Errorf("the message that was stopped is known as %v, %v, %v", why, gathered, ok)
	}
	r.pass(23*time.Hour - time.Millisecond)
	r.want("d", actors.Filtered, "cap")
	r.pass(time.Millisecond)
	r.want("e", actors.Delivered, "")
	r.want("f", actors.Filtered, "cap")
	if got := r.titles(); got != "a,b,e" {
		t.Errorf("the user sees %s", got)
	}
	if r.b.unread != 3 {
		t.Errorf("%d unread", r.b.unread)
	}
}

// TestRepeatOfWhatWasStopped: a repeat is answered as the first time, also once more
// messages were stopped than are known by their ids.
func TestRepeatOfWhatWasStopped(t *testing.T) {
	r := newRuled(t, `{"caps":[{"max":1,"per":"24h"}]}`)
	r.want("a", actors.Delivered, "")
	first := r.want("b", actors.Filtered, "cap")
	for range maxAsides {
		r.want("c", actors.Filtered, "cap")
	}
	if _, _, ok := r.b.Aside(first); ok {
		t.Fatal("the first one is known by its id still")
	}
	r.pass(time.Minute)
	m := &actors.Message{Id: first[:], Category: "promo", CreatedAt: r.now, Policy: r.policy, Content: []byte(`"title":"b"`)}
	if again := r.b.Publish(m, actors.CallersOnce("c", "2"), r.moment(), &r.limits); !again.Replayed || again.Outcome != actors.Filtered || again.Reason != "cap" || again.ID != first {
		t.Errorf("the repeat is answered by %+v", again)
	}
}

// TestHeldOverNight: what comes at night waits for the morning, where a cap leaves the
// newest; of one collapse key the newest alone counts, and it may be taken back.
func TestHeldOverNight(t *testing.T) {
	r := newRuled(t, `{"caps":[{"max":2,"per":"24h"}],"quiet_hours":{"from":"22:00","to":"08:00","zone":"Europe/Berlin"}}`)
	r.now = time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC).UnixMilli()
	for _, title := range []string{"a", "b", "c"} {
		r.want(title, actors.Held, "quiet_hours")
		r.pass(time.Minute)
	}
	gone := r.want("d", actors.Held, "quiet_hours")
	r.do(r.b.Retract(gone, actors.Once{}, r.moment()))
	for _, title := range []string{"k1", "k2"} {
		if _, got := r.publish(title, func(m *actors.Message) { m.CollapseKey = "k" }); got.Outcome != actors.Held {
			t.Errorf("%s: %v", title, got.Outcome)
		}
	}
	if r.b.unread != 0 || r.titles() != "" {
		t.Errorf("at night the user sees %s, %d unread", r.titles(), r.b.unread)
	}
	r.pass(7 * time.Hour) // 07:04 in Berlin
	if r.b.unread != 0 {
		t.Errorf("before the morning the user has %d unread", r.b.unread)
	}
	r.pass(time.Hour)
	if got := r.titles(); got != "c,k2" || r.b.unread != 2 {
		t.Errorf("in the morning the user sees %s, %d unread", got, r.b.unread)
	}
	if len(r.b.pending) != 0 {
		t.Errorf("%d messages still wait", len(r.b.pending))
	}
	r.want("late", actors.Filtered, "cap")
}

// TestDigest: what a cap stops is gathered, and comes as one message.
func TestDigest(t *testing.T) {
	r := newRuled(t, `{"caps":[{"max":1,"per":"24h"}],"on_capped":"digest","digest":{"key":"news","window":"1h"}}`)
	r.want("a", actors.Delivered, "")
	first := r.want("b", actors.Held, "cap")
	r.pass(30 * time.Minute)
	r.want("c", actors.Held, "cap")
	gone := r.want("d", actors.Held, "cap")
	if got := r.do(r.b.Retract(gone, actors.Once{}, r.moment())); got.Err != nil {
		t.Errorf("an item of an open digest can't be taken back: %v", got.Err)
	}
	if why, gathered, ok := r.b.Aside(first); !ok || !gathered || why != actors.Rule_CAP {
		t.Errorf("an item is known as %v, %v, %v", why, gathered, ok)
	}
	r.pass(30*time.Minute - time.Millisecond)
	if r.b.unread != 1 {
		t.Errorf("before the digest closes there are %d unread", r.b.unread)
	}
	r.pass(time.Millisecond)
	if r.b.unread != 2 || len(r.b.entries) != 2 {
		t.Fatalf("when the digest closes there are %d unread", r.b.unread)
	}
	got := string(r.content(r.b.entries[1].id).Content)
	if !strings.Contains(got, `"total":2}`) || !strings.Contains(got, `"title":"b"`) || !strings.Contains(got, `"title":"c"`) || strings.Contains(got, `"d"`) {
		t.Errorf("the digest is %s", got)
	}
	r.pass(2 * time.Hour)
	if r.b.unread != 2 {
		t.Errorf("a closed digest has come again: %d unread", r.b.unread)
	}
	r.want("e", actors.Held, "cap")
}

// TestDigestIsJudged: a digest closes without a message where all its items have expired, and
// where its user has refused meanwhile; it waits where the user is muted.
func TestDigestIsJudged(t *testing.T) {
	const policy = `{"caps":[{"max":1,"per":"24h"}],"on_capped":"digest","digest":{"key":"news","window":"1h"}}`
	for name, c := range map[string]struct {
		prefers *actors.Preferences
		expires bool
		want    string // that the user sees when the digest closes, and later
		later   string
	}{
		"expired":  {nil, true, "a", "a"},
		"switched": {&actors.Preferences{Channels: []*actors.ChannelPreference{{Channel: "inapp"}}}, false, "a", "a"},
		"muted":    {&actors.Preferences{MutedUntil: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC).UnixMilli()}, false, "a", "a,1 new message"},
		"neither":  {nil, false, "a,1 new message", "a,1 new message"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRuled(t, policy)
			r.want("a", actors.Delivered, "")
			r.publish("b", func(m *actors.Message) {
				if c.expires {
					m.ExpiresAt = r.now + 1000
				}
			})
			if c.prefers != nil {
				r.do(r.b.SetPreferences(&actors.SetPreferences{Preferences: c.prefers}, actors.Once{}, r.moment()))
			}
			r.pass(time.Hour)
			if got := r.titles(); got != c.want {
				t.Errorf("when it closes the user sees %s, want %s", got, c.want)
			}
			if r.b.Rules.Due() != actors.Never {
				t.Error("the digest is open still")
			}
			r.pass(3 * time.Hour)
			if got := r.titles(); got != c.later {
				t.Errorf("later the user sees %s, want %s", got, c.later)
			}
		})
	}
}

// TestStanding: who is denied gets nothing, neither of his own nor of what is broadcast.
func TestStanding(t *testing.T) {
	r := newRuled(t, `{"caps":[{"max":100,"per":"1h"}]}`)
	deny := &actors.SetStanding{Standing: &actors.Standing{Category: "promo", Reason: "asked for it", Until: r.now + 3600_000, By: "key:ops"}}
	r.want("a", actors.Delivered, "")
	if got := r.do(r.b.SetStanding(deny, actors.CallersOnce("c", "deny"), r.moment())); got.Err != nil {
		t.Fatal(got.Err)
	}
	if again := r.b.SetStanding(deny, actors.CallersOnce("c", "deny"), r.moment()); !again.Replayed {
		t.Error("the repeat is not known")
	}
	r.want("b", actors.Filtered, "deny")
	all := func(title string) {
		id := id(title, r.now)
		r.append(&actors.LogEntry{Kind: actors.LogKind_LOG_PUBLISHED, Audience: &actors.Audience{All: true},
			Message: &actors.Message{Id: id[:], Category: "promo", CreatedAt: r.now, Content: fmt.Appendf(nil, `"title":%q`, title)}})
		r.mergeUpTo(r.b, r.known.Head())
	}
	all("c")
	r.pass(time.Hour)
	all("d")
	r.want("e", actors.Delivered, "")
	if n := r.b.unread; n != 3 {
		t.Errorf("%d unread, want a, d, e", n)
	}
}

// viewRules shows what an inbox knows for its rules. What is too old to be asked for is not in
// it: a checkpoint forgets it.
func viewRules(b *Inbox, now int64) string {
	var s actors.Snapshot
	b.storeRules(&s)
	s.Asides = slices.DeleteFunc(s.Asides, func(a *actors.PutAside) bool { return a.At < now-asideAge })
	return s.String()
}

// TestErasedWithItsAsides: who is erased answers no longer for what rules have put aside.
func TestErasedWithItsAsides(t *testing.T) {
	r := newRuled(t, `{"caps":[{"max":1,"per":"24h"}]}`)
	shown := r.want("a", actors.Delivered, "")
	stopped := r.want("b", actors.Filtered, "cap")
	d := r.b.Erase(actors.Once{}, r.moment())
	_, w, err := r.b.Erased(d.Events[0], actors.EncodeEvent(nil, d.Events[0]), &r.limits)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []actors.ID{shown, stopped} {
		if !slices.Contains(w.Disown, id) {
			t.Errorf("the user who was erased still answers for %s", id)
		}
	}
}

// TestReleaseHasNoKey: what is stopped when it is released is known by its key once.
func TestReleaseHasNoKey(t *testing.T) {
	r := newRuled(t, `{"caps":[{"max":1,"per":"24h"}],"quiet_hours":{"from":"22:00","to":"08:00","zone":"UTC"}}`)
	r.now = time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC).UnixMilli()
	for _, title := range []string{"a", "b"} {
		name := id(title, r.now)
		m := &actors.Message{Id: name[:], Category: "promo", CreatedAt: r.now, Policy: r.policy, Content: []byte(`"title":"x"`)}
		r.do(r.b.Publish(m, actors.EdgeOnce(name), r.moment(), &r.limits))
	}
	before := len(r.b.keys.edge)
	r.now += 10 * time.Hour.Milliseconds()
	if d := r.do(r.b.Expire(r.moment(), &r.limits)); len(d.Events) != 2 || len(r.b.keys.edge) != before {
		t.Errorf("%d events, and %d keys after %d", len(d.Events), len(r.b.keys.edge), before)
	}
}

// TestAsidesLeaveByTime: that a rule has put a message aside leaves the store by time, also
// where nothing happens to the user any more.
func TestAsidesLeaveByTime(t *testing.T) {
	r := newRuled(t, `{"caps":[{"max":1,"per":"24h"}]}`)
	r.want("a", actors.Delivered, "")
	stopped := r.want("b", actors.Filtered, "cap")
	r.now += asideAge
	r.sweep()
	if _, _, ok := r.b.Aside(stopped); !ok {
		t.Error("it has left before its time")
	}
	if due := r.b.SweepDue(&r.limits); due > r.now+r.limits.EraseWithin.Milliseconds() {
		t.Errorf("the next sweep is due in %v", time.Duration(due-r.now)*time.Millisecond)
	}
	r.now++
	if w := r.sweep(); !slices.Contains(w.Disown, stopped) {
		t.Error("the user answers for it still")
	}
	if _, _, ok := r.b.Aside(stopped); ok {
		t.Error("it is known still")
	}
}

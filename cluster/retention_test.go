package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
)

// pass lets time go by in steps, in each of which the timers fire and all that
// was woken goes back to sleep.
func pass(t *testing.T, n *cluster.Node, j *actorstest.Journal, clock *actorstest.Clock, d time.Duration) {
	t.Helper()
	const steps = 24
	for range steps {
		clock.Advance(d / steps)
		for quiet := 0; quiet < 3; quiet++ {
			time.Sleep(12 * time.Millisecond) // a look at the timers
			if j.Flush(); n.Awake() > 0 {
				quiet = 0
			}
		}
	}
}

// retentionNode is a node on a clock that goes when it is told to, where who
// has nothing to do sleeps at once.
func retentionNode(t *testing.T, j *actorstest.Journal) (*cluster.Node, *actorstest.Clock) {
	clock := actorstest.NewClock()
	return newNode(t, j, func(c *cluster.Config) { c.Now, c.Idle = clock.Now, 20*time.Millisecond }), clock
}

// TestSleepersAreSwept lets users whom nobody wakes have messages that nobody
// needs any more. Three quarters of EraseWithin (of which the last is the
// store's) after that moment nothing of them is stored, and what is needed is
// as it was.
func TestSleepersAreSwept(t *testing.T) {
	j := newJournal(t)
	n, clock := retentionNode(t, j)
	secret := func(user, what string) *actors.Message { return newMessage("secret of " + user + ", " + what) }
	users := names(8)
	kept := map[string]actors.ID{}
	for _, name := range users {
		retracted := ask(t, n, request(name, secret(name, "retracted")))
		ask(t, n, cmd(name, &actors.Retract{ID: retracted.ID}))
		edited := ask(t, n, request(name, secret(name, "edited")))
		ask(t, n, cmd(name, &actors.Edit{ID: edited.ID, Patch: []byte(`{"title":"after"}`)}))
		kept[name] = edited.ID
		for range 2 {
			m := secret(name, "collapsed")
			m.CollapseKey = "k"
			ask(t, n, request(name, m))
		}
		last := newMessage("last")
		last.CollapseKey = "k"
		ask(t, n, request(name, last))
		expired := secret(name, "expired")
		expired.ExpiresAt = clock.Now() + 1000
		ask(t, n, request(name, expired))
		scheduled := secret(name, "taken back before it was due")
		scheduled.SendAt = clock.Now() + (100 * time.Hour).Milliseconds()
		ask(t, n, request(name, scheduled))
		ask(t, n, cmd(name, &actors.Retract{ID: actors.ID(scheduled.Id)}))
	}
	if !j.Contains("secret") {
		t.Fatal("the secrets were never stored: the test shows nothing")
	}
	before := map[string]string{}
	clock.Advance(2 * time.Second)
	for _, name := range users {
		before[name] = string(ask(t, n, cmd(name, &actors.Export{})).Body)
	}
	pass(t, n, j, clock, 12*time.Hour)
	if j.Contains("secret") {
		t.Error("half of the time has gone by, and a secret is still stored")
	}
	cursor := ask(t, n, cmd(users[0], &actors.Counts{})).Cursor
	if a := ask(t, n, cmd(users[0], &actors.Replay{After: actors.Cursor{Lineage: cursor.Lineage}, Limit: 100})); !strings.Contains(string(a.Body), `"type":"message"`) || strings.Contains(string(a.Body), `"reset"`) {
		t.Errorf("whoever comes back after 12 hours gets %s", a.Body)
	}
	pass(t, n, j, clock, 36*time.Hour)
	for _, name := range users {
		if got := string(ask(t, n, cmd(name, &actors.Export{})).Body); got != before[name] {
			t.Errorf("%s has\n%s, and had\n%s", name, got, before[name])
		}
		if got := j.Stored(user(name)); got != 2 {
			t.Errorf("%s has %d events, want those of the two messages", name, got)
		}
	}
	pass(t, n, j, clock, 31*24*time.Hour)
	for _, name := range users {
		if got := j.Stored(user(name)); got != 0 {
			t.Errorf("%s has %d events after all messages have aged out", name, got)
		}
	}
	if owners, _, wakes := j.Sizes(); owners+wakes > 0 {
		t.Errorf("%d owners and %d wake-ups are left of messages that are gone", owners, wakes)
	}
}

// TestIdleJournalsDoNotGrow holds that who has nothing to be swept is not woken.
func TestIdleJournalsDoNotGrow(t *testing.T) {
	j := newJournal(t)
	n, clock := retentionNode(t, j)
	for i, name := range names(20) {
		for k := range 1 + i%3 {
			publish(t, n, name, fmt.Sprint("message ", k))
		}
	}
	pass(t, n, j, clock, 48*time.Hour)
	before, loads := j.Writes(), 0
	for range 10 {
		pass(t, n, j, clock, 20*time.Minute)
		loads += n.Awake()
	}
	clock.Advance(27 * 24 * time.Hour)
	time.Sleep(50 * time.Millisecond)
	if got := j.Writes(); got != before || loads > 0 {
		t.Errorf("%d writes for idle users, who were woken %d times", got-before, loads)
	}
}

// TestSendsAreSwept lets what a send said go once nobody needs it, and the
// send with its funnel once no inbox can hold it.
func TestSendsAreSwept(t *testing.T) {
	j := newJournal(t)
	n, clock := retentionNode(t, j)
	users := names(30)
	send := func(title string, change func(*actors.Message)) (actors.Key, *actors.Message) {
		m := newMessage(title)
		m.CreatedAt = clock.Now()
		change(m)
		key := startSend(t, n, m, users)
		found(t, n, key, m, `"accepted":30`)
		return key, m
	}
	as := func(c actors.Command, key actors.Key) {
		t.Helper()
		r := actors.NewRequest(key, c)
		r.Once = actors.EdgeOnce(actors.NewID())
		ask(t, n, r)
	}
	plainKey, plain := send("plain", func(*actors.Message) {})
	retractedKey, retracted := send("secret, retracted", func(*actors.Message) {})
	as(&actors.Retract{ID: actors.ID(retracted.Id)}, retractedKey)
	editedKey, edited := send("secret, edited", func(*actors.Message) {})
	as(&actors.Edit{ID: actors.ID(edited.Id), Patch: []byte(`{"title":"secret, too"}`)}, editedKey)
	as(&actors.Edit{ID: actors.ID(edited.Id), Patch: []byte(`{"title":"after"}`)}, editedKey)
	expiredKey, expired := send("secret, expires", func(m *actors.Message) { m.ExpiresAt = clock.Now() + 1000 })
	if !j.Contains("secret") {
		t.Fatal("the secrets were never stored: the test shows nothing")
	}
	pass(t, n, j, clock, 13*time.Hour)
	if j.Contains("secret") {
		t.Error("half of the time has gone by, and a secret is still stored")
	}
	for range 2 { // as it was in memory, and as it is read again
		found(t, n, plainKey, plain, `"title":"plain"`)
		found(t, n, retractedKey, retracted, `"state":"retracted","recipients":30`)
		found(t, n, editedKey, edited, `"title":"after"`)
		found(t, n, expiredKey, expired, `"state":"expired","recipients":30,"funnel":{"accepted":30`)
		wait(t, "sleep", func() bool { return n.Awake() == 0 })
	}
	as(&actors.Edit{ID: actors.ID(edited.Id), Patch: []byte(`{"body":"still editable"}`)}, editedKey)
	found(t, n, editedKey, edited, `"title":"after","body":"still editable"`)
	wait(t, "the edit", func() bool {
		return strings.Contains(string(ask(t, n, cmd("user7", &actors.Export{})).Body), `"title":"after","body":"still editable"`)
	})
	pass(t, n, j, clock, 33*24*time.Hour)
	if owners, funnels, _ := j.Sizes(); owners+funnels > 0 {
		t.Errorf("%d owners and %d funnels are left of sends that nobody has", owners, funnels)
	}
	for _, key := range []actors.Key{plainKey, retractedKey, editedKey, expiredKey} {
		if got := j.Stored(key); got != 0 {
			t.Errorf("%s has %d events", key, got)
		}
	}
}

// TestRetainedIsSwept lets topics retain something else, nothing, and what
// expires: what was retained before leaves though nothing more comes.
func TestRetainedIsSwept(t *testing.T) {
	j := newJournal(t)
	n, clock := retentionNode(t, j)
	retain := func(topic, payload string, expires int64) {
		t.Helper()
		m := &actors.TopicMessage{App: actors.DefaultApp, Topic: topic, Payload: []byte(payload), Retain: true, At: clock.Now(), ExpiresAt: expires}
		ask(t, n, actors.NewRequest(actors.RetainedKey(m.App, topic), &actors.Retain{Message: m}))
	}
	for i := range 40 {
		topic := fmt.Sprint("t/", i)
		retain(topic, "secret", 0)
		switch i % 4 {
		case 0:
			retain(topic, "", 0)
		case 1:
			retain(topic, "kept", 0)
		case 2:
			retain(topic, "secret", clock.Now()+1000)
		case 3:
			retain(topic, "kept", clock.Now()+(1000*time.Hour).Milliseconds())
		}
	}
	pass(t, n, j, clock, 13*time.Hour)
	if j.Contains("secret") {
		t.Error("half of the time has gone by, and what was retained before is still stored")
	}
	for i := range 40 {
		topic := fmt.Sprint("t/", i)
		a := ask(t, n, actors.NewRequest(actors.RetainedKey(actors.DefaultApp, topic), &actors.Retained{Filter: topic}))
		if got, want := len(a.Messages), i%2; got != want {
			t.Errorf("%s retains %d messages, want %d", topic, got, want)
		}
	}
	before := j.Writes()
	pass(t, n, j, clock, 24*time.Hour)
	if got := j.Writes(); got != before {
		t.Errorf("%d writes though nothing is retained anew", got-before)
	}
}

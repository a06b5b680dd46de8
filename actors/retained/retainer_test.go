package retained_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// world is a node, and one actor of what topics retain.
type world struct {
	t       *testing.T
	journal *actorstest.Journal
	clock   *actorstest.Clock
	limits  actors.Limits
	node    *actorstest.Node
	key     actors.Key
}

func newWorld(t *testing.T, l actors.RetainedLimits) *world {
	w := &world{
		t: t, journal: actorstest.NewJournal(), clock: actorstest.NewClock(),
		limits: actors.Limits{RetainedLimits: l}, key: actors.RetainedShardKey(actors.DefaultApp, 1),
	}
	w.start()
	t.Cleanup(func() {
		w.node.Stop()
		w.journal.Close()
	})
	return w
}

func (w *world) start() {
	w.t.Helper()
	w.node = actorstest.NewNode(w.t, w.journal, w.clock, w.limits)
}

func (w *world) restart() {
	w.t.Helper()
	w.node.Stop()
	w.start()
}

func (w *world) ask(c actors.Command) (actors.Answer, *actors.Error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), actorstest.Patience)
	defer cancel()
	r := actors.NewRequest(w.key, c)
	if err := w.node.Ask(ctx, r); err != nil {
		return actors.Answer{}, actors.AsError(err)
	}
	return r.Answer, nil
}

func (w *world) retain(topic, payload string, with ...func(*actors.TopicMessage)) *actors.Error {
	w.t.Helper()
	m := &actors.TopicMessage{App: actors.DefaultApp, Topic: topic, Payload: []byte(payload), User: "alice", At: w.clock.Now()}
	for _, fn := range with {
		fn(m)
	}
	_, err := w.ask(&actors.Retain{Message: m})
	return err
}

// want holds that these are retained, «topic=payload», in the order of the topics.
func (w *world) want(filter string, want ...string) {
	w.t.Helper()
	a, err := w.ask(&actors.Retained{Filter: filter})
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, m := range a.Messages {
		got = append(got, m.Topic+"="+string(m.Payload))
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		w.t.Errorf("%s: got %v, want %v", filter, got, want)
	}
}

func (w *world) code(err *actors.Error, want actors.Code) {
	w.t.Helper()
	if err == nil && want != "" || err != nil && err.Code != want {
		w.t.Errorf("got %v, want %q", err, want)
	}
}

// TestRetains: a topic retains its last message, over crashes, until an empty one takes
// it away [MQTT-3.3.1-6].
func TestRetains(t *testing.T) {
	w := newWorld(t, actors.RetainedLimits{})
	for _, m := range [][2]string{{"b", "1"}, {"a/x", "2"}, {"b", "3"}, {"c", "4"}, {"c", ""}, {"none", ""}} {
		w.code(w.retain(m[0], m[1]), "")
	}
	for range 2 {
		w.want("#", "a/x=2", "b=3")
		w.want("b", "b=3")
		w.want("c")
		w.restart()
	}
	if n := w.journal.Stored(w.key); n != 5 {
		t.Errorf("%d events for five changes; taking away nothing is none", n)
	}
	w.node.Send(w.key, &actors.Passivate{})
	w.want("+", "b=3")
	if _, err := w.ask(&actors.Counts{}); err == nil || err.Code != actors.Internal {
		t.Errorf("what it can't do: got %v", err)
	}
}

// TestRetainedBounds: what is too large or too much is refused, and what was there stays;
// to take its own place a message needs no more room.
func TestRetainedBounds(t *testing.T) {
	w := newWorld(t, actors.RetainedLimits{Retained: 2 * actors.RetainedShards, RetainedBytes: 10})
	w.code(w.retain("a", "12345678901"), actors.TooLarge)
	w.code(w.retain("a", "1234567890"), "")
	w.code(w.retain("b", "1"), "")
	for n := 0; ; n++ {
		if err := w.retain(fmt.Sprint("c", n), "1"); err != nil {
			w.code(err, actors.TooMany)
			break
		}
		if n > 10 {
			t.Fatal("one user may retain without bound")
		}
	}
	w.code(w.retain("b", "2"), "")
	w.want("b", "b=2")
	w.code(w.retain("other", "1", func(m *actors.TopicMessage) { m.User = "bob" }), "")
	w.code(w.retain("a", ""), "") // makes room
	w.code(w.retain("new", "1"), "")
}

// TestSnapshots: the journal of what topics retain does not grow with the number of
// messages, and is read as it was.
func TestSnapshots(t *testing.T) {
	w := newWorld(t, actors.RetainedLimits{})
	for n := range 600 {
		w.code(w.retain("a", fmt.Sprint(n)), "")
	}
	w.journal.Flush()
	if n := w.journal.Stored(w.key); n > 256 {
		t.Errorf("%d events of one topic are kept", n)
	}
	w.restart()
	w.want("#", "a=599")
	w.code(w.retain("b", "1"), "") // goes on behind the snapshot
	w.restart()
	w.want("#", "a=599", "b=1")
}

// TestErased: what a topic retains no more leaves the disk within EraseWithin, whether
// it was replaced, has expired or is too old; also where the journal has no room when
// its time comes, but has later.
func TestErased(t *testing.T) {
	const day = 24 * time.Hour
	for name, busy := range map[string]bool{"at once": false, "when there is room": true} {
		for why, fn := range map[string]func(w *world){
			"replaced": func(w *world) { w.code(w.retain("a", "new"), "") },
			"expired":  func(w *world) {},
			"too old":  func(w *world) { w.clock.Advance(30 * day) },
		} {
			t.Run(why+" "+name, func(t *testing.T) {
				w := newWorld(t, actors.RetainedLimits{RetainedAge: 20 * day})
				w.code(w.retain("a", "secret", func(m *actors.TopicMessage) {
					if why == "expired" {
						m.ExpiresAt = w.clock.Now() + time.Hour.Milliseconds()
					}
				}), "")
				fn(w)
				w.code(w.retain("b", "stays"), "")
				w.clock.Advance(time.Hour)
				if !w.journal.Contains("secret") {
					t.Fatal("it is not there to begin with")
				}
				if busy {
					w.clock.Advance(day - 2*time.Hour)
					w.journal.Refuse(actors.Errorf(actors.Busy, "full"))
					w.node.Fire()
					w.want("b", "b=stays") // it has had its turn
					w.journal.Refuse(nil)
				}
				w.clock.Advance(day - 2*time.Hour)
				w.node.Fire()
				w.want("b", "b=stays")
				w.journal.Flush()
				if w.journal.Contains("secret") {
					t.Error("it is on the disk still")
				}
				w.restart()
				w.want("b", "b=stays")
			})
		}
	}
}

// TestJournalFails: what may be lost is not acknowledged, and not told afterwards.
func TestJournalFails(t *testing.T) {
	w := newWorld(t, actors.RetainedLimits{})
	w.code(w.retain("a", "1"), "")
	w.journal.Refuse(actors.Errorf(actors.Busy, "full"))
	w.code(w.retain("a", "2"), actors.Busy)
	w.want("#", "a=1")
	w.journal.Refuse(nil)
	w.journal.Fail(fmt.Errorf("broken"))
	w.code(w.retain("a", "3"), actors.Unavailable)
	w.want("#", "a=1")
	w.journal.Flush()
	w.restart()
	w.journal.Unreadable(fmt.Errorf("broken"))
	_, err := w.ask(&actors.Retained{Filter: "#"})
	w.code(err, actors.Unavailable)
	w.want("#", "a=1") // it is read again
}

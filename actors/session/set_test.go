package session

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"reddot/actors"
)

// view returns a copy in which equal states are deeply equal.
func (s *Set) view() Set {
	v := Set{next: s.next, held: map[uint64]int{}}
	for seq, n := range s.held {
		v.held[seq] = n
	}
	for y := s.Yielded; y != nil; y = y.Next {
		c := *y
		c.Publishing, c.Next = false, v.Yielded
		v.Yielded = &c
	}
	for _, t := range s.List {
		c := *t
		c.subs, c.inflight = append([]subscription{}, t.subs...), append([]inflight{}, t.inflight...)
		c.queue, c.incoming = append([]queued{}, t.queue...), append([]incoming{}, t.incoming...)
		c.Publishing, c.Offering, c.Offered = false, false, false
		v.List = append(v.List, &c)
	}
	v.RearmLapse()
	return v
}

// A journal numbers what a Set decides, and applies it.
type journal struct {
	t        *testing.T
	set      Set
	seq      uint64
	now      int64
	messages map[uint64]bool // the events that hold topics' messages
}

func newJournal(t *testing.T) *journal {
	return &journal{t: t, seq: 10, now: 1_000_000, messages: map[uint64]bool{}}
}

func (j *journal) moment() actors.Moment { return actors.Moment{Now: j.now} }

// change applies a change, and frees what nobody needs.
func (j *journal) change(c *actors.SessionChange) {
	j.t.Helper()
	if c == nil {
		return
	}
	j.seq++
	freed, _ := j.set.Apply(&actors.Event{Seq: j.seq, Kind: actors.Kind_SESSION, At: j.now, Session: c})
	for _, seq := range freed {
		if !j.messages[seq] {
			j.t.Fatalf("event %d is freed twice, or holds no message", seq)
		}
		delete(j.messages, seq)
	}
	j.check()
}

// open opens a session, as a connection does.
func (j *journal) open(c *actors.OpenSession, l actors.Limits) []*actors.Will {
	j.t.Helper()
	change, wills, err := j.set.Open(c, j.moment(), &l, false, time.Second, 7)
	if err != nil {
		j.t.Fatal(err)
	}
	j.change(change)
	return wills
}

// queue queues a topic's message, and returns how many sessions had no room.
func (j *journal) queue(m *actors.TopicMessage, l actors.Limits) (left int) {
	j.t.Helper()
	queue, left := j.set.Queue(&actors.QueueMessage{Message: m}, "alice", &l, false)
	if len(queue) > 0 {
		j.seq++
		j.messages[j.seq] = true
		j.set.ApplyQueued(&actors.Event{Seq: j.seq, Kind: actors.Kind_QUEUED, At: j.now, Topic: m, Queue: queue})
	}
	j.check()
	return left
}

// check holds that the state is the one that a snapshot of it gives, and that as
// many events are held as are needed.
func (j *journal) check() {
	j.t.Helper()
	list, wills := j.set.Stored()
	var again Set
	again.Restore(list, wills)
	if got, want := again.view(), j.set.view(); !reflect.DeepEqual(got, want) {
		j.t.Fatalf("after event %d a snapshot gives\n%+v, want\n%+v", j.seq, got, want)
	}
	if held := slices.Sorted(j.set.Events()); len(held) != len(j.messages) {
		j.t.Fatalf("events %v are held, and %v are needed", held, j.messages)
	}
}

var limits = actors.Limits{SessionLimits: actors.SessionLimits{Sessions: 3, SessionMessages: 4, SessionBytes: 100, SessionsBytes: 250, SessionsOfApp: 10}}

func (j *journal) subscribe(client string, subs ...*actors.Subscription) {
	j.t.Helper()
	j.change(&actors.SessionChange{Client: client, Set: subs})
}

// waiting returns which messages are queued for a session: how many events ago
// each came, and with which QoS.
func (j *journal) waiting(client string) (list []string) {
	for _, w := range j.set.Find(client).Stored().Waiting {
		list = append(list, fmt.Sprintf("-%d qos %d", j.seq-w.Seq, w.Qos))
	}
	return list
}

// TestQueue holds which messages are queued for a session, and with what.
func TestQueue(t *testing.T) {
	for _, test := range []struct {
		name string
		sub  *actors.Subscription
		m    *actors.TopicMessage
		qos  uint32 // 0: it is not queued
		keep bool   // the retain flag
	}{
		{"the lower QoS", &actors.Subscription{Filter: "a/+", Qos: 2}, &actors.TopicMessage{Topic: "a/b", Qos: 1}, 1, false},
		{"the subscription's QoS", &actors.Subscription{Filter: "a/#", Qos: 1}, &actors.TopicMessage{Topic: "a/b", Qos: 2}, 1, false},
		{"QoS 0 of the subscription", &actors.Subscription{Filter: "a/b", Qos: 0}, &actors.TopicMessage{Topic: "a/b", Qos: 2}, 0, false},
		{"QoS 0 of the message", &actors.Subscription{Filter: "a/b", Qos: 2}, &actors.TopicMessage{Topic: "a/b"}, 0, false},
		{"another topic", &actors.Subscription{Filter: "a/b", Qos: 2}, &actors.TopicMessage{Topic: "a/c", Qos: 2}, 0, false},
		{"its own, and not wanted", &actors.Subscription{Filter: "#", Qos: 1, NoLocal: true}, &actors.TopicMessage{Topic: "a", Qos: 1, User: "alice", Client: "c"}, 0, false},
		{"its own, and wanted", &actors.Subscription{Filter: "#", Qos: 1}, &actors.TopicMessage{Topic: "a", Qos: 1, User: "alice", Client: "c"}, 1, false},
		{"another user's client of the name", &actors.Subscription{Filter: "#", Qos: 1, NoLocal: true}, &actors.TopicMessage{Topic: "a", Qos: 1, User: "bob", Client: "c"}, 1, false},
		{"a share is not general", &actors.Subscription{Filter: "$share/g/a", Qos: 1}, &actors.TopicMessage{Topic: "a", Qos: 1}, 0, false},
		{"the retain flag goes", &actors.Subscription{Filter: "a", Qos: 1}, &actors.TopicMessage{Topic: "a", Qos: 1, Retain: true}, 1, false},
		{"the retain flag stays", &actors.Subscription{Filter: "a", Qos: 1, AsPublished: true}, &actors.TopicMessage{Topic: "a", Qos: 1, Retain: true}, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := newJournal(t)
			j.open(&actors.OpenSession{Client: "c", Expiry: 1000}, limits)
			j.subscribe("c", test.sub)
			j.queue(test.m, limits)
			list := j.set.Find("c").Stored().Waiting
			if got := len(list) == 1; got != (test.qos > 0) {
				t.Fatalf("%d messages are queued", len(list))
			}
			if len(list) == 1 && (list[0].Qos != test.qos || list[0].Retain != test.keep) {
				t.Errorf("got QoS %d, retain %v; want %d, %v", list[0].Qos, list[0].Retain, test.qos, test.keep)
			}
		})
	}
}

// TestQueueOfAll brings one message by two subscriptions once, with the higher QoS
// and both identifiers [MQTT-3.3.4-4].
func TestQueueOfAll(t *testing.T) {
	j := newJournal(t)
	j.open(&actors.OpenSession{Client: "c", Expiry: 1000}, limits)
	j.subscribe("c", &actors.Subscription{Filter: "a/+", Qos: 1, Id: 3}, &actors.Subscription{Filter: "a/b", Qos: 2, Id: 4})
	j.queue(&actors.TopicMessage{Topic: "a/b", Qos: 2}, limits)
	list := j.set.Find("c").Stored().Waiting
	if len(list) != 1 || list[0].Qos != 2 || !slices.Equal(list[0].Ids, []uint32{3, 4}) {
		t.Errorf("got %v", list)
	}
	if a := j.set.Arrived; len(a) != 1 || a[0].Client != "c" {
		t.Errorf("told: %v", a)
	}
}

// TestBounds fills the queue of one session, and those of all.
func TestBounds(t *testing.T) {
	j := newJournal(t)
	for _, c := range []string{"a", "b", "c"} {
		j.open(&actors.OpenSession{Client: c, Expiry: 1000}, limits)
		j.subscribe(c, &actors.Subscription{Filter: c, Qos: 1}, &actors.Subscription{Filter: "all", Qos: 1})
	}
	if _, _, err := j.set.Open(&actors.OpenSession{Client: "d", Expiry: 1}, j.moment(), &limits, false, 0, 7); err == nil || err.Code != actors.TooMany {
		t.Errorf("a fourth session: %v", err)
	}
	if _, _, err := new(Set).Open(&actors.OpenSession{Client: "d", Expiry: 1}, j.moment(), &limits, true, 0, 7); err == nil || err.Code != actors.TooMany {
		t.Errorf("in a crowded app: %v", err)
	}
	if change, _, err := j.set.Open(&actors.OpenSession{Client: "d"}, j.moment(), &limits, true, 0, 7); err != nil || change != nil {
		t.Errorf("one that ends with its connection: %v, %v", change, err)
	}
	payload := func(topic string, n int) *actors.TopicMessage {
		return &actors.TopicMessage{Topic: topic, Qos: 1, Payload: make([]byte, n)}
	}
	for i, test := range []struct {
		m    *actors.TopicMessage
		left int
	}{
		{payload("a", 60), 0}, {payload("a", 41), 1}, // bytes of one
		{payload("b", 1), 0}, {payload("b", 1), 0}, {payload("b", 1), 0}, {payload("b", 1), 0}, {payload("b", 1), 1}, // messages of one
		{payload("all", 40), 1}, // b has none; 60+40 and 40 fit
		{payload("c", 60), 0},
		{payload("all", 47), 3}, // 204 + 47 of all
	} {
		if left := j.queue(test.m, limits); left != test.left {
			t.Errorf("message %d: %d sessions have no room, want %d (%d bytes wait)", i, left, test.left, j.set.Size())
		}
	}
	if got := j.waiting("b"); len(got) != 4 {
		t.Errorf("b: %v", got)
	}
}

// TestInflight walks a message with QoS 2 through its handshake, each step twice: an
// event is freed once.
func TestInflight(t *testing.T) {
	j := newJournal(t)
	j.open(&actors.OpenSession{Client: "c", Expiry: 1000}, limits)
	j.subscribe("c", &actors.Subscription{Filter: "a", Qos: 2})
	j.queue(&actors.TopicMessage{Topic: "a", Qos: 2}, limits)
	seq := j.seq
	j.change(&actors.SessionChange{Client: "c", Sent: []*actors.Outgoing{{Id: 1, Seq: seq, Qos: 2}}})
	if s := j.set.Find("c").Stored(); len(s.Waiting) != 0 || len(s.Outgoing) != 1 || s.Outgoing[0].Released {
		t.Errorf("sent: %v", s)
	}
	for range 2 {
		j.change(&actors.SessionChange{Client: "c", Released: []uint32{1}})
	}
	if s := j.set.Find("c").Stored(); len(s.Outgoing) != 1 || !s.Outgoing[0].Released || len(j.messages) != 0 {
		t.Errorf("released: %v", s)
	}
	for range 2 {
		j.change(&actors.SessionChange{Client: "c", Done: []uint32{1}})
	}
	if s := j.set.Find("c").Stored(); len(s.Outgoing) != 0 {
		t.Errorf("done: %v", s)
	}
}

// TestOffers holds what others may take of a shared subscription's messages
// [MQTT-4.8.2-4] [MQTT-4.8.2-5].
func TestOffers(t *testing.T) {
	j := newJournal(t)
	j.open(&actors.OpenSession{Client: "c", Expiry: 1000}, limits)
	j.subscribe("c", &actors.Subscription{Filter: "$share/g/one", Qos: 1}, &actors.Subscription{Filter: "$share/g/two", Qos: 2}, &actors.Subscription{Filter: "own", Qos: 1})
	var seqs []uint64
	put := func(topic, share string, qos uint32) {
		queue, _ := j.set.Queue(&actors.QueueMessage{Message: &actors.TopicMessage{Topic: topic, Qos: qos}, Client: map[bool]string{true: "c"}[share != ""], Filter: share}, "alice", &limits, false)
		if len(queue) != 1 {
			t.Fatalf("%s is queued %d times", topic, len(queue))
		}
		j.seq++
		j.messages[j.seq] = true
		j.set.ApplyQueued(&actors.Event{Seq: j.seq, Queue: queue})
		seqs = append(seqs, j.seq)
	}
	put("one", "$share/g/one", 1)
	put("one", "$share/g/one", 1)
	put("two", "$share/g/two", 2)
	put("own", "", 1)
	j.change(&actors.SessionChange{Client: "c", Sent: []*actors.Outgoing{{Id: 1, Seq: seqs[0], Qos: 1, Share: "$share/g/one"}}})
	s := j.set.Find("c")
	var got [2][]uint64
	for i, ends := range []bool{false, true} {
		for _, o := range s.Offers(ends) {
			got[i] = append(got[i], o.Seq)
		}
	}
	if want := [2][]uint64{{seqs[1]}, {seqs[1], seqs[2], seqs[0]}}; !reflect.DeepEqual(got, want) {
		t.Errorf("offered while it is away, and when it ends: got %v, want %v", got, want)
	}
}

// TestOpenedAnew holds that what is under way ends with the epoch that it is of: nobody
// takes in any more what comes of it.
func TestOpenedAnew(t *testing.T) {
	j := newJournal(t)
	j.open(&actors.OpenSession{Client: "c", Expiry: 1000}, limits)
	s := j.set.Find("c")
	s.Publishing, s.Offering, s.Offered = true, true, true
	j.open(&actors.OpenSession{Client: "c", Expiry: 1000}, limits)
	if s.Publishing || s.Offering || s.Offered {
		t.Errorf("a will is on its way: %v; is offered: %v, was: %v", s.Publishing, s.Offering, s.Offered)
	}
}

// TestWill holds when a will is due, and when it is void.
func TestWill(t *testing.T) {
	for _, test := range []struct {
		name    string
		expiry  int64
		delay   uint32
		orderly bool
		due     int64 // after the close; -1: never
	}{
		{"at once", 60_000, 0, false, 0},
		{"after its delay", 60_000, 5, false, 5000},
		{"with the session's end", 3000, 5, false, 3000},
		{"never after a goodbye", 60_000, 0, true, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := newJournal(t)
			j.open(&actors.OpenSession{Client: "c", Expiry: test.expiry, Will: &actors.Will{Message: &actors.TopicMessage{Topic: "w"}, Delay: test.delay}}, limits)
			s := j.set.Find("c")
			j.change(s.Close(&actors.CloseSession{Client: "c", Orderly: test.orderly}, j.moment()))
			s = j.set.Find("c")
			if test.due < 0 {
				if s.Will != nil || s.WillAt != 0 {
					t.Errorf("it is due at %d", s.WillAt)
				}
				return
			}
			if got := s.WillAt - j.now; got != test.due || j.set.DueAt() != s.WillAt {
				t.Errorf("it is due after %d ms, want %d", got, test.due)
			}
			if ends := j.set.Expire(actors.Moment{Now: j.now + 1<<40}); len(ends) != 0 {
				t.Error("the session ends before its will is published")
			}
			j.change(&actors.SessionChange{Client: "c", Willed: true})
			if ends := j.set.Expire(actors.Moment{Now: j.now + test.expiry}); len(ends) != 1 || !ends[0].Ended {
				t.Errorf("the session does not end: %v", ends)
			}
		})
	}
}

// TestTakenOver lets a connection take a session over: the will of the one before
// waits for its goodbye (yielded.go), or is published, or stays.
func TestTakenOver(t *testing.T) {
	will := func(delay uint32) *actors.Will {
		return &actors.Will{Message: &actors.TopicMessage{Topic: "w"}, Delay: delay}
	}
	for _, test := range []struct {
		name          string
		delay         uint32
		clean, closed bool
		yields, wills int
	}{
		{"open", 0, false, false, 1, 0},
		{"open, and the new one is clean", 5, true, false, 1, 0},
		{"open, and the will waits", 5, false, false, 0, 0},
		{"closed, and the new one is clean", 5, true, true, 0, 1},
		{"closed, and the will waits", 5, false, true, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := newJournal(t)
			j.open(&actors.OpenSession{Client: "c", Expiry: 60_000, Will: will(test.delay)}, limits)
			epoch := j.set.Find("c").Epoch
			if test.closed {
				j.change(j.set.Find("c").Close(&actors.CloseSession{Client: "c"}, j.moment()))
			}
			wills := j.open(&actors.OpenSession{Client: "c", Expiry: 60_000, Clean: test.clean}, limits)
			if j.set.Yields() != test.yields || len(wills) != test.wills {
				t.Fatalf("%d yield and %d are published; want %d, %d", j.set.Yields(), len(wills), test.yields, test.wills)
			}
			if test.yields == 0 {
				return
			}
			if y := j.set.YieldedAt(epoch); y == nil || y.At != j.now+1000 || j.set.DueAt() != y.At {
				t.Errorf("it waits as %+v", y)
			}
			j.change(&actors.SessionChange{Client: "c", Settled: epoch})
			if j.set.Yields() != 0 {
				t.Error("it still waits")
			}
		})
	}
}

// TestLapse lets messages expire that wait for a session which is away, and for one
// that is not.
func TestLapse(t *testing.T) {
	j := newJournal(t)
	for _, c := range []string{"away", "here"} {
		j.open(&actors.OpenSession{Client: c, Expiry: 60_000}, limits)
		j.subscribe(c, &actors.Subscription{Filter: "a", Qos: 1})
	}
	j.queue(&actors.TopicMessage{Topic: "a", Qos: 1, ExpiresAt: j.now + 100}, limits)
	seq := j.seq
	j.queue(&actors.TopicMessage{Topic: "a", Qos: 1}, limits)
	j.change(j.set.Find("away").Close(&actors.CloseSession{Client: "away"}, j.moment()))
	if at := j.set.LapseAt(); at != j.now+100 {
		t.Errorf("the first expires at %d", at)
	}
	if drops := j.set.Lapse(actors.Moment{Now: j.now + 99}); drops != nil {
		t.Errorf("too early: %v", drops)
	}
	drops := j.set.Lapse(actors.Moment{Now: j.now + 100})
	if len(drops) != 1 || drops[0].Client != "away" || !slices.Equal(drops[0].Dropped, []uint64{seq}) {
		t.Fatalf("got %v", drops)
	}
	j.change(drops[0])
	if len(j.waiting("away")) != 1 || len(j.waiting("here")) != 2 {
		t.Errorf("away: %v, here: %v", j.waiting("away"), j.waiting("here"))
	}
}

// TestInterest holds what other nodes are told.
func TestInterest(t *testing.T) {
	j := newJournal(t)
	if i := j.set.Interest(); i.Any || i.Sessions != 0 {
		t.Errorf("of nobody: %+v", i)
	}
	for _, c := range []string{"a", "b"} {
		j.open(&actors.OpenSession{Client: c, Expiry: 1000}, limits)
		j.subscribe(c, &actors.Subscription{Filter: "x/+", Qos: 1}, &actors.Subscription{Filter: "never", Qos: 0}, &actors.Subscription{Filter: "$share/g/y", Qos: 1})
	}
	j.queue(&actors.TopicMessage{Topic: "x/1", Qos: 1, Payload: []byte("12345")}, limits)
	want := actors.Interest{Filters: []string{"x/+"}, Shares: []actors.SharedInterest{{Client: "a", Filter: "$share/g/y"}, {Client: "b", Filter: "$share/g/y"}}, Any: true, Sessions: 2, Size: 10}
	if got := j.set.Interest(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAtRandom lets sessions live at random. After each step a snapshot gives the
// same state, and what is held is what is needed (journal.check).
func TestAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	j := newJournal(t)
	for range 2000 {
		client := fmt.Sprint("c", rng.IntN(4))
		s := j.set.Find(client)
		j.now += int64(rng.IntN(300))
		switch op := rng.IntN(9); {
		case op == 0:
			change, _, err := j.set.Open(&actors.OpenSession{Client: client, Clean: rng.IntN(3) == 0, Expiry: int64(rng.IntN(3) * 1000)}, j.moment(), &limits, false, time.Second, uint64(7+rng.IntN(20)/19))
			if err == nil {
				j.change(change)
			}
		case op == 1 && s != nil && s.ClosedAt == 0:
			j.change(s.Close(&actors.CloseSession{Client: client}, j.moment()))
		case op == 2:
			for _, c := range append(j.set.Expire(j.moment()), j.set.Lapse(j.moment())...) {
				j.change(c)
			}
		case op <= 4:
			j.queue(&actors.TopicMessage{Topic: fmt.Sprint("t/", rng.IntN(2)), Qos: uint32(rng.IntN(3)), Payload: []byte("p"), ExpiresAt: j.now + int64(rng.IntN(3)*1000)}, limits)
		case s == nil:
		case op == 5:
			j.subscribe(client, &actors.Subscription{Filter: []string{"t/+", "t/1", "#"}[rng.IntN(3)], Qos: uint32(rng.IntN(3))})
		case op == 6 && len(s.queue) > 0:
			w := s.queue[0]
			j.change(&actors.SessionChange{Client: client, Sent: []*actors.Outgoing{{Id: uint32(1 + j.seq%60000), Seq: w.Seq, Qos: uint32(w.qos)}}})
		case op == 7 && len(s.inflight) > 0:
			j.change(&actors.SessionChange{Client: client, Released: []uint32{uint32(s.inflight[0].id)}})
		case op == 8 && len(s.inflight) > 0:
			j.change(&actors.SessionChange{Client: client, Done: []uint32{uint32(s.inflight[0].id)}})
		}
	}
	for len(j.set.List) > 0 {
		j.change(&actors.SessionChange{Client: j.set.List[0].Client, Ended: true})
	}
	if len(j.messages) != 0 {
		t.Errorf("%v are held for nobody", j.messages)
	}
}

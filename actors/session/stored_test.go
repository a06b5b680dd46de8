package session

import (
	"fmt"
	"slices"
	"testing"

	"reddot/actors"
)

// inboxClient opens a session that has subscribed to its user's inbox.
func inboxClient(j *journal, client string, subs ...*actors.Subscription) *Session {
	j.t.Helper()
	j.open(&actors.OpenSession{Client: client, Expiry: 1000}, limits)
	j.subscribe(client, subs...)
	return j.set.Find(client)
}

// Messages of the inbox wait for those who want them more than at most once, and are
// withdrawn with the message, unless they were sent. They hold no event: the inbox does.
func TestInboxMessagesWait(t *testing.T) {
	j := newJournal(t)
	inboxClient(j, "a", &actors.Subscription{Filter: "users/alice/messages", Qos: 1, Id: 3, Inbox: true}, &actors.Subscription{Filter: "users/alice/+", Qos: 2, Id: 4, Inbox: true})
	inboxClient(j, "b", &actors.Subscription{Filter: "users/alice/messages", Inbox: true})
	inboxClient(j, "c", &actors.Subscription{Filter: "#", Qos: 2})
	for seq := uint64(100); seq < 103; seq++ {
		j.set.Offer(seq, 7)
	}
	list := j.set.Find("a").Stored().Waiting
	if len(list) != 3 || list[0].Seq != 100 || list[0].Qos != 2 || !list[0].Inbox || list[0].Size != 7 || !slices.Equal(list[0].Ids, []uint32{3, 4}) {
		t.Errorf("a gets %v", list)
	}
	for _, client := range []string{"b", "c"} {
		if got := j.waiting(client); got != nil {
			t.Errorf("%s gets %v", client, got)
		}
	}
	if len(j.set.Arrived) != 3 || j.set.Size() != 0 {
		t.Errorf("%d have arrived, and hold %d bytes", len(j.set.Arrived), j.set.Size())
	}
	j.change(&actors.SessionChange{Client: "a", Sent: []*actors.Outgoing{{Id: 1, Seq: 100, Qos: 2, Inbox: true}}})
	j.set.Withdraw(100)
	j.set.Withdraw(102)
	s := j.set.Find("a").Stored()
	if len(s.Waiting) != 1 || s.Waiting[0].Seq != 101 || len(s.Outgoing) != 1 || !slices.Equal(s.Outgoing[0].Ids, []uint32{3, 4}) {
		t.Errorf("after two were withdrawn: %v", s)
	}
	j.change(&actors.SessionChange{Client: "a", Done: []uint32{1}, Dropped: []uint64{101}}) // nothing is freed: check says so
	if got := j.waiting("a"); got != nil {
		t.Errorf("at the end %v wait", got)
	}
}

// A client that knows the session of a store that is lost is sent what it may not
// have as if it never was: packet identifiers stand for something else there.
func TestSessionOfAnotherHistory(t *testing.T) {
	for _, test := range []struct {
		name     string
		origin   uint64 // of the store then
		requeued bool
	}{
		{"the same history", 7, false},
		{"another history", 8, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := newJournal(t)
			s := inboxClient(j, "c", &actors.Subscription{Filter: "t", Qos: 2, Id: 5})
			var seqs []uint64
			for range 3 {
				j.queue(&actors.TopicMessage{Topic: "t", Qos: 2}, limits)
				seqs = append(seqs, j.seq)
			}
			j.change(&actors.SessionChange{Client: "c",
				Sent:     []*actors.Outgoing{{Id: 1, Seq: seqs[1], Qos: 2}, {Id: 2, Seq: seqs[0], Qos: 2}},
				Released: []uint32{2}, Received: []*actors.Incoming{{Id: 9, Once: make([]byte, 16)}}})
			change, _, err := j.set.Open(&actors.OpenSession{Client: "c", Expiry: 1000}, j.moment(), &limits, false, 0, test.origin)
			if err != nil || s.FromOther(test.origin) != test.requeued {
				t.Fatal(err, s.FromOther(test.origin))
			}
			j.change(change)
			p := s.Stored()
			var waits []uint64
			for _, w := range p.Waiting {
				waits = append(waits, w.Seq)
			}
			want := []uint64{seqs[2]}
			if test.requeued {
				want = seqs[1:] // in their order; what was released the client has
			}
			if !slices.Equal(waits, want) || (len(p.Outgoing) == 0) != test.requeued || (len(p.Incoming) == 0) != test.requeued {
				t.Errorf("%v wait, want %v; outgoing %v, incoming %v", waits, want, p.Outgoing, p.Incoming)
			}
			if test.requeued && !slices.Equal(p.Waiting[0].Ids, []uint32{5}) {
				t.Errorf("it comes without its subscription's identifier: %v", p.Waiting[0])
			}
			// The client has not read CONNACK yet: until it answers it still is from before.
			if !s.FromOther(8) {
				t.Error("it is taken to have read what it was not sent")
			}
			j.change(&actors.SessionChange{Client: "c", Forgotten: []uint32{1}})
			if s.FromOther(test.origin) {
				t.Error("it has answered, and is still taken to be from elsewhere")
			}
		})
	}
}

// What a client sent with QoS 2 is known by its identifier until that is released; one
// that is used again stands for the new message.
func TestIncoming(t *testing.T) {
	j := newJournal(t)
	s := inboxClient(j, "c")
	key := func(b byte) []byte { return slices.Repeat([]byte{b}, 16) }
	j.change(&actors.SessionChange{Client: "c", Received: []*actors.Incoming{{Id: 1, Once: key(1)}, {Id: 2, Once: key(2)}}})
	j.change(&actors.SessionChange{Client: "c", Received: []*actors.Incoming{{Id: 1, Once: key(3)}}})
	text := func() string {
		var b []byte
		for _, n := range s.Stored().Incoming {
			b = fmt.Appendf(b, "%d:%d ", n.Id, n.Once[0])
		}
		return string(b)
	}
	if got := text(); got != "2:2 1:3 " {
		t.Errorf("got %s", got)
	}
	j.change(&actors.SessionChange{Client: "c", Forgotten: []uint32{2, 7}})
	if got := text(); got != "1:3 " {
		t.Errorf("after the release of 2: %s", got)
	}
}

// A subscription with the same filter replaces the one before, in its place; a session
// that is not there takes no change.
func TestSubscriptions(t *testing.T) {
	j := newJournal(t)
	s := inboxClient(j, "c", &actors.Subscription{Filter: "a", Qos: 1}, &actors.Subscription{Filter: "b", Qos: 2, NoLocal: true, AsPublished: true, Id: 3, Reads: true})
	j.subscribe("c", &actors.Subscription{Filter: "a", Qos: 0}, &actors.Subscription{Filter: "d"})
	j.change(&actors.SessionChange{Client: "c", Unset: []string{"d", "nothing"}})
	j.subscribe("nobody", &actors.Subscription{Filter: "a"})
	list := s.Stored().Subscriptions
	if len(list) != 2 || list[0].Filter != "a" || list[0].Qos != 0 || list[1].String() != (&actors.Subscription{Filter: "b", Qos: 2, NoLocal: true, AsPublished: true, Id: 3, Reads: true}).String() {
		t.Errorf("got %v", list)
	}
	if j.set.Find("nobody") != nil {
		t.Error("a change makes a session")
	}
}

// A connection that closes may say for how long its session is to live, and a will
// does not outlive that.
func TestCloseSaysExpiry(t *testing.T) {
	j := newJournal(t)
	j.open(&actors.OpenSession{Client: "c", Expiry: 60_000, Will: &actors.Will{Message: &actors.TopicMessage{Topic: "w"}, Delay: 30}}, limits)
	s := j.set.Find("c")
	short := int64(5000)
	j.change(s.Close(&actors.CloseSession{Client: "c", Expiry: &short}, j.moment()))
	if s.WillAt != j.now+short {
		t.Errorf("the will is due after %d ms", s.WillAt-j.now)
	}
	j.change(&actors.SessionChange{Client: "c", Willed: true})
	at := func(ms int64) actors.Moment { return actors.Moment{Now: j.now + ms} }
	if s.Over(at(short-1)) || !s.Over(at(short)) || j.set.DueAt() != j.now+short {
		t.Errorf("it ends after %d ms", j.set.DueAt()-j.now)
	}
	s.Offering = true // others are still asked whether they take what waits
	if ends := j.set.Expire(at(short)); ends != nil {
		t.Errorf("it ends meanwhile: %v", ends)
	}
}

// TestStateOfSessions holds what an operator is shown.
func TestStateOfSessions(t *testing.T) {
	j := newJournal(t)
	if got := string(j.set.AppendJSON([]byte("{"))); got != "{" {
		t.Errorf("of none: %s", got)
	}
	inboxClient(j, `a"`, &actors.Subscription{Filter: "t", Qos: 1})
	b := inboxClient(j, "b", &actors.Subscription{Filter: "t", Qos: 1})
	j.queue(&actors.TopicMessage{Topic: "t", Qos: 1}, limits)
	j.change(&actors.SessionChange{Client: "b", Sent: []*actors.Outgoing{{Id: 1, Seq: j.seq, Qos: 1}}, Received: []*actors.Incoming{{Id: 9, Once: make([]byte, 16)}}})
	j.change(b.Close(&actors.CloseSession{Client: "b"}, j.moment()))
	want := `{"seq":1,"sessions":[{"client":"a\"","connected":true,"subscriptions":1,"waiting":1,"outgoing":0,"incoming":0},` +
		`{"client":"b","connected":false,"subscriptions":1,"waiting":0,"outgoing":1,"incoming":1,"ends_at":"1970-01-01T00:16:41.000Z"}]`
	if got := string(j.set.AppendJSON([]byte(`{"seq":1`))); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

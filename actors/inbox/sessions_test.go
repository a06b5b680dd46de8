package inbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reddot/actors"
)

// TestSessionsAtRandom lets sessions open, subscribe, get, acknowledge, close
// and end at random. After each step the state is what the journal says
// (world.do), also with snapshots and deletions between.
func TestSessionsAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	x := sessionWalk{newWorld(t, actors.Limits{InboxLimits: actors.InboxLimits{RetainEvents: 20}, SessionLimits: actors.SessionLimits{Sessions: 3, SessionMessages: 5}}), rand.New(rand.NewPCG(seed, 0))}
	for range 3000 {
		x.step()
	}
	if x.b.seq < 1000 {
		t.Errorf("%d events: the walk has shown nothing", x.b.seq)
	}
	x.replayAll(x.rng.IntN(len(x.log)))
	// When all have ended, nothing is held.
	for len(x.b.Sessions.List) > 0 {
		r, _ := x.b.OpenSession(&actors.OpenSession{Client: x.b.Sessions.List[0].Client, Clean: true}, x.moment(), &x.limits, false, time.Second)
		x.do(r)
	}
	for x.b.Sessions.Yielded != nil {
		x.settle("c0", x.b.Sessions.Yielded.Epoch)
	}
	if held := slices.Collect(x.b.Sessions.Events()); len(held) > 0 {
		t.Errorf("%v is held for nobody", held)
	}
}

type sessionWalk struct {
	*world
	rng *rand.Rand
}

// settle lets a will wait no more for its client's goodbye.
func (x *sessionWalk) settle(client string, epoch uint64) {
	e, change := x.b.SessionEvent(client, x.moment())
	change.Settled = epoch
	x.do(Ready{Events: []*actors.Event{e}})
}

func (x *sessionWalk) step() {
	client := fmt.Sprint("c", x.rng.IntN(5))
	s := x.b.Sessions.Find(client)
	switch x.rng.IntN(12) {
	case 0:
		var will *actors.Will
		if x.rng.IntN(2) == 0 {
			will = &actors.Will{Message: &actors.TopicMessage{Topic: "gone", Payload: []byte("w")}, Delay: uint32(x.rng.IntN(3))}
		}
		r, _ := x.b.OpenSession(&actors.OpenSession{Client: client, Clean: x.rng.IntN(4) == 0, Expiry: int64(x.rng.IntN(3)) * 1000, Will: will}, x.moment(), &x.limits, false, time.Second)
		if r.Err == nil {
			x.do(r)
		}
	case 1:
		if y := x.b.Sessions.Yielded; y != nil && x.rng.IntN(2) == 0 {
			x.settle(client, y.Epoch)
		} else if s != nil && s.WillAt != 0 {
			e, change := x.b.SessionEvent(client, x.moment())
			change.Willed = true
			x.do(Ready{Events: []*actors.Event{e}})
		} else if s != nil {
			x.do(x.b.CloseSession(&actors.CloseSession{Client: client, Epoch: x.b.Token(s)}, x.moment()))
		}
	case 2:
		x.now += int64(x.rng.IntN(2000))
		if x.rng.IntN(10) == 0 { // the store has another history
			x.b.Origin = x.rng.Uint64()
		}
		x.do(x.b.Expire(x.moment(), &x.limits))
	case 3:
		if x.rng.IntN(10) == 0 {
			if x.rng.IntN(2) == 0 {
				x.sweep()
			} else {
				x.checkpoint()
			}
		}
	case 4, 5:
		n := id(fmt.Sprint(x.b.seq), x.now)
		x.do(x.b.Publish(&actors.Message{Id: n[:], Category: "a", CreatedAt: x.now, Content: []byte(`"title":"x"`)}, actors.EdgeOnce(n), x.moment(), &x.limits))
	case 6:
		if n := len(x.b.entries); n > 0 {
			x.do(x.b.Retract(x.b.entries[x.rng.IntN(n)].id, actors.Once{}, x.moment()))
		}
	case 7, 8:
		once := actors.Once{}
		if x.rng.IntN(2) == 0 {
			once = actors.Once{Key: id(fmt.Sprint(x.rng.IntN(1e6)), x.now), Digest: 1}
		}
		m := &actors.QueueMessage{Message: &actors.TopicMessage{Topic: fmt.Sprint("t/", x.rng.IntN(3)), Qos: uint32(1 + x.rng.IntN(2)), Payload: []byte("p"), ExpiresAt: x.now + int64(x.rng.IntN(3)*1000)}}
		r, _ := x.b.QueueMessage(m, "alice", once, x.moment(), &x.limits, false)
		x.do(r)
		if again, _ := x.b.QueueMessage(m, "alice", once, x.moment(), &x.limits, false); !once.IsZero() && len(r.Events) > 0 && len(again.Events) > 0 {
			x.t.Fatal("a message came twice under its key")
		}
	default:
		if s != nil && s.ClosedAt == 0 {
			x.do(x.b.ChangeSession(&actors.ChangeSession{Client: client, Epoch: x.b.Token(s), Change: x.change(s.Stored())}, x.moment()))
		}
	}
}

// change is what a connection may say of its session.
func (x *sessionWalk) change(s *actors.SessionState) *actors.SessionChange {
	c := &actors.SessionChange{}
	pick := func() int { return x.rng.IntN(len(s.Outgoing)) }
	switch op := x.rng.IntN(7); {
	case op == 0:
		f := []string{"t/+", "t/1", "$share/g/t/2", "users/me/messages"}[x.rng.IntN(4)]
		c.Set = []*actors.Subscription{{Filter: f, Qos: uint32(x.rng.IntN(3)), Inbox: f[0] == 'u', Id: uint32(x.rng.IntN(2))}}
	case op == 1 && len(s.Subscriptions) > 0:
		c.Unset = []string{s.Subscriptions[x.rng.IntN(len(s.Subscriptions))].Filter}
	case op <= 3 && len(s.Waiting) > 0:
		w := s.Waiting[0]
		for n := uint32(1); ; n++ {
			if !slices.ContainsFunc(s.Outgoing, func(o *actors.Outgoing) bool { return o.Id == n }) {
				c.Sent = []*actors.Outgoing{{Id: n, Seq: w.Seq, Qos: w.Qos, Inbox: w.Inbox}}
				return c
			}
		}
	case op == 4 && len(s.Outgoing) > 0:
		c.Released = []uint32{s.Outgoing[pick()].Id}
	case op == 5 && len(s.Outgoing) > 0:
		c.Done = []uint32{s.Outgoing[pick()].Id}
	case op == 6 && len(s.Waiting) > 0 && x.rng.IntN(3) == 0:
		c.Dropped = []uint64{s.Waiting[0].Seq}
	case len(s.Incoming) > 2:
		c.Forgotten = []uint32{s.Incoming[0].Id}
	default:
		key := id(fmt.Sprint(x.b.seq), x.now)
		c.Received = []*actors.Incoming{{Id: uint32(1 + x.rng.IntN(5)), Once: key[:]}}
	}
	return c
}

// In another history of the store a session keeps what it subscribes to and all
// that its client may not have, and no packet identifier.
func TestSessionOfALostHistory(t *testing.T) {
	x := newWorld(t, actors.Limits{InboxLimits: actors.InboxLimits{RetainEvents: 20}, SessionLimits: actors.SessionLimits{Sessions: 3, SessionMessages: 5}})
	x.b.Origin = 1 << 40
	open := func() *actors.SessionState {
		r, _ := x.b.OpenSession(&actors.OpenSession{Client: "c", Expiry: 1000}, x.moment(), &x.limits, false, time.Second)
		x.do(r)
		return x.b.Sessions.Find("c").Stored()
	}
	open()
	token := func() uint64 { return x.b.Token(x.b.Sessions.Find("c")) }
	change := func(c *actors.SessionChange) {
		x.do(x.b.ChangeSession(&actors.ChangeSession{Client: "c", Epoch: token(), Change: c}, x.moment()))
	}
	change(&actors.SessionChange{Set: []*actors.Subscription{{Filter: "t/+", Qos: 2}}})
	for range 4 {
		r, _ := x.b.QueueMessage(&actors.QueueMessage{Message: &actors.TopicMessage{Topic: "t/1", Qos: 2, Payload: []byte("p")}}, "alice", actors.Once{}, x.moment(), &x.limits, false)
		x.do(r)
	}
	first := x.b.Sessions.Find("c").Stored().Waiting[0].Seq
	key := id("in", x.now)
	change(&actors.SessionChange{Received: []*actors.Incoming{{Id: 7, Once: key[:]}}, Sent: []*actors.Outgoing{
		{Id: 2, Seq: first + 1, Qos: 2}, {Id: 1, Seq: first, Qos: 2}, {Id: 3, Seq: first + 2, Qos: 2},
	}})
	change(&actors.SessionChange{Released: []uint32{3}})
	if again := open(); len(again.Outgoing) != 3 || len(again.Incoming) != 1 {
		t.Errorf("in the same history: %+v", again)
	}
	lost := token()
	x.b.Origin = 1 << 41
	if r := x.b.ChangeSession(&actors.ChangeSession{Client: "c", Epoch: lost, Change: &actors.SessionChange{Done: []uint32{1}}}, x.moment()); r.Err == nil || r.Err.Code != actors.NotFound {
		t.Errorf("a connection of the lost history: got %v", r.Err)
	}
	s := open()
	var seqs []uint64
	for i := range s.Waiting {
		seqs = append(seqs, s.Waiting[i].Seq)
	}
	if want := []uint64{first, first + 1, first + 3}; !slices.Equal(seqs, want) || len(s.Outgoing)+len(s.Incoming) > 0 || len(s.Subscriptions) != 1 {
		t.Errorf("waiting: got %v, want %v; %+v", seqs, want, s)
	}
	// Until the client has answered, it may not have read that it is another one.
	change(&actors.SessionChange{Sent: []*actors.Outgoing{{Id: 9, Seq: first, Qos: 2}}})
	if s = open(); len(s.Outgoing) != 0 || len(s.Waiting) != 3 {
		t.Errorf("before an answer: %+v", s)
	}
	change(&actors.SessionChange{Sent: []*actors.Outgoing{{Id: 9, Seq: first, Qos: 2}}, Released: []uint32{9}})
	if s = open(); len(s.Outgoing) != 1 || len(s.Waiting) != 2 {
		t.Errorf("after an answer: %+v", s)
	}
}

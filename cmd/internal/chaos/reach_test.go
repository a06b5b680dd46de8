package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// A heard is a good history in the making, of a user to whom others broadcast.
type heard struct {
	*UserHistory
	rng  *rand.Rand
	b    inbox
	now  time.Duration
	seq  uint64
	live []int // indexes of the broadcasts in Log.Ops that are not over
	has  map[string]bool
}

// broadcastTo returns a history as a Reddot without a fault would make it.
func broadcastTo(seed uint64) *UserHistory {
	x := &heard{rng: rand.New(rand.NewPCG(seed, 0)), has: make(map[string]bool),
		UserHistory: &UserHistory{User: "alice", Log: &LogHistory{}, Numbers: map[string]int{}, Views: []*View{{Name: "a"}, {Name: "b"}}, Devices: []*Device{{Name: "device", Since: 1}}}}
	for _, v := range x.Views {
		v.Observations = append(v.Observations, Observation{Transport: sse, Type: "counts"})
	}
	x.now = time.Millisecond
	x.publish()
	for range 150 {
		x.now += 10 * time.Millisecond
		switch x.rng.IntN(6) {
		case 0:
			x.publish()
		case 1, 2:
			x.say()
		case 3:
			x.change()
		case 4:
			x.mark()
		case 5:
			x.follow()
		}
	}
	for n, text := range x.Bodies {
		if state := x.b.messages[n]; state != absent {
			id := fmt.Sprint("id ", n)
			for _, e := range x.Log.Entries {
				if e.ID == id {
					text = e.Body
				}
			}
			x.Inbox = append(x.Inbox, Message{id, text, map[byte]string{unseen: "unseen", seen: "seen", read: "read"}[state]})
		}
	}
	for t, is := range x.has {
		if is {
			x.Topics = append(x.Topics, t)
		}
	}
	x.Finals = []Tally{x.b.tally, x.b.tally}
	return x.UserHistory
}

// does lets a change happen to the user, and clients see it.
func (x *heard) does(k Kind, number int, g Observation) {
	after, ok := x.b.apply(k, number)
	if !ok {
		panic("the model refuses what the test does")
	}
	x.b = after
	g.Transport, g.Lineage, g.Seq, g.Pos, g.Tally, g.IDs = sse, 7, x.seq, uint64(len(x.Log.Entries)), after.tally, []string{fmt.Sprint("id ", number)}
	for _, v := range x.Views {
		v.Observations = append(v.Observations, g)
	}
	if g.Type == "message" {
		x.Devices[0].IDs = append(x.Devices[0].IDs, g.IDs...)
	}
}

func (x *heard) journal(e Entry) {
	x.seq++
	e.Seq, e.Rev, e.Pos = x.seq, x.b.tally.Rev, uint64(len(x.Log.Entries))
	x.Journal = append(x.Journal, e)
}

func (x *heard) publish() {
	n := len(x.Bodies)
	x.Bodies = append(x.Bodies, fmt.Sprint("own ", n))
	x.seq++
	x.does(Publish, n, Observation{Type: "message"})
	x.seq--
	x.journal(Entry{Kind: "accepted", IDs: []string{fmt.Sprint("id ", n)}, State: "unseen"})
	x.Ops = append(x.Ops, Op{Kind: Publish, Message: n, ID: fmt.Sprint("id ", n), Call: x.now, Return: x.now + time.Millisecond, Answered: true, Rev: x.b.tally.Rev, Tally: x.b.tally})
}

func (x *heard) say() {
	n := len(x.Bodies)
	id, text := fmt.Sprint("id ", n), fmt.Sprint("broadcast ", n)
	x.Bodies = append(x.Bodies, "")
	x.Numbers[id] = n
	op := Broadcast{Change: Published, ID: id, Body: text, Call: x.now, Return: x.now + time.Millisecond, Answered: true}
	if x.rng.IntN(2) == 0 {
		op.Topic = topics[x.rng.IntN(len(topics))]
	}
	x.live = append(x.live, len(x.Log.Ops))
	x.Log.Ops = append(x.Log.Ops, op)
	x.Log.Entries = append(x.Log.Entries, LogEntry{Pos: uint64(len(x.Log.Entries)) + 1, Kind: Published, ID: id, Topic: op.Topic, Body: text})
	if op.Topic == "" || x.has[op.Topic] {
		x.does(shows, n, Observation{Type: "message"})
	} else {
		x.b, _ = x.b.apply(Seen, n) // it has its number
	}
}

// change edits a broadcast, or takes it back.
func (x *heard) change() {
	if len(x.live) == 0 {
		return
	}
	i := x.rng.IntN(len(x.live))
	first := x.Log.Ops[x.live[i]]
	op := Broadcast{Change: Edited, ID: first.ID, Body: first.Body + fmt.Sprint(" edited ", x.now), Call: x.now, Return: x.now + time.Millisecond, Answered: true}
	k, told := recasts, "update"
	if x.rng.IntN(2) == 0 {
		op.Change, op.Body, k, told = Retracted, "", withdraws, "retract"
		x.live = slices.Delete(x.live, i, i+1)
	}
	x.Log.Ops = append(x.Log.Ops, op)
	x.Log.Entries = append(x.Log.Entries, LogEntry{Pos: uint64(len(x.Log.Entries)) + 1, Kind: op.Change, ID: op.ID, Topic: first.Topic, Body: op.Body})
	if n := x.Numbers[op.ID]; x.b.messages[n] != absent {
		x.does(k, n, Observation{Type: told})
	}
}

// mark reads a message; one that is not there is said to be missing.
func (x *heard) mark() {
	n := x.rng.IntN(len(x.Bodies))
	op := Op{Kind: Read, Message: n, Call: x.now, Return: x.now + time.Millisecond, Answered: true}
	switch was := x.b.messages[n]; was {
	case absent:
		op.Missing = true
	case read:
		op.Rev, op.Tally = x.b.tally.Rev, x.b.tally
	default:
		x.seq++
		x.does(Read, n, Observation{Type: "state", State: "read"})
		x.seq--
		x.journal(Entry{Kind: "marked", IDs: []string{fmt.Sprint("id ", n)}, State: "read"})
		op.Rev, op.Tally = x.b.tally.Rev, x.b.tally
	}
	x.Ops = append(x.Ops, op)
}

func (x *heard) follow() {
	t := topics[x.rng.IntN(len(topics))]
	x.Follows = append(x.Follows, FollowOp{Topic: t, Stop: x.has[t], Call: x.now, Return: x.now + time.Millisecond, Answered: true})
	e := Entry{Kind: "profile", Followed: []string{t}}
	if x.has[t] {
		e.Followed, e.Unfollowed = nil, e.Followed
	}
	x.has[t] = !x.has[t]
	x.journal(e)
	value := fmt.Sprint(x.now)
	x.Profile = append(x.Profile, ProfileOp{Value: value, Call: x.now, Return: x.now + 1, Answered: true}, ProfileOp{Read: true, Value: value, Call: x.now + 2, Return: x.now + 3, Answered: true})
}

func checkAll(h *UserHistory) []error { return append(Check(h, time.Minute), checkLog(h.Log)...) }

func TestGoodBroadcastsPass(t *testing.T) {
	for seed := range uint64(20) {
		if errs := checkAll(broadcastTo(seed)); len(errs) > 0 {
			t.Errorf("seed %d: %v", seed, errs)
		}
	}
}

// later appends an entry to the log that was published after all else.
func later(h *UserHistory, topic string) {
	h.Log.Ops = append(h.Log.Ops, Broadcast{Change: Published, ID: "late", Topic: topic, Body: "late", Call: time.Hour, Return: time.Hour + 1, Answered: true})
	h.Log.Entries = append(h.Log.Entries, LogEntry{Pos: uint64(len(h.Log.Entries)) + 1, Kind: Published, ID: "late", Topic: topic, Body: "late"})
}

// shown returns the place among a view's observations of a broadcast that stays.
func shown(h *UserHistory, v *View) int {
	return slices.IndexFunc(v.Observations, func(g Observation) bool {
		return g.Type == "message" && h.Numbers[g.IDs[0]] != 0 && slices.ContainsFunc(h.Inbox, func(m Message) bool { return m.ID == g.IDs[0] })
	})
}

// reachMutations are what a server may do wrong with what is broadcast, each by itself.
var reachMutations = []struct {
	name string
	want string // in one of the errors
	do   func(h *UserHistory, rng *rand.Rand)
}{
	{"a broadcast never comes", "counts at the end", func(h *UserHistory, _ *rand.Rand) { later(h, "") }},
	{"a broadcast is missing in the inbox", "not in the inbox", func(h *UserHistory, _ *rand.Rand) {
		h.Inbox = slices.DeleteFunc(h.Inbox, func(m Message) bool { return strings.HasPrefix(m.Body, "broadcast") })
	}},
	{"an old content at the end", "by the log", func(h *UserHistory, _ *rand.Rand) {
		i := slices.IndexFunc(h.Inbox, func(m Message) bool { return strings.HasPrefix(m.Body, "broadcast") })
		h.Inbox[i].Body += " of old"
	}},
	{"an acknowledged broadcast is not in the log", "is not in it", func(h *UserHistory, _ *rand.Rand) {
		h.Log.Ops = append(h.Log.Ops, Broadcast{Change: Published, ID: "x", Body: "x", Call: time.Hour, Return: time.Hour, Answered: true})
	}},
	{"an acknowledged retraction is not in the log", "is not in it", func(h *UserHistory, _ *rand.Rand) {
		h.Log.Ops = append(h.Log.Ops, Broadcast{Change: Retracted, ID: h.Log.Entries[0].ID + "x", Call: time.Hour, Return: time.Hour, Answered: true})
	}},
	{"a broadcast is done twice", "once more", func(h *UserHistory, _ *rand.Rand) {
		e := h.Log.Entries[0]
		e.Pos, e.ID = uint64(len(h.Log.Entries))+1, "another"
		h.Log.Entries = append(h.Log.Entries, e)
	}},
	{"the log has a gap", "stands where", func(h *UserHistory, rng *rand.Rand) {
		i := 3 + rng.IntN(5)
		h.Log.Entries = slices.Delete(h.Log.Entries, i, i+1)
	}},
	{"the log is out of order", "which had returned", func(h *UserHistory, _ *rand.Rand) {
		h.Log.Ops[0].Call, h.Log.Ops[0].Return = time.Hour, time.Hour
	}},
	{"what is over is edited", "which is over", func(h *UserHistory, _ *rand.Rand) {
		i := slices.IndexFunc(h.Log.Entries, func(e LogEntry) bool { return e.Kind == Retracted })
		h.Log.Entries = append(h.Log.Entries, LogEntry{Pos: uint64(len(h.Log.Entries)) + 1, Kind: Edited, ID: h.Log.Entries[i].ID})
	}},
	{"a follow is lost", "the last that was acknowledged", func(h *UserHistory, _ *rand.Rand) {
		h.Follows = append(h.Follows, FollowOp{Topic: "quiet", Call: time.Hour, Return: time.Hour, Answered: true})
	}},
	{"a broadcast does not reach a follower", "reached it is false", func(h *UserHistory, _ *rand.Rand) {
		h.Follows = append(h.Follows, FollowOp{Topic: "quiet", Call: time.Second, Return: time.Second, Answered: true})
		later(h, "quiet")
	}},
	{"a broadcast reaches who does not follow", "reached it is true", func(h *UserHistory, _ *rand.Rand) {
		for j := range h.Log.Ops {
			if h.Log.Ops[j].Topic == "" && slices.ContainsFunc(h.Inbox, func(m Message) bool { return m.ID == h.Log.Ops[j].ID }) {
				h.Log.Ops[j].Topic = "quiet" // so the caller said
			}
		}
		h.Follows = append(h.Follows, FollowOp{Topic: "quiet", Stop: true, Call: 0, Return: 1, Answered: true})
	}},
	{"what is followed at the end is not what the journal says", "said to follow", func(h *UserHistory, _ *rand.Rand) { h.Topics = append(h.Topics, "quiet") }},
	{"a client misses a broadcast", "a gap", func(h *UserHistory, _ *rand.Rand) {
		v := h.Views[0]
		i := shown(h, v)
		v.Observations = slices.Delete(v.Observations, i, i+1)
	}},
	{"a client sees a broadcast twice", "comes again", func(h *UserHistory, _ *rand.Rand) {
		v := h.Views[0]
		i := shown(h, v)
		v.Observations = slices.Insert(v.Observations, i, v.Observations[i])
	}},
	{"a client is shown what is not for it", "nothing to see", func(h *UserHistory, _ *rand.Rand) {
		v := h.Views[0]
		g := v.Observations[len(v.Observations)-1]
		g.Type, g.Seq, g.Pos = "message", g.Seq+100, g.Pos+100
		v.Observations = append(v.Observations, g)
	}},
	{"a client is told of the end of what was for others", "comes again", func(h *UserHistory, _ *rand.Rand) {
		v := h.Views[0]
		i := slices.IndexFunc(v.Observations, func(g Observation) bool { return g.Type == "state" })
		g := v.Observations[i]
		g.Type, g.Pos, g.IDs = "retract", g.Pos+1, []string{"another"}
		v.Observations = slices.Insert(v.Observations, i+1, g)
	}},
	{"a cursor of no moment", "no moment", func(h *UserHistory, _ *rand.Rand) {
		v := h.Views[0]
		v.Observations[len(v.Observations)/2].Pos = 1 << 40
	}},
	{"a device misses a broadcast", "never got the broadcast", func(h *UserHistory, _ *rand.Rand) {
		i := shown(h, h.Views[0])
		id := h.Views[0].Observations[i].IDs[0]
		h.Devices[0].IDs = slices.DeleteFunc(h.Devices[0].IDs, func(got string) bool { return got == id })
	}},
	{"a profile is read as it was", "profile", func(h *UserHistory, _ *rand.Rand) {
		h.Profile = append(h.Profile, ProfileOp{Read: true, Value: h.Profile[0].Value, Call: time.Hour, Return: time.Hour + 1, Answered: true})
	}},
	{"a server does not know of a broadcast for long", "not linearizable", func(h *UserHistory, _ *rand.Rand) {
		g := h.Views[0].Observations[shown(h, h.Views[0])-1]
		h.Ops = append(h.Ops, Op{Kind: Counts, Call: time.Hour, Return: time.Hour + 1, Answered: true, Rev: g.Tally.Rev, Tally: g.Tally})
	}},
	{"a broadcast that is there can't be marked", "not linearizable", func(h *UserHistory, _ *rand.Rand) {
		id := h.Views[0].Observations[shown(h, h.Views[0])].IDs[0]
		h.Ops = append(h.Ops, Op{Kind: Read, Message: h.Numbers[id], Call: time.Hour, Return: time.Hour + 1, Answered: true, Missing: true})
	}},
}

// Whatever a server may do wrong with what is broadcast is found.
func TestBadBroadcastsFail(t *testing.T) {
	for _, s := range reachMutations {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(5) {
				h := broadcastTo(seed)
				s.do(h, rand.New(rand.NewPCG(seed, 1)))
				errs := checkAll(h)
				if !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), s.want) }) {
					t.Errorf("seed %d: got %v, want an error with %q", seed, errs, s.want)
				}
			}
		})
	}
}

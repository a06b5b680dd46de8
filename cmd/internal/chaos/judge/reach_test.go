package judge

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
	who  Known
}

// broadcastTo returns a history as a Reddot without a fault would make it.
func broadcastTo(seed uint64) *UserHistory {
	x := &heard{rng: rand.New(rand.NewPCG(seed, 0)), has: make(map[string]bool),
		UserHistory: &UserHistory{User: "alice", Log: &LogHistory{}, Numbers: map[string]int{}, Views: []*View{{Name: "a"}, {Name: "b"}}, Devices: []*Device{{Name: "device", Since: 1}}}}
	for _, v := range x.Views {
		v.Observations = append(v.Observations, Observation{Transport: sse, Type: "counts"})
	}
	x.b.labels = &x.Labels
	x.now = time.Millisecond
	x.publish()
	for range 200 {
		x.now += 10 * time.Millisecond
		switch x.rng.IntN(9) {
		case 0:
			x.publish()
		case 1, 2:
			x.say()
		case 3:
			x.change()
		case 4:
			x.mark()
		case 5, 6:
			x.follow()
		case 7:
			x.end()
		case 8:
			x.ask()
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
		if name, ok := strings.CutPrefix(t, Listed("")); ok && is {
			x.Lists = append(x.Lists, name)
		} else if is {
			x.Topics = append(x.Topics, t)
		}
	}
	x.Finals = []Tally{x.tally(), x.tally()}
	return x.UserHistory
}

// tally returns the counts with their labels.
func (x *heard) tally() Tally {
	t, by, of, any := x.b.tally, map[string]int{}, map[string]int{}, false
	for n := range x.b.messages {
		if s := x.b.messages[n]; s != absent {
			by[x.Labels[n].Category] += unreads(s)
			of[x.Labels[n].Tenant] += unreads(s)
			any = any || x.Labels[n].Tenant != ""
		}
	}
	t.Labels = LabelsOf(by, of, any)
	return t
}

// label says something of a message.
func (x *heard) label() Label {
	l := Label{Category: fmt.Sprint("c", x.rng.IntN(2)), Tenant: []string{"", "acme", "globex"}[x.rng.IntN(3)]}
	switch x.rng.IntN(4) {
	case 0:
		l.Collapse = fmt.Sprint("k", x.rng.IntN(2))
	case 1:
		l.Expires = x.now.Milliseconds() + int64(x.rng.IntN(500))
	}
	return l
}

// holder returns the message whose place a new one takes.
func (x *heard) holder(l Label) (ids []string) {
	for n := range x.b.messages {
		if x.b.messages[n] != absent && l.collapses(x.Labels[n]) {
			ids = append(ids, fmt.Sprint("id ", n))
		}
	}
	return ids
}

// does lets a change happen to the user, and clients see it.
func (x *heard) does(k Kind, number int, g Observation) {
	if k == Publish || k == shows {
		g.Replaced = x.holder(x.Labels[number])
	}
	after, ok := x.b.apply(Op{Kind: k, Message: number, Numbers: []int{number}})
	if !ok {
		panic("the model refuses what the test does")
	}
	x.b = after
	g.Transport, g.Lineage, g.Seq, g.Pos, g.Tally, g.IDs = sse, 7, x.seq, uint64(len(x.Log.Entries)), x.tally(), []string{fmt.Sprint("id ", number)}
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
	x.Bodies, x.Labels = append(x.Bodies, fmt.Sprint("own ", n)), append(x.Labels, x.label())
	l := x.Labels[n]
	replaced := x.holder(l)
	x.seq++
	x.does(Publish, n, Observation{Type: "message"})
	x.seq--
	x.journal(Entry{Kind: "accepted", IDs: []string{fmt.Sprint("id ", n)}, State: "unseen", Label: l, Replaced: replaced})
	x.Ops = append(x.Ops, Op{Kind: Publish, Message: n, ID: fmt.Sprint("id ", n), Label: l, Call: x.now, Return: x.now + time.Millisecond, Answered: true, Rev: x.b.tally.Rev, Tally: x.tally()})
}

func (x *heard) say() {
	n := len(x.Bodies)
	id, text := fmt.Sprint("id ", n), fmt.Sprint("broadcast ", n)
	x.Bodies, x.Labels = append(x.Bodies, ""), append(x.Labels, x.label())
	x.Numbers[id] = n
	op := Broadcast{Change: Published, ID: id, Body: text, Call: x.now, Return: x.now + time.Millisecond, Answered: true}
	where := ""
	switch x.rng.IntN(5) {
	case 0:
		op.Topic = Topics[x.rng.IntN(len(Topics))]
	case 1:
		op.List = Lists[x.rng.IntN(len(Lists))]
	case 2:
		op.Segment = []string{"vips", "oslo", "away", "aboard", "readers"}[x.rng.IntN(5)]
		where = Segments[op.Segment]
	case 3:
		op.Segment, where = Moving, Movements[x.rng.IntN(2)]
		x.Log.Moving = append(x.Log.Moving, ProfileOp{Value: where, Call: x.now - 2, Return: x.now - 1, Answered: true})
	}
	x.live = append(x.live, len(x.Log.Ops))
	x.Log.Ops = append(x.Log.Ops, op)
	x.Log.Entries = append(x.Log.Entries, LogEntry{Pos: uint64(len(x.Log.Entries)) + 1, Kind: Published, ID: id, Audience: op.Audience, Body: text, Where: where, Label: x.Labels[n], At: x.now.Milliseconds()})
	if x.isIn(op.Audience, where) {
		x.does(shows, n, Observation{Type: "message"})
	} else {
		x.b, _ = x.b.apply(Op{Kind: Seen, Message: n}) // it has its number
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
	x.Log.Entries = append(x.Log.Entries, LogEntry{Pos: uint64(len(x.Log.Entries)) + 1, Kind: op.Change, ID: op.ID, Audience: first.Audience, Body: op.Body})
	if n := x.Numbers[op.ID]; x.b.messages[n] != absent {
		x.does(k, n, Observation{Type: told})
	}
}

func (x *heard) isIn(a Audience, where string) bool {
	in := func(group string) bool { return x.has[group] }
	switch {
	case a.Topic != "":
		return in(a.Topic)
	case a.List != "":
		return in(Listed(a.List))
	case a.Segment != "":
		return expressions[where](x.who, in)
	}
	return true
}

// end lets a message expire that is to: one of the user's own, or a broadcast.
func (x *heard) end() {
	for n := range x.b.messages {
		id := fmt.Sprint("id ", n)
		if x.b.messages[n] == absent || x.Labels[n].Expires == 0 || x.Labels[n].Expires > x.now.Milliseconds() {
			continue
		}
		g := Observation{Type: "state", State: "expired"}
		if x.Numbers[id] == 0 {
			x.seq++
			x.does(expires, n, g)
			x.seq--
			x.journal(Entry{Kind: "expired", IDs: []string{id}, At: x.now.Milliseconds()})
			return
		}
		x.live = slices.DeleteFunc(x.live, func(i int) bool { return x.Log.Ops[i].ID == id })
		x.Log.Entries = append(x.Log.Entries, LogEntry{Pos: uint64(len(x.Log.Entries)) + 1, Kind: Expired, ID: id, At: x.now.Milliseconds()})
		x.does(withdraws, n, g)
		return
	}
}

// ask asks for the counts of a tenant, whom a segment finds, or reads all of a tenant.
func (x *heard) ask() {
	op := Op{Kind: Counts, Tenant: Tenants[x.rng.IntN(2)], Call: x.now, Return: x.now + time.Millisecond, Answered: true, Rev: x.b.tally.Rev}
	switch x.rng.IntN(3) {
	case 0:
		p := Preview{Segment: "away", Call: x.now, Return: x.now + 1}
		if x.isIn(Audience{Segment: "away"}, Segments["away"]) {
			p.Count, p.Users = 1, []string{x.User}
		}
		x.Log.Previews = append(x.Log.Previews, p)
		return
	case 1:
		if op.Tally = x.b.of(op.Tenant); op.Tally.Unread > 0 {
			by := map[string]int{}
			for n := range x.b.messages {
				if x.Labels[n].Tenant == op.Tenant {
					by[x.Labels[n].Category] += unreads(x.b.messages[n])
				}
			}
			op.Tally.Labels = LabelsOf(by, nil, false)
		}
	default:
		op.Kind = ReadAll
		after := x.b.readAll(op.Tenant)
		if after.tally.Rev == x.b.tally.Rev {
			op.Tally = x.tally()
			break
		}
		e := Entry{Kind: "marked", State: "read"}
		for n := range x.b.messages {
			if x.b.messages[n] != after.messages[n] {
				e.IDs = append(e.IDs, fmt.Sprint("id ", n))
			}
		}
		x.b = after
		x.journal(e)
		for _, v := range x.Views {
			v.Observations = append(v.Observations, Observation{Transport: sse, Type: "state", State: "read", IDs: e.IDs, Lineage: 7, Seq: x.seq, Pos: uint64(len(x.Log.Entries)), Tally: x.tally()})
		}
		op.Rev, op.Tally = after.tally.Rev, x.tally()
	}
	x.Ops = append(x.Ops, op)
}

// mark reads a message; one that is not there is said to be missing.
func (x *heard) mark() {
	n := x.rng.IntN(len(x.Bodies))
	op := Op{Kind: Read, Message: n, Call: x.now, Return: x.now + time.Millisecond, Answered: true}
	switch was := x.b.messages[n]; was {
	case absent:
		op.Missing = true
	case read:
		op.Rev, op.Tally = x.b.tally.Rev, x.tally()
	default:
		x.seq++
		x.does(Read, n, Observation{Type: "state", State: "read"})
		x.seq--
		x.journal(Entry{Kind: "marked", IDs: []string{fmt.Sprint("id ", n)}, State: "read"})
		op.Rev, op.Tally = x.b.tally.Rev, x.tally()
	}
	x.Ops = append(x.Ops, op)
}

// follow lets the user follow a topic or be in a list, or no more, and be known otherwise.
func (x *heard) follow() {
	t, name := Topics[x.rng.IntN(len(Topics))], ""
	if x.rng.IntN(2) == 0 {
		name = Lists[x.rng.IntN(len(Lists))]
		t = Listed(name)
	}
	x.Follows = append(x.Follows, FollowOp{Topic: t, Stop: x.has[t], Call: x.now, Return: x.now + time.Millisecond, Answered: true})
	e := Entry{Kind: "profile"}
	to := &e.Followed
	switch {
	case name != "" && x.has[t]:
		to = &e.Left
	case name != "":
		to = &e.Joined
	case x.has[t]:
		to = &e.Unfollowed
	}
	*to = []string{strings.TrimPrefix(t, Listed(""))}
	x.has[t] = !x.has[t]
	x.journal(e)
	x.who = KnownBy(fmt.Sprint("p-", x.now.Milliseconds()/10))
	x.journal(Entry{Kind: "profile", Known: new(x.who)})
	writes := []ProfileOp{{Value: x.who.Value, Call: x.now, Return: x.now + 1, Answered: true}, {Read: true, Value: x.who.Value, Call: x.now + 2, Return: x.now + 3, Answered: true}}
	x.Profile, x.Wishes = append(x.Profile, writes...), append(x.Wishes, writes...)
}

func checkAll(h *UserHistory) []error { return append(Check(h, time.Minute), CheckLog(h.Log)...) }

func TestGoodBroadcastsPass(t *testing.T) {
	for seed := range uint64(20) {
		if errs := checkAll(broadcastTo(seed)); len(errs) > 0 {
			t.Errorf("seed %d: %v", seed, errs)
		}
	}
}

// later appends an entry to the log that was published after all else.
func later(h *UserHistory, topic string) {
	h.Log.Ops = append(h.Log.Ops, Broadcast{Change: Published, ID: "late", Audience: Audience{Topic: topic}, Body: "late", Call: time.Hour, Return: time.Hour + 1, Answered: true})
	h.Log.Entries = append(h.Log.Entries, LogEntry{Pos: uint64(len(h.Log.Entries)) + 1, Kind: Published, ID: "late", Audience: Audience{Topic: topic}, Body: "late"})
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

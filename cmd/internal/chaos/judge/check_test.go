package judge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// good returns a history as a Reddot without a fault would make it: callers
// whose operations overlap, and clients that follow.
func good(seed uint64) *UserHistory {
	rng := rand.New(rand.NewPCG(seed, 0))
	h := &UserHistory{User: "alice"}
	words := map[byte]string{unseen: "unseen", seen: "seen", read: "read"}
	var b inbox
	var ids []string
	now, seq := time.Duration(0), uint64(0)
	views := []*View{{Name: "a"}, {Name: "b"}}
	h.Views = views
	for _, v := range views {
		v.Observations = append(v.Observations, Observation{Transport: sse, Type: "counts"})
	}
	for i := range 200 {
		op := Op{Caller: i % 4, Answered: true}
		switch k := Kind(rng.IntN(6)); {
		case k == Publish || len(ids) == 0:
			op.Message = len(h.Bodies)
			h.Bodies = append(h.Bodies, fmt.Sprint("body ", i))
			ids = append(ids, fmt.Sprint("id ", i))
			op.ID = ids[op.Message]
		case k == Counts || k == ReadAll:
			op.Kind = k
		default:
			op.Kind, op.Message = k, rng.IntN(len(ids))
		}
		after, ok := b.apply(op)
		if !ok {
			panic("the model refuses what the test does")
		}
		now += time.Millisecond
		op.Call, op.Return = max(0, now-time.Duration(rng.IntN(3000))*time.Microsecond), now+time.Duration(rng.IntN(3000))*time.Microsecond
		op.Tally, op.Rev = after.tally, after.tally.Rev
		h.Ops = append(h.Ops, op)
		if rng.IntN(4) == 0 {
			seq++ // an event that nobody sees
			h.Journal = append(h.Journal, Entry{Seq: seq, Rev: b.tally.Rev, Kind: "noted"})
		}
		if after.tally.Rev != b.tally.Rev {
			seq++
			e := Entry{Seq: seq, Rev: after.tally.Rev, Kind: "marked"}
			for m := range ids {
				if m >= len(b.messages) || b.messages[m] != after.messages[m] {
					e.IDs, e.State = append(e.IDs, ids[m]), words[after.messages[m]]
				}
			}
			kind := "state"
			if op.Kind == Publish {
				e.Kind, kind = "accepted", "message"
			}
			h.Journal = append(h.Journal, e)
			for _, v := range views {
				v.Observations = append(v.Observations, Observation{Transport: sse, Type: kind, Lineage: 7, Seq: seq, IDs: e.IDs, State: e.State, Tally: after.tally})
			}
		}
		b = after
	}
	h.Devices = []*Device{{Name: "device", Since: 1, IDs: slices.Clone(ids)}}
	for m, id := range ids {
		h.Inbox = append(h.Inbox, Message{id, h.Bodies[m], words[b.messages[m]]})
	}
	h.Finals = []Tally{b.tally, b.tally}
	return h
}

func TestGoodHistoriesPass(t *testing.T) {
	for seed := range uint64(20) {
		if errs := Check(good(seed), time.Minute); len(errs) > 0 {
			t.Errorf("seed %d: %v", seed, errs)
		}
	}
}

// find returns the index of one of those that ok holds for.
func find[T any](rng *rand.Rand, list []T, ok func(T) bool) int {
	for {
		if i := rng.IntN(len(list)); ok(list[i]) {
			return i
		}
	}
}

// mutations are what a server may do wrong, each by itself.
var mutations = []struct {
	name string
	want string // in one of the errors
	do   func(h *UserHistory, rng *rand.Rand)
}{
	{"an acknowledged message is lost", "was acknowledged", func(h *UserHistory, rng *rand.Rand) {
		i := rng.IntN(len(h.Inbox))
		h.Inbox = slices.Delete(h.Inbox, i, i+1)
	}},
	{"a message is there twice", "twice", func(h *UserHistory, rng *rand.Rand) {
		m := h.Inbox[rng.IntN(len(h.Inbox))]
		h.Inbox = append(h.Inbox, Message{m.ID + "'", m.Body, m.State})
	}},
	{"a message that nobody published", "never published", func(h *UserHistory, _ *rand.Rand) {
		h.Inbox = append(h.Inbox, Message{"x", "x", "unseen"})
	}},
	{"the journal has a gap", "of the journal has rev", func(h *UserHistory, rng *rand.Rand) {
		for i := 5 + rng.IntN(20); i < len(h.Journal); i++ {
			h.Journal[i].Rev += 2
		}
	}},
	{"the journal lacks an event", "behind event", func(h *UserHistory, rng *rand.Rand) {
		i := 5 + rng.IntN(20)
		h.Journal = slices.Delete(h.Journal, i, i+1)
	}},
	{"one rev for two publishes", "not linearizable", func(h *UserHistory, rng *rand.Rand) {
		i := find(rng, h.Ops, func(op Op) bool { return op.Kind == Publish && op.Rev > 3 })
		first := slices.IndexFunc(h.Ops, func(op Op) bool { return op.Kind == Publish })
		h.Ops[i].Rev, h.Ops[i].Tally = h.Ops[first].Rev, h.Ops[first].Tally
	}},
	{"a wrong unread count is answered", "by the journal", func(h *UserHistory, rng *rand.Rand) {
		h.Ops[rng.IntN(len(h.Ops))].Tally.Unread++
	}},
	{"a wrong unseen count is pushed", "by the journal", func(h *UserHistory, rng *rand.Rand) {
		h.Views[1].Observations[5+rng.IntN(20)].Tally.Unseen--
	}},
	{"a stale read", "not linearizable", func(h *UserHistory, rng *rand.Rand) {
		// It answers, correctly for that rev, long after another was acknowledged.
		i := 10 + rng.IntN(50)
		late := h.Ops[len(h.Ops)-1].Return + time.Second
		h.Ops = append(h.Ops, Op{Caller: 9, Kind: Counts, Call: late, Return: late + 1, Answered: true, Rev: h.Ops[i].Rev, Tally: h.Ops[i].Tally})
	}},
	{"a read of what is not yet written", "not linearizable", func(h *UserHistory, _ *rand.Rand) {
		last := h.Finals[0]
		h.Ops = append(h.Ops, Op{Caller: 9, Kind: Counts, Call: 1, Return: 2, Answered: true, Rev: last.Rev, Tally: last})
	}},
	{"a publish is applied again when it is repeated", "not linearizable", func(h *UserHistory, _ *rand.Rand) {
		i := slices.IndexFunc(h.Ops, func(op Op) bool { return op.Kind == Publish })
		again := h.Ops[i]
		last := h.Ops[len(h.Ops)-1]
		again.Call, again.Return = last.Return+1, last.Return+2
		h.Ops = append(h.Ops, again)
	}},
	{"the counts at the end are wrong", "counts at the end", func(h *UserHistory, rng *rand.Rand) {
		h.Finals[rng.IntN(len(h.Finals))].Unread++
	}},
	{"a state at the end is wrong", "in the inbox, and", func(h *UserHistory, rng *rand.Rand) {
		i := rng.IntN(len(h.Inbox))
		h.Inbox[i].State = map[string]string{"unseen": "seen", "seen": "read", "read": "unseen"}[h.Inbox[i].State]
	}},
	{"a client misses an event", "a gap", func(h *UserHistory, rng *rand.Rand) {
		i := 5 + rng.IntN(20)
		h.Views[0].Observations = slices.Delete(h.Views[0].Observations, i, i+1)
	}},
	{"a client misses the last events", "ends", func(h *UserHistory, _ *rand.Rand) {
		v := h.Views[0]
		v.Observations = v.Observations[:len(v.Observations)-3]
	}},
	{"a client sees an event twice", "comes again", func(h *UserHistory, rng *rand.Rand) {
		i := 5 + rng.IntN(20)
		h.Views[0].Observations = slices.Insert(h.Views[0].Observations, i, h.Views[0].Observations[i])
	}},
	{"two clients see different events", "is about", func(h *UserHistory, rng *rand.Rand) {
		g := &h.Views[1].Observations[5+rng.IntN(20)]
		g.IDs = []string{"another"}
	}},
	{"an event that is not in the journal", "nothing to see", func(h *UserHistory, _ *rand.Rand) {
		v := h.Views[1]
		g := v.Observations[len(v.Observations)-1]
		g.Seq += 100
		v.Observations = append(v.Observations, g)
	}},
	{"counts skip events", "skip", func(h *UserHistory, rng *rand.Rand) {
		v := h.Views[1]
		i := 5 + rng.IntN(20)
		g := v.Observations[i+2]
		g.Type = "counts"
		v.Observations = slices.Replace(v.Observations, i, i+3, g)
	}},
	{"rev goes back", "behind rev", func(h *UserHistory, rng *rand.Rand) {
		v := h.Views[0]
		i := 10 + rng.IntN(20)
		v.Observations[i].Tally = v.Observations[i-5].Tally
	}},
	{"a device gets a message twice", "twice, with QoS 2", func(h *UserHistory, _ *rand.Rand) {
		d := h.Devices[0]
		d.IDs = append(d.IDs, d.IDs[len(d.IDs)-1])
	}},
	{"a device never gets a message", "has never got", func(h *UserHistory, rng *rand.Rand) {
		d := h.Devices[0]
		i := 1 + rng.IntN(len(d.IDs)-1) // not the one from before it subscribed
		d.IDs = slices.Delete(d.IDs, i, i+1)
	}},
	{"a device gets messages out of order", "behind rev", func(h *UserHistory, _ *rand.Rand) {
		d := h.Devices[0]
		d.IDs[2], d.IDs[3] = d.IDs[3], d.IDs[2]
	}},
	{"another lineage", "lineage", func(h *UserHistory, rng *rand.Rand) {
		h.Views[0].Observations[10+rng.IntN(20)].Lineage++
	}},
}

// Whatever a server may do wrong is found.
func TestBadHistoriesFail(t *testing.T) {
	for _, s := range mutations {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(10) {
				h := good(seed)
				s.do(h, rand.New(rand.NewPCG(seed, 1)))
				errs := Check(h, time.Minute)
				if !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), s.want) }) {
					t.Errorf("seed %d: got %v, want an error with %q", seed, errs, s.want)
				}
			}
		})
	}
}

// A write whose outcome is unknown may have been done or not.
func TestUnknownOutcomes(t *testing.T) {
	h := good(1)
	i := slices.IndexFunc(h.Ops, func(op Op) bool { return op.Kind == Publish })
	h.Ops[i] = Op{Kind: Publish, Message: h.Ops[i].Message, Call: h.Ops[i].Call, Return: Unanswered}
	h.Bodies = append(h.Bodies, "never done")
	h.Ops = append(h.Ops, Op{Kind: Publish, Message: len(h.Bodies) - 1, Call: 5, Return: Unanswered})
	if errs := Check(h, time.Minute); len(errs) > 0 {
		t.Error(errs)
	}
}

// A publish that a rule has stopped leaves nothing, and is answered with the counts of then.
func TestStopped(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(h *UserHistory, op *Op)
		want string
	}{
		"as it should be":    {func(*UserHistory, *Op) {}, ""},
		"it counts":          {func(_ *UserHistory, op *Op) { op.Tally.Unread++ }, "not linearizable"},
		"it is of long ago":  {func(h *UserHistory, op *Op) { op.Tally = h.Ops[5].Tally }, "not linearizable"},
		"it is in the inbox": {func(h *UserHistory, op *Op) { h.Inbox = append(h.Inbox, Message{op.ID, "stopped", "unseen"}) }, "by the journal"},
	} {
		h := good(1)
		late := h.Ops[len(h.Ops)-1].Return + time.Second
		h.Bodies = append(h.Bodies, "stopped")
		op := Op{Kind: Publish, Message: len(h.Bodies) - 1, ID: "stopped", Call: late, Return: late + 1, Answered: true, Stopped: true, Rev: h.Finals[0].Rev, Tally: h.Finals[0]}
		c.do(h, &op)
		h.Ops = append(h.Ops, op)
		errs := Check(h, time.Minute)
		if ok := c.want == "" && len(errs) == 0 || c.want != "" && slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), c.want) }); !ok {
			t.Errorf("%s: got %v, want an error with %q", name, errs, c.want)
		}
	}
}

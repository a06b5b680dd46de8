package judge

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// afterLoss returns a good history before which another one was lost: its
// clients saw that one, and were told.
func afterLoss(seed uint64) (*UserHistory, []Loss) {
	h := good(seed)
	const at = time.Second
	for i := range h.Ops {
		h.Ops[i].Call += 2 * at
		if h.Ops[i].Answered {
			h.Ops[i].Return += 2 * at
		}
	}
	h.Devices[0].Since += 2 * at
	h.Bodies = append(h.Bodies, "what was lost")
	gone := Op{Kind: Publish, Message: len(h.Bodies) - 1, Call: 1, Return: 2, Answered: true, Rev: 1, ID: "gone", Tally: Tally{Rev: 1, Unread: 1, Unseen: 1}}
	h.Ops = append(h.Ops, gone)
	for _, v := range h.Views {
		first := v.Observations[0]
		for i := range v.Observations {
			v.Observations[i].At += 2 * at
		}
		v.Observations = slices.Insert(v.Observations, 0,
			Observation{Transport: sse, Type: "counts", Lineage: 3, Tally: Tally{}},
			Observation{Transport: sse, Type: "message", Lineage: 3, Seq: 1, IDs: []string{"gone"}, Tally: Tally{Rev: 1, Unread: 1, Unseen: 1}},
			Observation{Transport: sse, Type: "reset", Lineage: 7, Seq: 0, At: at + at/2, Tally: Tally{}})
		if first.Type == "counts" {
			v.Observations = slices.Delete(v.Observations, 3, 4)
		}
	}
	return h, []Loss{{From: at, At: 2 * at, Lost: map[string]bool{"gone": true}}}
}

// What the database had lost may be missing, if everybody was told, and nothing
// else.
func TestLosses(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 2))
		h, losses := afterLoss(seed)
		if errs := CheckLoss(h, losses); len(errs) > 0 {
			t.Errorf("seed %d: %v", seed, errs)
		}
		for _, s := range []struct {
			name, want string
			do         func(h *UserHistory)
		}{
			{"the database had it", "was acknowledged", func(*UserHistory) { losses = []Loss{{From: time.Second, At: time.Second}} }},
			{"another one is lost", "was acknowledged", func(h *UserHistory) {
				i := rng.IntN(len(h.Inbox))
				h.Inbox = slices.Delete(h.Inbox, i, i+1)
			}},
			{"a client was never told", "never told", func(h *UserHistory) { h.Views[0].Observations = h.Views[0].Observations[:2] }},
			{"a client goes on without a reset", "no reset before it", func(h *UserHistory) {
				h.Views[0].Observations = slices.Delete(h.Views[0].Observations, 2, 3)
				if h.Views[0].Observations[2].Type == "counts" {
					h.Views[0].Observations = slices.Delete(h.Views[0].Observations, 2, 3)
				}
			}},
			{"a wrong count after it", "by the journal", func(h *UserHistory) {
				v := h.Views[1]
				v.Observations[len(v.Observations)-2].Tally.Unread++
			}},
			{"a device lacks a message", "has never got", func(h *UserHistory) {
				d := h.Devices[0]
				d.IDs = d.IDs[:len(d.IDs)-1]
			}},
		} {
			h, all := afterLoss(seed)
			losses = all
			s.do(h)
			if errs := CheckLoss(h, losses); !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), s.want) }) {
				t.Errorf("seed %d, %s: got %v, want an error with %q", seed, s.name, errs, s.want)
			}
		}
	}
}

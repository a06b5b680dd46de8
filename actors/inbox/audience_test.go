package inbox

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest/people"
	"reddot/actors/audience"
)

func compile(where string) (any, error) { return audience.Check(where) }

// TestPreviewIsSent: whom a naive look at the profiles of all users finds when a message
// is published gets it, and nobody else, whenever each of them merges the log.
func TestPreviewIsSent(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (-model.seed)", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	users := make([]*trial, 8)
	for i := range users {
		w := newWorld(t, actors.Limits{InboxLimits: actors.InboxLimits{Messages: 1 << 20, InboxBytes: 1 << 30, MessageAge: 1000 * time.Hour}})
		users[i] = newTrial(t, w, rng)
		w.known, w.whole, w.entries = users[0].known, users[0].whole, users[0].entries
		users[i].publish(-1 - i) // one who is not known gets nothing
	}
	preview := map[actors.ID][]int{}
	sent := func(i int) {
		to := people.RandomAudience(rng)
		id := id(fmt.Sprint("all", i), users[0].now)
		e := &actors.LogEntry{Kind: actors.LogKind_LOG_PUBLISHED, Audience: to.Audience, Message: &actors.Message{Id: id[:], Category: "a", CreatedAt: users[0].now, Content: []byte(`"title":"x"`)}}
		users[0].world.append(e)
		preview[id] = []int{}
		for n, x := range users {
			x.unmerged = append(x.unmerged, e)
			if !x.erased && to.Has(x.who, e.At) && x.who.Wants("a", "") {
				preview[id] = append(preview[id], n)
			}
		}
	}
	for i := range 1500 {
		step := int64(rng.IntN(1000))
		for _, x := range users {
			x.now += step
		}
		if rng.IntN(3) == 0 {
			sent(i)
			continue
		}
		switch x := users[rng.IntN(len(users))]; rng.IntN(4) {
		case 0:
			x.restart()
		case 1:
			x.merge()
			x.describe()
			if x.erased { // who comes back is known again
				preview = maps.Collect(func(yield func(actors.ID, []int) bool) {
					for id, who := range preview {
						yield(id, slices.DeleteFunc(who, func(n int) bool { return users[n] == x }))
					}
				})
				x.publish(-1000 - i)
			}
		case 2:
			x.merge()
		}
	}
	got := map[actors.ID][]int{}
	for n, x := range users {
		x.merge()
		x.replayAll(len(x.log) - 1)
		for id := range preview {
			if _, there := x.b.Find(id); there {
				got[id] = append(got[id], n)
			}
		}
	}
	all := 0
	for id, want := range preview {
		if all += len(want); !slices.Equal(got[id], want) {
			t.Errorf("%s was for %v, and was sent to %v", id, want, got[id])
		}
	}
	if len(preview) < 300 || all < 300 || all == len(preview)*len(users) {
		t.Errorf("%d messages to %d users in all", len(preview), all)
	}
}

package cluster_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/cluster/wire"
)

// TestJoinAfterADeath lets a node join while the store has the sign of a dead one,
// which the newcomer can't tell from a living one's for two seconds. Nobody gives
// it shards before it takes part, so that no user waits for it.
func TestJoinAfterADeath(t *testing.T) {
	w := newWorld(t, 1)
	a := w.nodes[0]
	dead := []string{"ghost", "shade", "phantom", "wraith"}
	for _, name := range dead {
		b, err := (&wire.WireSign{Count: 7}).MarshalVT()
		if err == nil {
			err = w.journal.PutRecord(t.Context(), "node", name, b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "a to find them dead", func() bool {
		return !slices.ContainsFunc(dead, func(name string) bool { return !a.Stale(name) })
	})
	var over atomic.Bool
	var work sync.WaitGroup
	slowest, u := time.Duration(0), 0
	work.Go(func() {
		for ; !over.Load(); u++ {
			began := time.Now()
			if err := insist(a, fmt.Sprint("user", u%100), "x"); err != nil {
				t.Error(err)
				return
			}
			slowest = max(slowest, time.Since(began))
			time.Sleep(time.Millisecond)
		}
	})
	w.start()
	w.settled()
	over.Store(true)
	work.Wait()
	t.Logf("the slowest of %d publishes took %v", u, slowest.Round(time.Millisecond))
	if slowest > time.Second || u == 0 {
		t.Errorf("a publish took %v while a node joined", slowest)
	}
}

package cluster_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/cluster/membership"
	"reddot/cluster/wire"
)

// TestTakenUnawares lets another node take all shards from one that is told
// nothing, and write. As soon as the other one may answer, the first one answers
// with what it wrote, or not at all: a read from memory could not know.
func TestTakenUnawares(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	publish(t, n, "alice", "one")
	other := newNode(t, w.journal) // of no cluster: it takes all
	publish(t, other, "alice", "two")
	began := time.Now()
	refused := 0
	for {
		asked := time.Now()
		a, err := try(n, cmd("alice", &actors.Counts{}))
		switch {
		case err != nil && actors.AsError(err).Code != actors.Unavailable:
			t.Fatal(err)
		case err != nil:
			refused++
		case a.Rev == 2:
			t.Logf("it knew after %v, and refused %d times", time.Since(began).Round(time.Millisecond), refused)
			return
		case asked.Sub(began) > membership.Lease:
			t.Fatalf("%v after another node had taken its shards it answers with rev %d", asked.Sub(began), a.Rev)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestRest lets a node take its shards back from one that leaves signs of life
// and says nothing: it answers only when that one does not any more.
func TestRest(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	publish(t, n, "alice", "one")
	shard := actors.ShardOf(user("alice"))
	var all []actors.Fence
	present, err := w.journal.Epochs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range present {
		all = append(all, p.Fence)
	}
	over := make(chan struct{})
	var signing sync.WaitGroup
	defer signing.Wait()
	defer close(over)
	signing.Go(func() {
		for count := uint64(1); ; count++ {
			b, err := (&wire.WireSign{Count: count, Leaving: true}).MarshalVT()
			if err == nil {
				err = w.journal.PutRecord(context.Background(), "node", "ghost", b)
			}
			if err != nil {
				t.Error(err)
			}
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	if _, err := w.journal.Take(t.Context(), "ghost", all); err != nil {
		t.Fatal(err)
	}
	var back time.Time
	wait(t, "the node to take the shard back", func() bool {
		present, err := w.journal.Epochs(t.Context())
		back = time.Now()
		return err == nil && present[shard].Owner == n.Name()
	})
	for {
		if _, err := try(n, cmd("alice", &actors.Counts{})); err == nil {
			break
		}
	}
	if d := time.Since(back); d < membership.Lease-50*time.Millisecond {
		t.Errorf("it answers %v after it has taken the shard; the one before it may answer for %v", d, membership.Lease)
	}
}

package cluster_test

import (
	"testing"

	"reddot/actors"
	"reddot/cluster"
)

// TestFenced takes a user's shard away from a node: it acknowledges nothing
// more, and says which fence it lost.
func TestFenced(t *testing.T) {
	j := newJournal(t)
	lost := make(chan actors.Fence, 100)
	n := newNode(t, j, func(c *cluster.Config) { c.Fenced = func(f actors.Fence) { lost <- f } })
	publish(t, n, "alice", "one")
	publish(t, n, "bob", "one")
	fence := actors.Fence{Shard: actors.ShardOf(user("alice")), Epoch: 1}
	if taken, err := j.Take(t.Context(), "another", []actors.Fence{fence}); err != nil || len(taken) != 1 {
		t.Fatalf("got %v, %v", taken, err)
	}
	if _, err := try(n, request("alice", newMessage("two"))); actors.AsError(err).Code != actors.Unavailable {
		t.Errorf("got %v, want unavailable", err)
	}
	if got := <-lost; got != fence {
		t.Errorf("lost %v, want %v", got, fence)
	}
	if got := j.Stored(user("alice")); got != 1 {
		t.Errorf("%d events of alice, want 1", got)
	}
	publish(t, n, "bob", "two")
}

// TestSecondNode starts a node on a store that another one uses: the first is
// fenced out.
func TestSecondNode(t *testing.T) {
	j := newJournal(t)
	first := newNode(t, j)
	publish(t, first, "alice", "one")
	second := newNode(t, j)
	publish(t, second, "alice", "two")
	if _, err := try(first, request("alice", newMessage("three"))); actors.AsError(err).Code != actors.Unavailable {
		t.Errorf("got %v, want unavailable", err)
	}
	publish(t, second, "alice", "four")
	if got := j.Stored(user("alice")); got != 3 {
		t.Errorf("%d events of alice, want 3", got)
	}
}

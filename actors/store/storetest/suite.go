package storetest

import (
	"fmt"
	"slices"
	"testing"

	"reddot/actors"
)

// Run is what each store must pass. open returns the same store again after
// Close, if it persists.
func Run(t *testing.T, open func(t *testing.T) Store, persists bool) {
	tests := []struct {
		name string
		test func(t *testing.T, b *fixture)
	}{
		{"empty", testEmpty},
		{"load", testLoad},
		{"large", testLarge},
		{"events", testEvents},
		{"snapshots", testSnapshots},
		{"delete", testDelete},
		{"rewrite", testRewrite},
		{"hole", testHole},
		{"neighbors", testNeighbors},
		{"callback error", testCallbackError},
		{"cancelled", testCancelled},
		{"owner", testOwner},
		{"claim", testClaim},
		{"tallies", testTallies},
		{"due", testDue},
		{"records", testRecords},
		{"written records", testWrittenRecords},
		{"swapped records", testSwaps},
		{"index", testIndex},
		{"failed stream", testFailedStream},
		{"append within notify", testAppendWithinNotify},
		{"fences", testFences},
		{"fenced", testFenced},
		{"predecessor", testPredecessor},
		{"history", testHistory},
		{"closed", testClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &fixture{open: open, persists: persists}
			b.Store = open(t)
			tt.test(t, b)
			if b.Store != nil {
				Close(t, b.Store)
			}
		})
	}
}

// A fixture is the store that one test works on.
type fixture struct {
	Store
	open     func(t *testing.T) Store
	persists bool
}

// check runs the checks, and again after a restart if the store persists.
func (b *fixture) check(t *testing.T, checks func()) {
	t.Helper()
	checks()
	if b.persists {
		Close(t, b.Store)
		b.Store = b.open(t)
		checks()
	}
}

func (b *fixture) wantLoad(t *testing.T, key actors.Key, snapshot string, events ...string) {
	t.Helper()
	s, e, err := Load(b, key)
	if err != nil {
		t.Fatal(err)
	}
	if s != snapshot || !slices.Equal(e, events) {
		t.Errorf("load %q: got %q %q, want %q %q", key, s, e, snapshot, events)
	}
}

// eventsOf returns some events of an actor, as seq=event.
func eventsOf(t *testing.T, s Store, key actors.Key, first, last uint64) []string {
	t.Helper()
	var got []string
	err := s.Events(t.Context(), key, first, last, func(seq uint64, e []byte) bool {
		got = append(got, fmt.Sprintf("%d=%s", seq, e))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Due returns the wake-ups up to now, as name@time.
func Due(t *testing.T, s Store, now int64) []string {
	t.Helper()
	var got []string
	err := s.Due(t.Context(), now, func(key actors.Key, at int64) bool {
		got = append(got, fmt.Sprintf("%s@%d", key.Name(), at))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TakeShard takes the shard of key, and returns its new epoch.
func TakeShard(t *testing.T, s Store, owner string, key actors.Key, from uint64) uint64 {
	t.Helper()
	taken, err := s.Take(t.Context(), owner, []actors.Fence{{Shard: actors.ShardOf(key), Epoch: from}})
	if err != nil || len(taken) != 1 {
		t.Fatalf("%s takes the shard from epoch %d: got %v, %v", owner, from, taken, err)
	}
	return taken[0].Epoch
}

func (b *fixture) epochs(t *testing.T) string {
	t.Helper()
	all, err := b.Epochs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(a actors.Taken) bool { return a.Epoch == 0 })
	return fmt.Sprint(all)
}

package embedded

import (
	"context"
	"fmt"
	"testing"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

// TestCacheHolds: what was read once is in the cache, by default, although Pebble takes the
// memory tables from its cache: the filters of tables at least, which each load of a user
// that there is not yet looks at.
func TestCacheHolds(t *testing.T) {
	p := open(t, Config{Dir: t.TempDir(), Config: store.Config{QueueWrites: 1 << 20, QueueBytes: 1 << 30}})
	defer storetest.Close(t, p)
	write := func(round int) {
		t.Helper()
		var last *storetest.Actor
		for i := range 2000 {
			last = storetest.NewActor(actors.UserKey("default", fmt.Sprint(round, "-", i)), 0)
			if err := p.Append(last.Write(storetest.Noise(5 << 10))); err != nil {
				t.Fatal(err)
			}
		}
		if err := last.Await(); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 5 { // tables that are on their way hold back as much
		write(round)
		if err := p.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	write(5)
	look := func() {
		for i := range 500 {
			if err := p.Load(context.Background(), actors.UserKey("default", fmt.Sprint("new-", i)), nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	look()
	before := p.db.Metrics().BlockCache
	look()
	after := p.db.Metrics().BlockCache
	if hits, misses := after.Hits-before.Hits, after.Misses-before.Misses; hits == 0 || misses > hits/10 {
		t.Errorf("%d blocks were in the cache, and %d were not", hits, misses)
	}
}

package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

// BenchmarkSync is the floor of a commit: one write and one sync.
func BenchmarkSync(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 512 << 10} {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "f"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			block := make([]byte, size)
			for b.Loop() {
				if _, err := f.Write(block); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad loads a snapshot and 50 events of one of many actors whose
// journals are in tables, and with a trim by range before each load.
func BenchmarkLoad(b *testing.B) {
	const many, events, eventLen = 2000, 50, 200
	p := open(b, Config{Dir: b.TempDir(), CacheBytes: 1 << 20, Config: store.Config{QueueWrites: 1 << 20, QueueBytes: 1 << 30}})
	defer storetest.Close(b, p)
	key := func(i int) actors.Key { return actors.UserKey("default", fmt.Sprint("user-", i)) }
	var all []*storetest.Actor
	for i := range many {
		a := storetest.NewActor(key(i), 0)
		w := a.Write()
		w.Snapshot = []byte(storetest.Noise(4 << 10))
		if err := p.Append(w); err != nil {
			b.Fatal(err)
		}
		for range events {
			if err := p.Append(a.Write(storetest.Noise(eventLen))); err != nil {
				b.Fatal(err)
			}
		}
		all = append(all, a)
	}
	for _, a := range all {
		if err := a.Await(); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.db.Flush(); err != nil {
		b.Fatal(err)
	}
	loads := func(b *testing.B, before func(i int)) {
		b.ReportAllocs()
		nothing := func([]byte) error { return nil }
		for i := 0; b.Loop(); i++ {
			before(i)
			if err := p.Load(b.Context(), key(i*7919%many), nothing, nothing); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("cold", func(b *testing.B) { loads(b, func(int) {}) })
	b.Run("absent", func(b *testing.B) {
		b.ReportAllocs()
		nothing := func([]byte) error { return nil }
		for i := 0; b.Loop(); i++ {
			if err := p.Load(b.Context(), key(many+i), nothing, nothing); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, trims := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint("after ", trims, " trims"), func(b *testing.B) {
			if err := p.db.Flush(); err != nil {
				b.Fatal(err)
			}
			for i := range trims {
				p.committer.begin()
				p.committer.deleteRange(appendEvent(nil, key(many+i), 1), appendEvent(nil, key(many+i), 60))
			}
			if err := p.committer.Commit(); err != nil {
				b.Fatal(err)
			}
			loads(b, func(i int) { // the writer is idle: the benchmark commits in its place
				p.committer.begin()
				p.committer.deleteRange(appendEvent(nil, key(many+i), 1), appendEvent(nil, key(many+i), 60))
				if err := p.committer.batch.Commit(pebble.NoSync); err != nil {
					b.Fatal(err)
				}
				p.committer.batch = nil
			})
		})
	}
}

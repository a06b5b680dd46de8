package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"reddot/actors"
)

const (
	waitingActors = 2000
	eventLen      = 200 // bytes
)

// BenchmarkAppend has 2,000 actors, each of which appends its next event once
// the last one is durable. To compare: BenchmarkSync.
func BenchmarkAppend(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkAppend(b, newMemory(b, Config{})) })
	b.Run("pebble", func(b *testing.B) { benchmarkAppend(b, openPebble(b, Config{Dir: b.TempDir()})) })
	b.Run("postgres", func(b *testing.B) { benchmarkAppend(b, openPostgres(b, Config{URL: newDatabase(b)})) })
}

func benchmarkAppend(b *testing.B, s store) {
	defer closeStore(b, s)
	b.ReportAllocs()
	event := []byte(noise(eventLen))
	var started, settled atomic.Int64
	done := make(chan struct{})
	for i := range waitingActors {
		w := &actors.Write{Events: [][]byte{event}}
		next := func() {
			if started.Add(1) <= int64(b.N) {
				w.After = w.Stream.Durable()
				if err := s.Append(w); err != nil {
					b.Error(err)
				}
			}
		}
		key := actors.UserKey("default", fmt.Sprint("user-", i))
		w.Stream = actors.NewStream(key, actors.Fence{Shard: actors.ShardOf(key)}, 0, func() {
			if settled.Add(1) == int64(b.N) {
				close(done)
			}
			next()
		})
		next()
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if n := s.Stats().Commits; n > 0 {
		b.ReportMetric(float64(b.N)/float64(n), "events/commit")
	}
}

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
	const many, events = 2000, 50
	p := openPebble(b, Config{Dir: b.TempDir(), CacheBytes: 1 << 20, QueueWrites: 1 << 20, QueueBytes: 1 << 30})
	defer closeStore(b, p)
	key := func(i int) actors.Key { return actors.UserKey("default", fmt.Sprint("user-", i)) }
	var all []*actor
	for i := range many {
		a := newActor(key(i), 0)
		w := a.write()
		w.Snapshot = []byte(noise(4 << 10))
		if err := p.Append(w); err != nil {
			b.Fatal(err)
		}
		for range events {
			if err := p.Append(a.write(noise(eventLen))); err != nil {
				b.Fatal(err)
			}
		}
		all = append(all, a)
	}
	for _, a := range all {
		if err := a.await(); err != nil {
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
				p.begin().deleteRange(appendEvent(nil, key(many+i), 1), appendEvent(nil, key(many+i), 60))
			}
			if err := p.commit(); err != nil {
				b.Fatal(err)
			}
			loads(b, func(i int) { // the writer is idle: the benchmark commits in its place
				p.begin().deleteRange(appendEvent(nil, key(many+i), 1), appendEvent(nil, key(many+i), 60))
				if err := p.staging.batch.Commit(pebble.NoSync); err != nil {
					b.Fatal(err)
				}
				p.staging.batch = nil
			})
		})
	}
}

// noise returns n bytes that don't compress.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}

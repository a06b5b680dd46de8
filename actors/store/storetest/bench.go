package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"reddot/actors"
)

const (
	waitingActors = 2000
	eventLen      = 200 // bytes
)

// BenchmarkAppend has 2,000 actors, each of which appends its next event once the
// last one is durable. It closes the store.
func BenchmarkAppend(b *testing.B, s Store) {
	defer Close(b, s)
	b.ReportAllocs()
	event := []byte(Noise(eventLen))
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

// Noise returns n bytes that don't compress.
func Noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}

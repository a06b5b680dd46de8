package app

import (
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/index"
	"reddot/actors/profile"
	"reddot/actors/store"
	"reddot/actors/store/embedded"
)

// benchUsers is how many users a benchmark of segments stores.
const benchUsers = 1_000_000

// describe returns the profile of the i-th user: one of 20 is a VIP, one of 10 lives in
// Shanghai.
func describe(i int) *actors.ProfileChange {
	p := &actors.Profile{Locale: "zh-CN", Zone: "Asia/Shanghai", Addresses: []*actors.Address{{Channel: "email", Address: fmt.Sprintf("user%d@example.com", i)}}}
	p.Attributes = []*actors.Attribute{
		{Name: "city", Value: &actors.Attribute_Text{Text: []string{"Shanghai", "Beijing", "Berlin", "Lima", "Oslo", "Paris", "Rome", "Tokyo", "Wien", "Xian"}[i%10]}},
		{Name: "level", Value: &actors.Attribute_Number{Number: float64(i % 7)}},
		{Name: "signed_up", Value: &actors.Attribute_Time{Time: int64(i) * 1000}},
	}
	if i/10%20 == 0 {
		p.Tags = []string{"vip"}
	}
	return &actors.ProfileChange{Profile: p}
}

// openBench opens a store for a benchmark, which may hold a million writes.
func openBench(b *testing.B) *embedded.Store {
	b.Helper()
	s, err := embedded.Open(embedded.Config{Dir: b.TempDir(), Config: store.Config{QueueWrites: 20_000}}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(b.Context()) })
	return s
}

// A describer writes the profiles of users, a bounded number at a time.
type describer struct {
	store   *embedded.Store
	room    chan struct{}
	settled atomic.Int64
}

// write appends the event of a change, with the rows of the index or without.
func (d *describer) write(b *testing.B, key actors.Key, seq uint64, was *profile.State, c *actors.ProfileChange, indexed bool) {
	d.room <- struct{}{}
	e := &actors.Event{Kind: actors.Kind_PROFILE, Seq: seq, At: 1, Profile: c}
	stream := actors.NewStream(key, actors.Fence{Shard: actors.ShardOf(key)}, seq-1, func() {
		d.settled.Add(1)
		<-d.room
	})
	w := &actors.Write{Stream: stream, After: seq - 1, Events: [][]byte{actors.EncodeEvent(nil, e)}}
	if indexed {
		w.Index = was.IndexChange(key, c)
	}
	if err := d.store.Append(w); err != nil {
		b.Fatal(err)
	}
}

// wait waits until n writes are settled.
func (d *describer) wait(n int) {
	for d.settled.Load() < int64(n) {
		time.Sleep(time.Millisecond)
	}
}

// BenchmarkSegment finds users by two indexed clauses among a million, and counts them.
func BenchmarkSegment(b *testing.B) {
	d := &describer{store: openBench(b), room: make(chan struct{}, 4000)}
	began := time.Now()
	for i := range benchUsers {
		d.write(b, actors.UserKey("default", fmt.Sprint("user", i)), 1, nil, describe(i), true)
	}
	d.wait(benchUsers)
	b.Logf("%d users written in %v, %d MB", benchUsers, time.Since(began).Round(time.Second), d.store.Stats().DiskBytes>>20)
	x := index.New(d.store)
	for _, where := range []string{
		"'vip' in tags && attributes.city == 'Shanghai'", "'vip' in tags && attributes.level >= 3", "'vip' in tags", "!('vip' in tags)",
	} {
		s, err := audience.Check(where)
		if err != nil {
			b.Fatal(err)
		}
		measure := func(name string, fn func() (int, error)) {
			b.Run(name+" "+where, func(b *testing.B) {
				var took []time.Duration
				n := 0
				for b.Loop() {
					began := time.Now()
					var err error
					if n, err = fn(); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(n), "users")
			})
		}
		measure("preview", func() (int, error) {
			users, err := x.First(b.Context(), "default", s, 0, 20)
			return len(users), err
		})
		measure("count", func() (int, error) { return x.Count(b.Context(), "default", s, 0) })
	}
}

// BenchmarkProfileWrite changes one attribute of users, with the index and without.
func BenchmarkProfileWrite(b *testing.B) {
	for _, indexed := range []bool{false, true} {
		b.Run(fmt.Sprint("indexed=", indexed), func(b *testing.B) {
			d := &describer{store: openBench(b), room: make(chan struct{}, 4000)}
			const users = 10_000
			n := 0
			change := func(round int) {
				was := &profile.State{}
				if round > 0 {
					was.Apply(&actors.Event{Profile: describe(n%users + round - 1)})
				}
				d.write(b, actors.UserKey("default", fmt.Sprint("user", n%users)), uint64(round)+1, was, describe(n%users+round), indexed)
				n++
				if n%users == 0 {
					d.wait(n) // a user has one write under way
				}
			}
			for range users {
				change(0)
			}
			b.ResetTimer()
			for range b.N {
				change(n / users)
			}
			d.wait(n)
		})
	}
}

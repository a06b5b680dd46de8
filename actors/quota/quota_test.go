package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/rule"
)

// records fail now and then, before or after they have written.
type records struct {
	actors.SwapRecords
	mu   sync.Mutex
	rng  *rand.Rand
	odds int // one in so many fails; 0: none
}

func (r *records) fails() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.odds > 0 && r.rng.IntN(r.odds) == 0
}

var errLost = actors.Errorf(actors.Unavailable, "lost")

func (r *records) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	if r.fails() {
		return errLost
	}
	if err := r.SwapRecords.SwapRecord(ctx, kind, key, old, value); err != nil {
		return err
	}
	if r.fails() {
		return errLost
	}
	return nil
}

// A world has nodes on one store, and a clock.
type world struct {
	t       *testing.T
	now     atomic.Int64 // unix milliseconds
	records *records
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	j := actorstest.NewJournal()
	t.Cleanup(j.Close)
	w := &world{t: t, records: &records{SwapRecords: j, rng: rand.New(rand.NewPCG(seed, 0))}}
	w.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	return w
}

func (w *world) node() *Table {
	return New(w.records, w.now.Load)
}

// spend spends one, as a user's actor does; false: nothing is left.
func (w *world) spend(t *Table, q rule.Quota) bool {
	for {
		if n, known := t.Left("shop", q); known && n <= 0 {
			return false
		} else if known && t.Spend("shop", q, 1) {
			return true
		}
		done := make(chan error, 1)
		t.Refill("shop", q, func(err error) { done <- err })
		if err := <-done; err != nil && !actors.AsError(err).Temporary() {
			w.t.Error(err)
			return false
		}
	}
}

// TestEightNodesSend lets eight nodes' worth of senders spend a quota of 10,000, while one node
// dies with what it has: never more is spent, and at least 99 %.
func TestEightNodesSend(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t, seed)
	w.records.odds = 500
	q := rule.Quota{Name: "spring", Max: 10_000, Per: 24 * 60 * 60 * 1000}
	var spent atomic.Int64
	var senders sync.WaitGroup
	for n := range 8 {
		node, budget := w.node(), int64(1<<62)
		if n == 0 {
			budget = 500 // then it dies
		}
		var own atomic.Int64
		for range 16 {
			senders.Go(func() {
				for own.Add(1) <= budget && w.spend(node, q) {
					spent.Add(1)
				}
			})
		}
	}
	senders.Wait()
	if got := spent.Load(); got > q.Max || got < q.Max*99/100 {
		t.Errorf("%d of %d are spent", got, q.Max)
	}
	t.Logf("%d of %d are spent", spent.Load(), q.Max)
	w.now.Add(q.Per)
	if !w.spend(w.node(), q) {
		t.Error("nothing is left in the next window")
	}
}

// TestNeverOverdrawn lets nodes spend, give back, stop, die and come anew at random, with
// records whose outcome is lost: in no window is more spent than may be.
func TestNeverOverdrawn(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t, seed)
		w.records.odds = 20
		q := rule.Quota{Name: "q", Max: 1 + int64(rng.IntN(300)), Per: 60_000}
		nodes := []*Table{w.node(), w.node(), w.node()}
		spent, window := int64(0), q.Ends(w.now.Load())
		for range 400 {
			n := rng.IntN(len(nodes))
			switch rng.IntN(30) {
			case 0:
				nodes[n] = w.node() // it died
			case 1:
				_ = nodes[n].Close(t.Context())
				nodes[n] = w.node()
			case 2:
				w.now.Add(int64(rng.IntN(20_000)))
				if at := q.Ends(w.now.Load()); at != window {
					spent, window = 0, at
				}
			case 3:
				if spent > 0 && nodes[n].Spend("shop", q, 1) && nodes[n].Spend("shop", q, -1) {
					continue
				}
			default:
				if w.spend(nodes[n], q) {
					spent++
				}
			}
			if spent > q.Max {
				t.Fatalf("seed %d: %d of %d are spent", seed, spent, q.Max)
			}
		}
	}
}

// TestGivenBack: a node that stops gives back what it had not spent.
func TestGivenBack(t *testing.T) {
	w := newWorld(t, 1)
	q := rule.Quota{Name: "q", Max: 1000, Per: 60_000}
	a, b := w.node(), w.node()
	if !w.spend(a, q) {
		t.Fatal("nothing is left")
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 1
	for w.spend(b, q) {
		n++
	}
	if n != 1000 {
		t.Errorf("%d of 1000 were spent", n)
	}
	all, next, err := b.List(t.Context(), "shop", "", 10)
	if err != nil || next != "" || len(all) != 1 || all[0].Name != "q" || all[0].Taken != 1000 || all[0].Ends.UnixMilli() != q.Ends(w.now.Load()) {
		t.Errorf("got %v, %q, %v", all, next, err)
	}
}

// TestCrowdedTable: a table has a bound, and makes room of windows that are over.
func TestCrowdedTable(t *testing.T) {
	w := newWorld(t, 1)
	n := w.node()
	for i := range maxCounters {
		if n.add(place{"shop", rule.Quota{Name: fmt.Sprint(i), Max: 1, Per: 60_000}}) == nil {
			t.Fatal("there is no room")
		}
	}
	for _, c := range n.counters {
		c.ends = w.now.Load() + 1
	}
	done := make(chan error, 1)
	n.Refill("shop", rule.Quota{Name: "more", Max: 1, Per: 60_000}, func(err error) { done <- err })
	if err := <-done; actors.AsError(err).Code != actors.Busy {
		t.Errorf("got %v", err)
	}
	w.now.Add(1)
	if !w.spend(n, rule.Quota{Name: "more", Max: 1, Per: 60_000}) {
		t.Error("there is no room when their windows are over")
	}
}

// TestPortions: they are small parts of what is left, and one at the end.
func TestPortions(t *testing.T) {
	for _, c := range [][3]int64{{10_000, 1, 78}, {10_000, 200, 200}, {10_000, 5000, 312}, {1_000_000, 0, 1000}, {100, 0, 1}, {1, 50, 1}, {0, 5, 0}, {-3, 5, 0}} {
		if got := portion(c[0], c[1]); got != c[2] {
			t.Errorf("of %d left, where %d wait: %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

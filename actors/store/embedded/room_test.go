package embedded

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/store/storetest"
)

// A sizedFS says what a test wants to hear about the room on it.
type sizedFS struct {
	vfs.FS
	free, total *atomic.Uint64
}

// GetDiskUsage implements vfs.FS.
func (f sizedFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free.Load(), TotalBytes: f.total.Load()}, nil
}

// TestLowDisk fills the disk below the watermark and frees it again.
func TestLowDisk(t *testing.T) {
	for _, c := range []struct {
		name        string
		set         int64
		total, mark uint64
		never       bool
	}{
		{"set", 1 << 20, 1 << 40, 1 << 20, false},
		{"a large disk", 0, 1 << 40, 1 << 30, false},
		{"a small disk", 0, 100 << 20, 10 << 20, false},
		{"off", -1, 1 << 40, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := sizedFS{vfs.NewMem(), new(atomic.Uint64), new(atomic.Uint64)}
			disk.free.Store(c.mark)
			disk.total.Store(c.total)
			r := prometheus.NewPedanticRegistry()
			p, err := Open(Config{Dir: "data", FS: disk, LowDisk: c.set}, storetest.NoLog(), r)
			if err != nil {
				t.Fatal(err)
			}
			defer storetest.Close(t, p)
			a := storetest.NewActor("ua/a", 0)
			a.Do(t, p, a.Write("one"))
			disk.free.Store(c.mark - 1)
			if c.never {
				for range 3 {
					time.Sleep(roomPause) // nothing can be waited for
					a.Do(t, p, a.Write("more"))
				}
				return
			}
			waitGauge(t, r, "reddot_store_low_disk", 1)
			waitGauge(t, r, "reddot_store_writable", 0)
			testLow(t, p, a)
			waitGauge(t, r, "reddot_store_low_disk_refused_total", 1)

			disk.free.Store(c.mark)
			waitGauge(t, r, "reddot_store_low_disk", 0)
			waitGauge(t, r, "reddot_store_writable", 1)
			a.Do(t, p, a.Write("three"))
		})
	}
}

// testLow looks at what a store does below the watermark.
func testLow(t *testing.T, p *Store, a *storetest.Actor) {
	t.Helper()
	refused := a.Write("no")
	a.Last--
	if err := p.Append(refused); storetest.CodeOf(err) != actors.Unavailable {
		t.Errorf("a write below the watermark: got %v, want unavailable", err)
	}
	if err := p.Err(); err != nil {
		t.Errorf("the store has ended: %v", err)
	}
	w := a.Write("two")
	w.Upkeep = true
	a.Do(t, p, w)
	a.Do(t, p, &actors.Write{Stream: a.Stream, After: a.Last, Delete: []actors.Range{{First: 1, Last: 1}}, Snapshot: []byte("s")})
	if err := p.PutRecord(t.Context(), "kind", "key", []byte("value")); err != nil {
		t.Errorf("a record: %v", err)
	}
	if err := p.Err(); err != nil {
		t.Errorf("the store has ended: %v", err)
	}
	for name, err := range everyRead(t.Context(), p, a.Key) {
		if err != nil && name != "Owner" {
			t.Errorf("%s below the watermark: %v", name, err)
		}
	}
}

// waitGauge waits until a figure has the value.
func waitGauge(t *testing.T, r prometheus.Gatherer, name string, want float64) {
	t.Helper()
	got := -1.0
	for deadline := time.Now().Add(storetest.Patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if m := f.GetMetric()[0]; f.GetName() == name {
				got = m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
		if got == want {
			return
		}
	}
	t.Fatalf("%s is %v after %v, want %v", name, got, storetest.Patience, want)
}

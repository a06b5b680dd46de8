package app_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"reddot/cmd/internal/app"
)

// TestDiskFaults has the n-th write or sync of the store's files fail, once or
// from then on, under the whole server, which is then started again on what a
// crash of the machine leaves.
func TestDiskFaults(t *testing.T) {
	var sum diskVerdict
	seeds := diskSeeds(t, 4)
	for _, seed := range seeds {
		var v diskVerdict
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { v = testDiskFault(t, seed) })
		sum.answered += v.answered
		sum.lost += v.lost
		sum.replayedLost += v.replayedLost
		sum.doubled += v.doubled
	}
	t.Logf("%d seeds from DISK_SEED=%d on: %d acknowledged, %d lost, %d replayed and not there, %d doubled",
		len(seeds), seeds[0], sum.answered, sum.lost, sum.replayedLost, sum.doubled)
}

func testDiskFault(t *testing.T, seed uint64) diskVerdict {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 99))
	var armed atomic.Bool
	var left atomic.Int64
	left.Store(1 + r.Int64N(60))
	syncs, once := r.IntN(2) == 0, r.IntN(2) == 0
	reason := []error{syscall.ENOSPC, syscall.EIO}[r.IntN(2)]
	disk := vfs.NewCrashableMem()
	faulty := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !armed.Load() || !strings.HasSuffix(op.Path, ".log") && once || !matches(op.Kind, syncs) {
			return nil
		}
		if n := left.Add(-1); n == 0 || n < 0 && !once {
			return reason
		}
		return nil
	}))
	server, url := app.StartOn(t, faulty)
	crowd := startDiskCrowd(url, seed)
	crowd.waitAnswered(t, 20+r.IntN(200))
	armed.Store(true)
	select {
	case err := <-server.Failed():
		if !app.StoreFailed(err) {
			t.Errorf("seed %d: the server ends by %v", seed, err)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("seed %d: the server goes on", seed)
	}
	time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond) // repeats go on meanwhile
	server.Abort()
	crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
	writes, errs := crowd.end()
	for _, err := range errs {
		t.Errorf("seed %d: %v", seed, err)
	}
	_, url = app.StartOn(t, crashed)
	return judgeDisk(t, url, writes)
}

// matches tells whether an operation is a sync, or a write.
func matches(kind errorfs.OpKind, sync bool) bool {
	switch kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return sync
	case errorfs.OpFileWrite:
		return !sync
	}
	return false
}

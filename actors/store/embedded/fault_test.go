package embedded

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"reddot/actors"
	"reddot/actors/store/storetest"
)

// A fault fails an operation on the files, or more of them.
type fault struct {
	name  string
	match func(errorfs.Op) bool
	err   error
	once  bool // the one operation, not all that follow it too
}

func isSync(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
}

func isWrite(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate, errorfs.OpCreate,
		errorfs.OpReuseForWrite, errorfs.OpRename, errorfs.OpLink:
		return true
	}
	return false
}

func isCreate(op errorfs.Op) bool {
	return op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite || op.Kind == errorfs.OpRename
}

func on(suffix string, match func(errorfs.Op) bool) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool { return match(op) && strings.Contains(op.Path, suffix) }
}

func TestFaults(t *testing.T) {
	faults := []fault{
		{"log sync once", on(".log", isSync), syscall.EIO, true},
		{"log write once", on(".log", isWrite), syscall.EIO, true},
		{"another log once", on(".log", isCreate), syscall.ENOSPC, true},
		{"any sync once", isSync, syscall.EIO, true},
		{"table write once", on(".sst", isWrite), syscall.EIO, true},
		{"manifest sync once", on("MANIFEST", isSync), syscall.EIO, true},
		{"disk gone", func(op errorfs.Op) bool { return isSync(op) || isWrite(op) }, syscall.EIO, false},
		{"disk full", isWrite, syscall.ENOSPC, false},
		{"disk full but for the log", func(op errorfs.Op) bool {
			return isWrite(op) && !strings.Contains(op.Path, ".log")
		}, syscall.ENOSPC, false},
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			for range 5 {
				kth := 1 + r.Int64N(30)
				if f.name == "another log once" {
					kth = 1 + r.Int64N(3) // there are few
				}
				testFault(t, r, f, kth)
			}
		})
	}
}

// testFault works on a store until the kth operation that matches fails, and
// checks that the writer ends, and what a crash then leaves.
func testFault(t *testing.T, r *rand.Rand, f fault, kth int64) {
	t.Helper()
	var armed atomic.Bool
	var left atomic.Int64
	left.Store(kth)
	disk := vfs.NewCrashableMem()
	faulty := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !armed.Load() || !f.match(op) {
			return nil
		}
		if n := left.Add(-1); n == 0 || n < 0 && !f.once {
			return f.err
		}
		return nil
	}))
	log := &countingLog{}
	failed := make(chan *Failure, 2)
	cfg := Config{Dir: "data", MemTableBytes: 256 << 10, FS: faulty, Failed: func(f *Failure) { failed <- f }}
	p, err := Open(cfg, slog.New(log), nil)
	if err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	written := workUntilEnd(t, p)

	for _, a := range written {
		if a.Durable() < a.Last && storetest.CodeOf(a.Err()) != actors.Unavailable {
			t.Errorf("kth %d: %s: got %v, want unavailable", kth, a.Key, a.Err())
		}
		if err := p.Append(a.Write("more")); storetest.CodeOf(err) != actors.Unavailable {
			t.Errorf("append after the end: got %v", err)
		}
		wantSilence(t, p, a.Key)
	}
	if err := p.PutRecord(t.Context(), "k", "k", nil); storetest.CodeOf(err) != actors.Unavailable {
		t.Errorf("put a record after the end: got %v", err)
	}
	if p.Err() == nil || !strings.Contains(p.Err().Error(), f.err.Error()) {
		t.Errorf("kth %d: the store ended by %v, want %v", kth, p.Err(), f.err)
	}
	select {
	case got := <-failed:
		if !errors.Is(got, f.err) || !strings.Contains(got.Error(), "nothing that was acknowledged is lost") {
			t.Errorf("kth %d: the failure is told as %q", kth, got)
		}
	case <-time.After(storetest.Patience):
		t.Errorf("kth %d: nobody was told of the failure", kth)
	}
	crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
	if err := p.Close(t.Context()); err == nil {
		t.Error("close does not tell that the writer ended")
	}
	reopened := open(t, Config{Dir: "data", FS: crashed})
	defer storetest.Close(t, reopened)
	for _, a := range written {
		storetest.CheckNumbered(t, reopened, a.Key, a.Durable(), a.Last)
	}
	if n := log.lines.Load(); n > 10 {
		t.Errorf("kth %d: %d errors in the log: Pebble spins", kth, n)
	}
	if len(failed) > 0 {
		t.Errorf("kth %d: the failure was told twice", kth)
	}
}

// wantSilence checks that a store whose writer has failed answers no read.
func wantSilence(t *testing.T, s storetest.Store, key actors.Key) {
	t.Helper()
	for name, err := range everyRead(t.Context(), s, key) {
		if storetest.CodeOf(err) != actors.Unavailable {
			t.Errorf("%s after the end: got %v, want unavailable", name, err)
		}
	}
}

// everyRead does each kind of read there is once, and returns their errors.
func everyRead(ctx context.Context, s storetest.Store, key actors.Key) map[string]error {
	errs := make(map[string]error)
	_, _, errs["Load"] = storetest.Load(s, key)
	errs["Events"] = s.Events(ctx, key, 1, math.MaxUint64, func(uint64, []byte) bool { return true })
	_, errs["Snapshot"] = s.Snapshot(ctx, key, math.MaxUint64)
	_, errs["Owner"] = s.Owner(ctx, actors.ID{1})
	_, errs["Tallies"] = s.Tallies(ctx, actors.ID{1})
	errs["Due"] = s.Due(ctx, math.MaxInt64, func(actors.Key, int64) bool { return true })
	_, errs["ReadRecord"] = s.ReadRecord(ctx, "kind", "key")
	_, errs["ListRecords"] = s.ListRecords(ctx, "kind", "", 10)
	_, errs["Epochs"] = s.Epochs(ctx)
	return errs
}

// workUntilEnd appends as a few actors would, several writes under way each,
// until the store has ended.
func workUntilEnd(t *testing.T, p *Store) []*storetest.Actor {
	t.Helper()
	var all []*storetest.Actor
	for i := range storetest.NumberedActors {
		all = append(all, storetest.NewActor(storetest.NumberedKey(i), 0))
	}
	deadline := time.Now().Add(storetest.Patience)
	for p.Err() == nil {
		if time.Now().After(deadline) {
			t.Fatalf("the store did not end: %+v", p.Stats())
		}
		for _, a := range all {
			if a.Last < a.Durable()+5 && p.Append(storetest.NumberedWrite(a.Stream, a.Last+1)) == nil {
				a.Last++
			}
		}
		runtime.Gosched()
	}
	select {
	case <-p.writer.Ended():
	case <-time.After(storetest.Patience):
		t.Fatal("the writer did not settle what was left")
	}
	return all
}

// A countingLog counts its records.
type countingLog struct{ lines atomic.Int64 }

func (l *countingLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *countingLog) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		l.lines.Add(1)
	}
	return nil
}
func (l *countingLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *countingLog) WithGroup(string) slog.Handler      { return l }

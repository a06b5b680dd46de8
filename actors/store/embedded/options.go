package embedded

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// fileFormat is Pebble's own format on disk. It is named here so that a new
// version of the module does not by itself cut the way back to an old program.
const fileFormat = pebble.FormatValueSeparation

// options returns how Pebble is set up for many small appends, few large
// snapshots and loads of one actor.
func options(cfg Config, fs vfs.FS, lock *pebble.Lock, p *Store) *pebble.Options {
	o := &pebble.Options{
		FS:                          fs,
		Lock:                        lock,
		Comparer:                    newComparer(),
		Merger:                      newMerger(),
		FormatMajorVersion:          fileFormat,
		CacheSize:                   int64(cfg.CacheBytes) + 2*int64(cfg.MemTableBytes), // Pebble takes the memory tables from it
		MaxOpenFiles:                cfg.MaxOpenFiles,
		MemTableSize:                uint64(cfg.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		// Events are written once and mostly deleted unread: it pays to let
		// many tables gather before they are merged, and to merge little. The
		// bloom filters keep a load from looking into all of them. Pebble merges
		// at half the threshold: 38 layers. At 48, batches write another 3 %
		// faster, but 18,000 users who come back to 100 messages each wait for
		// 8 s in place of 5, and were seen to take 1 KB more each.
		L0CompactionThreshold:      76,
		L0StopWritesThreshold:      112,
		LBaseMaxBytes:              512 << 20,
		CompactionConcurrencyRange: func() (int, int) { return 1, max(1, runtime.GOMAXPROCS(0)/2) },
		Logger:                     libraryLog{p},
		EventListener: &pebble.EventListener{
			BackgroundError: p.backgroundError,
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				p.writer.Fail(&fatal{text: fmt.Sprintf("pebble: %s", i), causes: []error{i.Details}})
			},
			DiskSlow:        func(i pebble.DiskSlowInfo) { p.log.Warn("disk is slow", "info", i.String()) },
			WriteStallBegin: func(i pebble.WriteStallBeginInfo) { p.log.Warn("store stalls", "reason", i.Reason) },
			WriteStallEnd:   func() { p.log.Info("store goes on") },
		},
	}
	// Hears when the disk is slow.
	o.WithFSDefaults()
	// zstd on the lowest level would take a tenth of the processor's time more,
	// and made no difference on disk: most events are trimmed before they lie
	// still.
	// The tables of level 0 are soon merged.
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings {
		c := pebble.DBCompressionFastest
		c.Levels[0] = pebble.DBCompressionNone.Levels[0]
		return c
	})
	// Pebble takes the events of an actor for old versions of one key, and would
	// keep their contents apart, in blocks that it holds in memory until a
	// table is whole.
	o.Experimental.SpanPolicyFunc = func([]byte) (policy pebble.SpanPolicy, end []byte, err error) {
		return pebble.SpanPolicy{DisableValueSeparationBySuffix: true}, nil, nil
	}
	for i := range o.Levels {
		o.Levels[i].BlockSize = 16 << 10
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// backgroundPause keeps Pebble, which tries failed background work again at
// once, from spinning. It holds its main lock meanwhile, which most reads
// don't need.
const backgroundPause = time.Second

// backgroundError hears of a flush, a compaction or the like that went wrong,
// which only a bad or full disk explains; Pebble stalls all commits once a few
// memory tables can't be flushed.
func (p *Store) backgroundError(err error) {
	p.writer.Fail(fmt.Errorf("background work: %w", err))
	time.Sleep(backgroundPause)
}

// libraryLog passes on what Pebble logs.
type libraryLog struct{ p *Store }

// Infof implements pebble.Logger.
func (l libraryLog) Infof(format string, args ...any) {
	l.p.log.Debug("pebble", slog.String("says", fmt.Sprintf(format, args...)))
}

// Errorf implements pebble.Logger.
func (l libraryLog) Errorf(format string, args ...any) {
	l.p.log.Error("pebble", slog.String("says", fmt.Sprintf(format, args...)))
}

// Fatalf implements pebble.Logger. Pebble expects it to end the process: it
// goes on with broken state otherwise, answers a commit that failed with nil,
// and panics in the end. So the writer ends, and the caller stays here for
// good; only while the store opens, Open can return instead.
func (l libraryLog) Fatalf(format string, args ...any) {
	f := &fatal{text: "pebble: " + fmt.Sprintf(format, args...)}
	for _, a := range args {
		if err, ok := a.(error); ok {
			f.causes = append(f.causes, err)
		}
	}
	l.p.writer.Fail(f)
	if l.p.opened.Load() {
		select {}
	}
}

// A fatal is what Pebble said at its end, and the errors that it named.
type fatal struct {
	text   string
	causes []error
}

// Error implements error.
func (f *fatal) Error() string { return f.text }

// Unwrap returns the errors that Pebble named.
func (f *fatal) Unwrap() []error { return f.causes }

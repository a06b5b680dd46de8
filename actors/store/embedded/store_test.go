package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

// wantOpenError checks that the store in dir is refused, and says all of the
// words.
func wantOpenError(t *testing.T, dir string, words ...string) {
	t.Helper()
	p, err := Open(Config{Dir: dir}, storetest.NoLog(), nil)
	if err == nil {
		storetest.Close(t, p)
		t.Fatal("the store was opened")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error %q does not say %q", err, w)
		}
	}
}

// fill writes n events of one actor and closes the store.
func fill(t *testing.T, dir string, n int, flush bool) *storetest.Actor {
	t.Helper()
	p := open(t, Config{Dir: dir})
	key, last := actors.UserKey("default", "ann"), uint64(0)
	err := p.Load(t.Context(), key, func([]byte) error { return nil }, func([]byte) error { last++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	a := storetest.NewActor(key, last)
	for range n {
		a.Do(t, p, a.Write(strings.Repeat("e", 1000)))
	}
	if flush {
		if err := p.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Close(t, p)
	return a
}

// glob returns the files of dir whose names match.
func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return names
}

// damage flips a bit in the middle of the file.
func damage(t *testing.T, name string, at func(size int) int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[at(len(b))] ^= 0x10
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func middle(size int) int { return size / 2 }

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{}, {Dir: "x", Config: store.Config{QueueWrites: -1}}, {Dir: "x", Config: store.Config{QueueBytes: -1}}, {Dir: "x", Config: store.Config{BatchWrites: -1}},
		{Dir: "x", Config: store.Config{BatchBytes: -1}}, {Dir: "x", MemTableBytes: 1}, {Dir: "x", CacheBytes: 1}, {Dir: "x", MaxOpenFiles: 1},
	} {
		if _, err := Open(cfg, storetest.NoLog(), nil); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

func TestDirIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	storetest.Close(t, open(t, Config{Dir: dir}))
	for _, d := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(d)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v", d, info.Mode())
		}
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	p := open(t, Config{Dir: dir})
	wantOpenError(t, dir, dir, fmt.Sprintf("in use by process %d on host", os.Getpid()), "stop that process")
	storetest.Close(t, p)
	storetest.Close(t, open(t, Config{Dir: dir}))
}

// A lock that can't be had for another reason is not said to be somebody's.
func TestLockTellsTheCause(t *testing.T) {
	for what, c := range map[string]struct {
		err  error
		want string
		held bool
	}{
		"held":                {syscall.EAGAIN, "in use by", true},
		"held, as others say": {syscall.EACCES, "in use by", true},
		"no right to it":      {&fs.PathError{Op: "open", Path: "LOCK", Err: syscall.EACCES}, "whoever uses it: open LOCK: permission denied", false},
		"read only":           {&fs.PathError{Op: "open", Path: "LOCK", Err: syscall.EROFS}, "read-only file system", false},
		"no locks":            {syscall.ENOLCK, "can't lock files", false},
	} {
		if err := lockError(vfs.NewMem(), "data", c.err); !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrInUse) != c.held {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "LOCK"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}, storetest.NoLog(), nil); err == nil || errors.Is(err, ErrInUse) || strings.Contains(err.Error(), "stop") {
		t.Errorf("got %v", err)
	}
}

func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	p := open(t, Config{Dir: dir})
	if err := p.db.Set(formatKey, appendSum(nil, formatVersion+1), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	storetest.Close(t, p)
	wantOpenError(t, dir, "format version 3", "up to 2", "newer version")
}

func TestForeignStore(t *testing.T) {
	dir := t.TempDir()
	p := open(t, Config{Dir: dir})
	if err := p.db.Set([]byte("x"), nil, pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if err := p.db.Delete(formatKey, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	storetest.Close(t, p)
	wantOpenError(t, dir, "not a store of this program")
}

func TestOtherOrder(t *testing.T) {
	dir := t.TempDir()
	db, err := pebble.Open(dir, &pebble.Options{Logger: libraryLog{&Store{log: storetest.NoLog()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, dir, "comparer")
}

func TestMissingMarker(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 3, true)
	for _, name := range glob(t, dir, "marker.manifest.*") {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	wantOpenError(t, dir, "files are missing", "backup")
}

func TestDamagedManifest(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		fill(t, dir, 3, true)
	}
	names := glob(t, dir, "MANIFEST-*")
	name := names[len(names)-1]
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(whole) * 2 / 3 { // the last edit may be torn
		b := slices.Clone(whole)
		b[i] ^= 0x10
		if !damaged(b) {
			t.Errorf("a bit flipped in byte %d of %d was not found", i, len(whole))
		}
	}
	for i := range whole {
		if damaged(whole[:i]) {
			t.Errorf("torn after byte %d: taken for damaged", i)
		}
	}
	damage(t, name, middle)
	wantOpenError(t, dir, "damaged", "restore the newest backup")
}

func TestDamagedLog(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 200, false)
	logs := glob(t, dir, "*.log")
	damage(t, logs[len(logs)-1], middle)
	wantOpenError(t, dir, "damaged", "restore the newest backup")
}

// A log that ends within a batch is what a crash leaves: that batch was not
// acknowledged.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	a := fill(t, dir, 200, false)
	logs := glob(t, dir, "*.log")
	name := logs[len(logs)-1]
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()-700); err != nil {
		t.Fatal(err)
	}
	p := open(t, Config{Dir: dir})
	defer storetest.Close(t, p)
	_, events, err := storetest.Load(p, a.Key)
	if err != nil || len(events) != 199 {
		t.Errorf("got %d events, %v; want 199", len(events), err)
	}
}

// Damage that only a read finds is an error there, never a missing event, and
// ends the writer.
func TestDamagedTable(t *testing.T) {
	dir := t.TempDir()
	a := fill(t, dir, 200, true)
	tables := glob(t, dir, "*.sst")
	damage(t, tables[len(tables)-1], func(int) int { return 100 }) // the first one has the format version
	p := open(t, Config{Dir: dir})
	if _, events, err := storetest.Load(p, a.Key); err == nil {
		t.Errorf("got %d events and no error", len(events))
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "corruption") {
		t.Errorf("the writer goes on: %v", err)
	}
	if err := p.Close(t.Context()); err == nil {
		t.Error("close says nothing")
	}
}

func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	p := open(t, Config{Dir: filepath.Join(dir, "data")})
	var all []*storetest.Actor
	for i := range storetest.NumberedActors {
		a := storetest.NewActor(storetest.NumberedKey(i), 0)
		for range 50 {
			a.Do(t, p, storetest.NumberedWrite(a.Stream, a.Last+1))
			a.Last++
		}
		all = append(all, a)
	}
	backup := filepath.Join(dir, "backup")
	if err := p.Checkpoint(backup); err != nil {
		t.Fatal(err)
	}
	if err := p.Checkpoint(backup); err == nil {
		t.Error("a checkpoint over another one")
	}
	all[0].Do(t, p, storetest.NumberedWrite(all[0].Stream, all[0].Last+1))
	storetest.Close(t, p)
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("backup: %v, %v", info.Mode(), err)
	}
	p = open(t, Config{Dir: backup})
	defer storetest.Close(t, p)
	for _, a := range all {
		storetest.CheckNumbered(t, p, a.Key, 50, 50)
	}
}

func TestMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	disk := vfs.NewMem()
	for _, key := range []actors.Key{"ua/a", "ua/b"} { // Close unregisters
		p, err := Open(Config{Dir: "data", FS: disk}, storetest.NoLog(), r)
		if err != nil {
			t.Fatal(err)
		}
		a := storetest.NewActor(key, 0)
		a.Do(t, p, a.Write("one", "two"))
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range families {
			names = append(names, f.GetName())
			if f.GetName() == "reddot_store_events_total" && f.GetMetric()[0].GetCounter().GetValue() != 2 {
				t.Errorf("events: got %v", f)
			}
		}
		for _, want := range []string{
			"reddot_store_batch_writes", "reddot_store_bytes_total", "reddot_store_cache_hits_total",
			"reddot_store_cache_misses_total", "reddot_store_commit_seconds", "reddot_store_compaction_debt_bytes",
			"reddot_store_disk_bytes", "reddot_store_events_total", "reddot_store_memtable_bytes",
			"reddot_store_queue_bytes", "reddot_store_queue_writes", "reddot_store_read_amplification",
			"reddot_store_refused_total", "reddot_store_writable",
		} {
			if !slices.Contains(names, want) {
				t.Errorf("no %s", want)
			}
		}
		if p.Stats().DiskBytes == 0 {
			t.Error("no bytes on disk")
		}
		storetest.Close(t, p)
	}
	// A name that is taken already is an error, and leaves the directory free.
	r.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "reddot_store_events_total", Help: "Events made durable."}))
	if _, err := Open(Config{Dir: "data", FS: disk}, storetest.NoLog(), r); err == nil {
		t.Error("metrics registered twice")
	}
	storetest.Close(t, open(t, Config{Dir: "data", FS: disk}))
}

// A directory that somebody made before, for all to enter, is narrowed.
func TestDataDirIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := Open(Config{Dir: dir}, storetest.NoLog(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

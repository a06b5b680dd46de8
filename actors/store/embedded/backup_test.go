package embedded

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reddot/actors/store/storetest"
)

// newBackup returns a backup of a store that was written to meanwhile, and how
// far each of its actors was acknowledged before.
func newBackup(t *testing.T) (backup []byte, acked [storetest.NumberedActors]uint64, history uint64) {
	t.Helper()
	p := open(t, Config{Dir: filepath.Join(t.TempDir(), "data"), MemTableBytes: 1 << 20})
	defer storetest.Close(t, p)
	if err := p.PutRecord(t.Context(), "kind", "key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	c := storetest.StartWorkers(t, p)
	for range 20 {
		c.Progress(t)
	}
	for i := range acked {
		acked[i] = c.Acked[i].Load()
	}
	var b bytes.Buffer
	made, err := p.Backup(&b)
	if err != nil {
		t.Fatal(err)
	}
	c.Progress(t)
	c.End(t)
	if checked, err := CheckBackup(bytes.NewReader(b.Bytes())); err != nil || len(checked.Files) != len(made.Files) || checked.Bytes() != made.Bytes() || made.Bytes() == 0 {
		t.Errorf("got %v, %v; made %v", checked, err, made)
	}
	names, err := filepath.Glob(filepath.Join(p.cfg.Dir, checkpointPrefix+"*"))
	if err != nil || len(names) > 0 {
		t.Errorf("the backup left %v, %v", names, err)
	}
	return b.Bytes(), acked, p.History()
}

// A backup of a store at work holds all that was acknowledged before it, and is
// restored into a new directory, with a history of its own.
func TestBackup(t *testing.T) {
	backup, acked, history := newBackup(t)
	dir := filepath.Join(t.TempDir(), "deep", "data")
	if _, err := Restore(bytes.NewReader(backup), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(bytes.NewReader(backup), dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over what is there: got %v", err)
	}
	if names, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(names) != 1 {
		t.Errorf("there are %v, %v", names, err)
	}
	p := open(t, Config{Dir: dir})
	defer storetest.Close(t, p)
	for i, n := range acked {
		storetest.CheckNumbered(t, p, storetest.NumberedKey(i), n, 1<<60)
	}
	if v, err := p.ReadRecord(t.Context(), "kind", "key"); err != nil || string(v) != "value" {
		t.Errorf("the record is %q, %v", v, err)
	}
	if p.History() == history {
		t.Error("it has the history of the store that it was made of")
	}
}

// A backup that is cut off or altered anywhere is refused, and leaves nothing.
func TestBackupDamaged(t *testing.T) {
	backup, _, _ := newBackup(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	parent := t.TempDir()
	refused := func(what string, b []byte) {
		t.Helper()
		if _, err := CheckBackup(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: it is taken for whole", what)
		}
		if _, err := Restore(bytes.NewReader(b), filepath.Join(parent, "data")); err == nil || len(b) > 0 && !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: got %v", what, err)
		}
		if names, err := os.ReadDir(parent); err != nil || len(names) > 0 {
			t.Fatalf("%s: it leaves %v, %v", what, names, err)
		}
	}
	refused("nothing", nil)
	refused("no backup", []byte(strings.Repeat("this is no backup\n", 1000)))
	for range 30 {
		n := r.IntN(len(backup) - 1024) // the last two blocks are empty
		refused("cut off", backup[:n])
	}
	altered := 0
	for range 60 {
		at := r.IntN(len(backup) - 1024)
		b := bytes.Clone(backup)
		b[at] ^= 1 << r.IntN(8)
		// A byte of padding or of a header's date is none of the backup's.
		if got, err := CheckBackup(bytes.NewReader(b)); err == nil {
			if want, err := CheckBackup(bytes.NewReader(backup)); err != nil || got.Bytes() != want.Bytes() {
				t.Errorf("altered at %d: %v, %v", at, got, err)
			}
			continue
		}
		altered++
		refused("altered", b)
	}
	if altered < 30 {
		t.Errorf("%d alterations were told: the test has shown nothing", altered)
	}
	newer := bytes.Replace(backup, []byte(`"format": 1`), []byte(`"format": 2`), 1)
	if _, err := CheckBackup(bytes.NewReader(newer)); !errors.Is(err, errAltered) {
		t.Errorf("another manifest: got %v", err)
	}
}

// What a backup left that a crash broke off is removed by the next start.
func TestBackupBrokenOff(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := open(t, Config{Dir: dir})
	left := filepath.Join(dir, checkpointPrefix+"1")
	if err := p.Checkpoint(left); err != nil {
		t.Fatal(err)
	}
	storetest.Close(t, p)
	p = open(t, Config{Dir: dir})
	defer storetest.Close(t, p)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A stopped data directory is backed up and restored elsewhere, and nothing is
// overwritten or left half.
func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	data, file, restored := filepath.Join(dir, "data"), filepath.Join(dir, "backup.tar"), filepath.Join(dir, "restored")
	if _, info, code := run(t, "", "backup", "--data", data, file); code != exitFailed || !strings.Contains(info, "no store") {
		t.Errorf("nothing to back up: got %d %s", code, info)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a backup that failed left its file: %v", err)
	}
	if _, info, code := run(t, "", "key", "create", "--data", data, "--name", "first"); code != exitOK {
		t.Fatal(info)
	}
	if _, info, code := run(t, "", "backup", "--data", data, file); code != exitOK || !strings.Contains(info, "backed up") {
		t.Fatalf("got %d %s", code, info)
	}
	if _, info, code := run(t, "", "backup", "--data", data, file); code != exitFailed || !strings.Contains(info, "nothing is overwritten") {
		t.Errorf("a second time: got %d %s", code, info)
	}
	out, info, code := run(t, "", "backup", "--data", data, "-")
	if code != exitOK {
		t.Fatal(info)
	}
	if _, info, code := run(t, out[:len(out)/2], "restore", "--data", restored, "-"); code != exitFailed || !strings.Contains(info, "cut off") {
		t.Errorf("half of it: got %d %s", code, info)
	}
	if _, info, code := run(t, "", "restore", "--data", restored, file); code != exitOK || !strings.Contains(info, "fetch again") {
		t.Errorf("got %d %s", code, info)
	}
	if _, info, code := run(t, "", "restore", "--data", restored, file); code != exitFailed || !strings.Contains(info, "nothing is overwritten") {
		t.Errorf("over it: got %d %s", code, info)
	}
	if _, info, code := run(t, "", "restore", "--data", restored); code != exitOK || !strings.Contains(info, "history of its own") {
		t.Errorf("without a file: got %d %s", code, info)
	}
	if _, info, code := run(t, "", "backup", "--store", "postgres://none@127.0.0.1/x", file+".2"); code != exitFailed || !strings.Contains(info, "pg_dump") {
		t.Errorf("a database: got %d %s", code, info)
	}
	if _, _, code := run(t, "", "restore", "a", "b"); code != exitUsage {
		t.Errorf("two files: got %d", code)
	}
}

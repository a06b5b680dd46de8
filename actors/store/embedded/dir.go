package embedded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ownerFile says who holds the lock of a data directory.
const ownerFile = "OWNER"

// privateFS makes directories for their owner alone.
type privateFS struct{ vfs.FS }

// MkdirAll implements vfs.FS.
func (f privateFS) MkdirAll(dir string, _ os.FileMode) error {
	return f.FS.MkdirAll(dir, 0o700)
}

// lockDir makes the data directory if there is none, and locks it.
func lockDir(fs privateFS, dir string) (*pebble.Lock, error) {
	if err := makeDir(fs, dir); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if err := makePrivate(fs, dir); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return nil, lockError(fs, dir, err)
	}
	if err := writeOwner(fs, dir); err != nil {
		_ = lock.Close() // err says more
		return nil, fmt.Errorf("note who holds the data directory: %w", err)
	}
	return lock, nil
}

// ErrInUse is why a data directory can't be opened that another process has.
var ErrInUse = errors.New("the data directory is in use")

// lockError returns why a directory could not be locked: only one cause of many is
// that somebody else has it.
func lockError(f vfs.FS, dir string, err error) error {
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return fmt.Errorf("the lock of the data directory can't be had, whoever uses it: %w", err)
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS), errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("the file system of the data directory can't lock files; name a directory on another one: %w", err)
	}
	return fmt.Errorf("%w by %s; stop that process or name another directory: lock: %w", ErrInUse, readOwner(f, dir), err)
}

// makeDir makes dir and its parents and syncs what names them.
func makeDir(fs privateFS, dir string) error {
	var made []string
	for d := dir; ; d = fs.PathDir(d) {
		if _, err := fs.Stat(d); err == nil || d == fs.PathDir(d) {
			break
		}
		made = append(made, d)
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range made {
		if err := syncDir(fs, fs.PathDir(d)); err != nil {
			return err
		}
	}
	return nil
}

// makePrivate takes a directory away from others than its owner, who made it before
// there was a server. What cannot be taken away is refused.
func makePrivate(fs privateFS, dir string) error {
	if fs.FS != vfs.Default {
		return nil // of a test, without permissions
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	if err := os.Chmod(dir, info.Mode().Perm()&0o700); err != nil {
		return fmt.Errorf("the data directory can be entered by others (%s), and that can't be changed; make it 0700: %w", info.Mode().Perm(), err)
	}
	return nil
}

// syncDir makes durable which files a directory has.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

func writeOwner(fs vfs.FS, dir string) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	f, err := fs.Create(fs.PathJoin(dir, ownerFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "process %d on host %s, since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func readOwner(fs vfs.FS, dir string) string {
	const unknown = "another process"
	f, err := fs.Open(fs.PathJoin(dir, ownerFile))
	if err != nil {
		return unknown
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 512))
	if err != nil || len(b) == 0 {
		return unknown
	}
	return strings.TrimSpace(string(b))
}

// checkFiles refuses a directory whose list of tables is damaged, or that
// holds tables or logs but no list: Pebble would take it for a new one and
// delete them.
func checkFiles(fs vfs.FS, dir string) error {
	desc, err := pebble.Peek(dir, fs)
	if err != nil {
		return openError(err)
	}
	if desc.Exists {
		return openError(checkManifest(fs, desc.ManifestFilename))
	}
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".blob") {
			return fmt.Errorf("there is %s, but no MANIFEST marker: files are missing; restore the newest backup (a checkpoint)", name)
		}
	}
	return nil
}

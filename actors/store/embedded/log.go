package embedded

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A logFS is what Pebble's files are on. It fails the writer at the first error
// of a log, and keeps the caller: while Pebble changes to another log it would
// panic with its main lock not held, which no recover survives.
type logFS struct {
	storeFS
	p *Store
}

// failed tells of an error of a log. While the store opens, Open returns it.
func (f logFS) failed(err error) error {
	if err == nil || !f.p.opened.Load() {
		return err
	}
	f.p.writer.Fail(err)
	select {}
}

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// Create implements vfs.FS.
func (f logFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.storeFS.Create(name, category)
	return f.log(name, file, err)
}

// ReuseForWrite implements vfs.FS.
func (f logFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.storeFS.ReuseForWrite(from, to, category)
	return f.log(to, file, err)
}

func (f logFS) log(name string, file vfs.File, err error) (vfs.File, error) {
	switch {
	case !isLog(name):
		return file, err
	case err != nil:
		return nil, f.failed(err)
	}
	return logFile{file, f}, nil
}

// A logFile is one of Pebble's logs.
type logFile struct {
	vfs.File
	fs logFS
}

// Write implements vfs.File.
func (l logFile) Write(b []byte) (int, error) {
	n, err := l.File.Write(b)
	return n, l.fs.failed(err)
}

// Sync implements vfs.File.
func (l logFile) Sync() error { return l.fs.failed(l.File.Sync()) }

// SyncData implements vfs.File.
func (l logFile) SyncData() error { return l.fs.failed(l.File.SyncData()) }

// SyncTo implements vfs.File.
func (l logFile) SyncTo(length int64) (bool, error) {
	full, err := l.File.SyncTo(length)
	return full, l.fs.failed(err)
}

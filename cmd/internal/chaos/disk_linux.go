package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"reddot/actors/store/pgserver"
)

// The file system that the database is on, of this run's namespace.
const (
	diskDir  = "/run/db"
	diskSize = "size=512m,mode=755"
)

// startDatabase starts the database on a small file system of its own.
func startDatabase(ctx context.Context) (*pgserver.Server, error) {
	if err := os.MkdirAll(diskDir, 0o755); err != nil { //nolint:gosec // G301: of this namespace
		return nil, err
	}
	if err := syscall.Mount("tmpfs", diskDir, "tmpfs", 0, diskSize); err != nil {
		return nil, fmt.Errorf("mount the database's disk: %w", err)
	}
	return pgserver.Start(ctx, pgserver.Config{Dir: filepath.Join(diskDir, "pg"),
		Settings: map[string]string{"max_wal_size": "96MB", "min_wal_size": "32MB"}})
}

// mostRest is how many bytes a full disk may have left: few, for the database
// writes little, and has what it needs for a while.
const mostRest = 64 << 10

// diskFull leaves the database no room for a while. PostgreSQL may end by that;
// then it is started again, as an init system would do it.
func (n *nemesis) diskFull(int) {
	ballast := filepath.Join(diskDir, "ballast")
	n.must(fillDisk(ballast, n.rng.Int64N(mostRest)))
	n.rest(500, 6000)
	n.must(os.Remove(ballast))
	ctx, cancel := context.WithTimeout(n.ctx, time.Minute)
	defer cancel()
	n.must(n.world.revive(ctx))
}

// fillDisk writes a file that leaves so many bytes.
func fillDisk(name string, rest int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for size := int64(0); ; {
		var st syscall.Statfs_t
		if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
			return err
		}
		more := int64(st.Bavail)*st.Bsize - rest
		if more <= 0 {
			return nil
		}
		err := syscall.Fallocate(int(f.Fd()), 0, size, more)
		if err != nil && !errors.Is(err, syscall.ENOSPC) { // the database was faster: look again
			return err
		}
		if err == nil {
			size += more
		}
	}
}

// reviveTime is how long a database that had no room may take until it answers
// by itself.
const reviveTime = 10 * time.Second

// revive waits for the database, and starts it again if it has ended.
func (w *world) revive(ctx context.Context) error {
	late := time.Now().Add(reviveTime)
	for {
		_, err := w.db.SQL(ctx, "select 1")
		if err == nil {
			return nil
		}
		if time.Now().After(late) {
			w.say("the database has ended for want of room, and is started again: %v", err)
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	_ = w.db.Stop() // what it ended with is no news
	return w.db.Restart(ctx)
}

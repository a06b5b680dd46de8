package store

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/jackc/pgx/v5/pgconn"
)

// Config holds the settings of a store. The zero value of each but Dir and URL
// is its default. Memory uses those of the queue only, Postgres those of the
// queue and its own, Pebble all but those of Postgres.
type Config struct {
	// URL names the database: postgres://user:password@host:5432/name, or any
	// other form that libpq takes. Several hosts may be named, with
	// target_session_attrs=read-write to find the primary among them.
	URL string
	// Committers is how many commits may be under way at a time, each over a
	// connection of its own. The queue and its bounds are split among them:
	// more of them commit less at a time, and pay only where the database is
	// far away. 0: 2.
	Committers int
	// Readers is how many connections reads may use. 0: 8.
	Readers int
	// Timeout is how long the database may take over a commit or a read; then
	// it counts as gone. 0: 10 seconds.
	Timeout time.Duration
	// EraseWithin is how soon what is no longer needed is off the disk. Actors
	// delete it within the first half; the second one is the store's (not
	// Memory's, which keeps nothing). 0: 24 hours.
	EraseWithin time.Duration
	// Dir is the data directory. It is created, for its owner alone, if there
	// is none. One process at a time uses it.
	Dir string
	// QueueWrites is how many writes may wait for a commit; more are refused
	// with Busy. 0: 65,536.
	QueueWrites int
	// QueueBytes is how many bytes the waiting writes may have. A write that
	// is larger is taken if no other waits. 0: 64 MiB.
	QueueBytes int
	// BatchWrites is how many writes one commit takes at most. 0: 4,096.
	BatchWrites int
	// BatchBytes is how many bytes one commit takes at most; a larger write
	// is a commit of its own. 0: 8 MiB.
	BatchBytes int
	// MemTableBytes is the size of Pebble's memory table. A larger one means
	// less compaction, a longer start after a crash, and two or three of them in memory.
	// 0: 16 MiB.
	MemTableBytes int
	// CacheBytes is the size of Pebble's block cache. The system caches files as well. 0: 4 MiB.
	CacheBytes int
	// MaxOpenFiles bounds the table files that Pebble keeps open. 0: 1,000.
	MaxOpenFiles int

	// LowDisk is how many bytes are to be free on the disk of an embedded store:
	// below it, new writes are refused with Unavailable, and reads go on. It goes
	// on by itself. 0: 1 GiB, or a tenth of a disk that is smaller than 10 GiB;
	// -1: new writes are taken until the disk is full.
	LowDisk int64
	// FS is what the files are on; nil: the operating system's.
	FS vfs.FS
	// Failed is told once, in a goroutine of its own, that an embedded store
	// has ended: it answers nothing more, and only a new start tells what the
	// disk holds. The process is to end. Nil: nobody is told.
	Failed func(*Failure)

	dial pgconn.DialFunc // how committers reach the database; nil: as usual
}

// withDefaults returns c with its zero values replaced, or what is wrong.
func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name  string
		value *int
		zero  int
		least int
	}{
		{"QueueWrites", &c.QueueWrites, 1 << 16, 1},
		{"QueueBytes", &c.QueueBytes, 64 << 20, 1},
		{"BatchWrites", &c.BatchWrites, 4096, 1},
		{"BatchBytes", &c.BatchBytes, 8 << 20, 1},
		{"MemTableBytes", &c.MemTableBytes, 16 << 20, 256 << 10},
		{"CacheBytes", &c.CacheBytes, 4 << 20, 1 << 20},
		{"MaxOpenFiles", &c.MaxOpenFiles, 1000, 64},
		{"Committers", &c.Committers, 2, 1},
		{"Readers", &c.Readers, 8, 1},
	} {
		if *f.value == 0 {
			*f.value = f.zero
		}
		if *f.value < f.least {
			return c, errors.New("store: " + f.name + " is too small")
		}
	}
	if c.EraseWithin == 0 {
		c.EraseWithin = 24 * time.Hour
	}
	if c.EraseWithin < time.Second {
		return c, errors.New("store: EraseWithin is below a second")
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Timeout < time.Second {
		return c, errors.New("store: Timeout is below a second")
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	return c, nil
}

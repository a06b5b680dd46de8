package embedded

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reddot/actors/store"
)

// Config holds the settings of the store. The zero value of each but Dir is its
// default; what has a yaml tag is a setting of the server.
type Config struct {
	store.Config

	// Dir is the data directory. It is created, for its owner alone, if there
	// is none. One process at a time uses it.
	Dir string
	// MemTableBytes is the size of Pebble's memory table. A larger one means
	// less compaction, a longer start after a crash, and two or three of them in memory.
	// 0: 16 MiB.
	MemTableBytes int `yaml:"mem_table" unit:"bytes" min:"1MiB"`
	// CacheBytes is the size of Pebble's block cache, which fills as the data grows. The
	// system caches files as well; but where the tables' filters and indexes have no room
	// here, each load reads and checks them anew. 0: 32 MiB.
	CacheBytes int `yaml:"cache" unit:"bytes" min:"1MiB"`
	// MaxOpenFiles bounds the table files that Pebble keeps open. 0: 1,000.
	MaxOpenFiles int `yaml:"open_files" min:"64"`
	// LowDisk is how many bytes are to be free on the disk: below it, new writes
	// are refused with Unavailable, and reads go on. Writes are taken again by
	// themselves. 0: 1 GiB, or a tenth of a disk that is smaller than 10 GiB;
	// -1: new writes are taken until the disk is full.
	LowDisk int64 `yaml:"low_disk" unit:"bytes"`
	// FS is what the files are on; nil: the operating system's.
	FS vfs.FS
	// Failed is told once, in a goroutine of its own, that the store has ended:
	// it answers nothing more, and only a new start tells what the disk holds.
	// The process is to end. Nil: nobody is told.
	Failed func(*Failure)
}

// WithDefaults returns c with its zero values replaced, or what is wrong.
func (c Config) WithDefaults() (Config, error) {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	var err error
	c.Config, err = c.Config.WithDefaults()
	err = errors.Join(err,
		store.Default("MemTableBytes", &c.MemTableBytes, 16<<20, 256<<10),
		store.Default("CacheBytes", &c.CacheBytes, 32<<20, 1<<20),
		store.Default("MaxOpenFiles", &c.MaxOpenFiles, 1000, 64),
	)
	return c, err
}

package embedded

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// mintHistory returns a new id for a history.
func mintHistory() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(binary.BigEndian.Uint64(b[:]), 1)
}

var historyKey = []byte{kindMeta, 'h', 'i', 's', 't', 'o', 'r', 'y'}

// copyFile stands in a directory that is a copy of a store: whoever opens it
// begins another history, for the one it was copied from has gone on.
const copyFile = "COPY"

// History implements actors.Historian.
func (p *Store) History() uint64 { return p.history }

// Renew begins another history, so that all cursors that were given out are
// answered by a reset: after a restore. It may be called only before anything
// else uses the store.
func (p *Store) Renew() error {
	id := mintHistory()
	if err := p.db.Set(historyKey, binary.BigEndian.AppendUint64(nil, id), pebble.Sync); err != nil {
		return fmt.Errorf("begin another history: %w", err)
	}
	p.history = id
	return nil
}

// loadHistory reads the history's id. A store that has none, and one that is a
// copy, begins a new one.
func (p *Store) loadHistory(fs vfs.FS) error {
	mark := fs.PathJoin(p.cfg.Dir, copyFile)
	_, err := fs.Stat(mark)
	switch {
	case err == nil:
		p.log.Warn("this data directory is a copy of another one: what that one took in later is not here; all clients fetch their counts again")
		if err := p.Renew(); err != nil {
			return err
		}
		if err := fs.Remove(mark); err != nil {
			return fmt.Errorf("note that the copy has a history of its own: %w", err)
		}
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("look whether this is a copy: %w", err)
	}
	value, closer, err := p.db.Get(historyKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return p.Renew()
	}
	if err != nil {
		return openError(fmt.Errorf("read the history's id: %w", err))
	}
	defer closer.Close()
	if len(value) != 8 {
		return fmt.Errorf("read the history's id: it has %d bytes", len(value))
	}
	p.history = binary.BigEndian.Uint64(value)
	return nil
}

// markCopy notes in a copy of the store that it is one.
func markCopy(fs vfs.FS, dir string) error {
	f, err := fs.Create(fs.PathJoin(dir, copyFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte("a copy of a Reddot store; it becomes a store of its own when it is opened\n"))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), syncDir(fs, dir))
}

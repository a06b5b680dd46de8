package embedded

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// What was deleted or written over stays in Pebble's files: under its tombstone
// in the tables until a compaction takes both down to the lowest level, and in
// logs, which Pebble uses again from their start. An eraser goes through all of
// them several times within Config.EraseWithin. A round rewrites those tables of
// the lowest level under which something new lies: at worst the whole store,
// eraseRounds times within EraseWithin; a store to which nothing was written is
// left alone.

// eraseChunk is about how many bytes of the lowest level are rewritten at a
// time.
const eraseChunk = 128 << 20

// eraseRound takes from the files what was deleted before. It takes at most half
// of the period, one chunk after the other.
func (p *Store) eraseRound(ctx context.Context, period time.Duration) {
	begin := time.Now()
	chunks, err := p.eraseChunks()
	for _, c := range chunks {
		start := time.Now()
		if err = p.reading(func() error { return p.db.Compact(ctx, c[0], c[1], false) }); err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(time.Since(start), period/time.Duration(2*len(chunks)))):
		}
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.log.Error("deleted data can't be erased from the files", "err", err)
	default:
		p.metrics.Erased.SetToCurrentTime()
		p.log.Debug("deleted data was erased from the files", "took", time.Since(begin).Round(time.Millisecond), "chunks", len(chunks))
	}
}

// reading runs fn while the store is open and works.
func (p *Store) reading(fn func() error) error {
	if err := p.enter(); err != nil {
		return err
	}
	return p.leave(fn())
}

// eraseChunks lets go of old logs and returns the runs of keys in which tables
// above the lowest level lie.
func (p *Store) eraseChunks() (chunks [][2][]byte, err error) {
	err = p.reading(func() error {
		if err := p.dropLogs(); err != nil {
			return err
		}
		levels, err := p.db.SSTables()
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		chunks = chunksOf(levels)
		return nil
	})
	return chunks, err
}

// chunksOf cuts the keys where the tables of the lowest level do, and leaves out
// the chunks over which nothing lies.
func chunksOf(levels [][]pebble.SSTableInfo) (chunks [][2][]byte) {
	lowest := len(levels) - 1
	start, bytes := []byte{}, uint64(0)
	add := func(end []byte) {
		for _, tables := range levels[:lowest] {
			for i := range tables {
				t := &tables[i]
				if string(t.Largest.UserKey) >= string(start) && string(t.Smallest.UserKey) <= string(end) {
					chunks = append(chunks, [2][]byte{start, end})
					return
				}
			}
		}
	}
	for i := range levels[lowest] {
		t := &levels[lowest][i]
		if bytes += t.Size; bytes >= eraseChunk {
			add(t.Smallest.UserKey)
			start, bytes = t.Smallest.UserKey, t.Size
		}
	}
	add([]byte{0xff})
	return chunks
}

// dropLogs lets all logs go that are there now: each is flushed, and then
// removed where Pebble would write over its beginning.
func (p *Store) dropLogs() error {
	old, err := p.logs()
	if err != nil {
		return err
	}
	p.fs.fresh.Store(true)
	defer p.fs.fresh.Store(false)
	for range maxLogs {
		if err := p.db.Flush(); err != nil {
			return fmt.Errorf("begin another log: %w", err)
		}
		now, err := p.logs()
		if err != nil {
			return err
		}
		left := false
		for name := range now {
			left = left || old[name]
		}
		if !left {
			return nil
		}
		time.Sleep(time.Millisecond) // a flushed log is let go of elsewhere
	}
	return nil // the next round goes on
}

// maxLogs bounds how many logs are begun in a round. Pebble keeps a few to use
// them again.
const maxLogs = 64

// logs returns the names of the log files.
func (p *Store) logs() (map[string]bool, error) {
	names, err := p.fs.List(p.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("list the logs: %w", err)
	}
	logs := make(map[string]bool)
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			logs[name] = true
		}
	}
	return logs, nil
}

// storeFS is the file system of a store.
type storeFS struct {
	privateFS
	fresh *atomic.Bool // no file is used again
}

// ReuseForWrite implements vfs.FS. What a log that is used again held before
// stays behind its new end.
func (f storeFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if !f.fresh.Load() {
		return f.FS.ReuseForWrite(oldname, newname, c)
	}
	if err := f.Remove(oldname); err != nil {
		return nil, err
	}
	return f.Create(newname, c)
}

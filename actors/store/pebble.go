package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
)

// Pebble is a store in one data directory, which it owns while it is open.
type Pebble struct {
	*writer
	cfg  Config
	log  *slog.Logger
	db   *pebble.DB
	lock *pebble.Lock
	fs   storeFS

	eraser *eraser

	gate   sync.RWMutex // held for reading while db is read
	closed bool

	opened  atomic.Bool // Open has returned
	history uint64
	wakes   wakeFloor
	staging staging // of the writer's goroutine
	fences
}

var (
	_ actors.Journal = (*Pebble)(nil)
	_ actors.Lookup  = (*Pebble)(nil)
	_ actors.Records = (*Pebble)(nil)
	_ actors.Fences  = (*Pebble)(nil)

	_ actors.Historian = (*Pebble)(nil)
)

// Open opens the store in cfg.Dir, or makes a new one there. r may be nil.
func Open(cfg Config, log *slog.Logger, r prometheus.Registerer) (*Pebble, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Dir == "" {
		return nil, errors.New("store: no data directory is named")
	}
	p := &Pebble{cfg: cfg, log: log}
	p.writer = newWriter(cfg, p, newMetrics(r))
	p.failed = p.tellFailure
	err = p.open()
	p.opened.Store(true)
	if err == nil {
		err = p.Err() // since it was last asked, and nobody was told
	}
	if outOfRoom(err) {
		return nil, &Failure{Dir: cfg.Dir, Cause: fmt.Errorf("open it: %w", err)}
	}
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", cfg.Dir, err)
	}
	if err := p.lookForRoom(); err != nil {
		log.Warn("new writes are taken until the disk is full: it can't be seen how much of it is free", "err", err)
	} else {
		go p.watchRoom()
	}
	go p.run()
	p.eraser = startEraser(cfg.EraseWithin, p.eraseRound)
	return p, nil
}

// tellFailure implements the writer's failed. Open returns the failures that
// come before its end.
func (p *Pebble) tellFailure(cause error) {
	if p.opened.Load() && p.cfg.Failed != nil {
		go p.cfg.Failed(&Failure{Dir: p.cfg.Dir, Cause: cause})
	}
}

func (p *Pebble) open() error {
	p.fs = storeFS{privateFS{p.cfg.FS}, new(atomic.Bool)}
	lock, err := lockDir(p.fs.privateFS, p.cfg.Dir)
	if err != nil {
		return err
	}
	p.lock = lock
	if err := p.openDB(); err != nil {
		return errors.Join(err, lock.Close())
	}
	return nil
}

func (p *Pebble) openDB() error {
	if err := checkFiles(p.fs, p.cfg.Dir); err != nil {
		return err
	}
	if err := removeCheckpoints(p.fs, p.cfg.Dir); err != nil {
		return err
	}
	db, err := pebble.Open(p.cfg.Dir, options(p.cfg, logFS{p.fs, p}, p.lock, p))
	if err != nil {
		return openError(err)
	}
	p.db = db
	if err = checkFormat(db); err == nil {
		err = p.loadFences()
	}
	if err == nil {
		err = p.loadHistory(p.fs)
	}
	if failure := p.Err(); failure != nil {
		return failure // Pebble may hold its locks for good
	}
	if err == nil {
		err = p.metrics.register(p.writer, append(p.room.metrics(), p.metrics.erased, newPebbleCollector(p))...)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

// openError adds to what Pebble says about a damaged store what to do.
func openError(err error) error {
	if !pebble.IsCorruptionError(err) && !errors.Is(err, errDamagedManifest) {
		return err
	}
	return fmt.Errorf("the files are damaged, so acknowledged events may be missing; "+
		"keep a copy of the directory and restore the newest backup (a checkpoint) in its place: %w", err)
}

// checkFormat notes the format in a new store, and refuses that of a newer
// program.
func checkFormat(db *pebble.DB) error {
	value, closer, err := db.Get(formatKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return startFormat(db)
	}
	if err != nil {
		return openError(fmt.Errorf("read the format version: %w", err))
	}
	defer closer.Close()
	version, err := parseSum(value)
	switch {
	case err != nil:
		return fmt.Errorf("read the format version: %w", err)
	case version > formatVersion:
		return fmt.Errorf("it has format version %d, and this program knows only up to %d: "+
			"a newer version wrote it; start that one", version, formatVersion)
	}
	return nil
}

func startFormat(db *pebble.DB) error {
	it, err := db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("look for keys: %w", err)
	}
	used := it.First()
	if err := it.Close(); err != nil {
		return fmt.Errorf("look for keys: %w", err)
	}
	if used {
		return errors.New("it holds data but no format version: it is not a store of this program")
	}
	if err := db.Set(formatKey, appendSum(nil, formatVersion), pebble.Sync); err != nil {
		return fmt.Errorf("write the format version: %w", err)
	}
	// Pebble began the first log in its oldest format, in which damage looks
	// like a torn end: a flush begins another one.
	if err := db.Flush(); err != nil {
		return fmt.Errorf("begin the log: %w", err)
	}
	return nil
}

// Close waits until all that is queued is settled, and for the reads under
// way, and closes the files. After the writer has failed it leaves the files
// as they are, and the directory locked until the process ends: Pebble may
// hold its locks for good, and the next start replays its log.
func (p *Pebble) Close(ctx context.Context) error {
	p.eraser.stop()
	if err := p.stop(ctx); err != nil {
		return err
	}
	p.metrics.unregister()
	if err := p.Err(); err != nil {
		return fmt.Errorf("close the store after its writer ended: %w", err)
	}
	if err := p.eraser.end(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- p.closeDB() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("close the store: await reads and background work: %w", ctx.Err())
	}
}

func (p *Pebble) closeDB() error {
	p.gate.Lock()
	defer p.gate.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	if err := errors.Join(p.db.Close(), p.lock.Close()); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// enter begins a read: the files stay open until leave. After the writer has
// failed nothing is read: what Pebble shows then may be what was not written.
func (p *Pebble) enter() error {
	p.gate.RLock()
	err := p.Err()
	if err == nil && p.closed {
		err = unavailable(errClosed)
	}
	if err != nil {
		p.gate.RUnlock()
	}
	return err
}

// leave ends a read that has come to err. What it has seen counts only if the
// writer has not failed meanwhile.
func (p *Pebble) leave(err error) error {
	p.gate.RUnlock()
	if failure := p.Err(); failure != nil {
		return failure
	}
	return err
}

// leaveDurable is leave for a read whose caller takes what it sees for durable:
// it waits until the commit that it may have looked into is synced.
func (p *Pebble) leaveDurable(ctx context.Context, err error) error {
	p.gate.RUnlock()
	if failure := p.sync(ctx); failure != nil {
		return failure
	}
	return err
}

// figures calls fn with Pebble's figures, unless the store is closed or its
// writer has ended: Pebble may then hold the lock that they need for good.
func (p *Pebble) figures(fn func(*pebble.Metrics)) {
	if p.enter() != nil {
		return
	}
	defer p.gate.RUnlock()
	fn(p.db.Metrics())
}

// Stats returns what the store has done and holds.
func (p *Pebble) Stats() Stats {
	s := p.writer.Stats()
	p.figures(func(m *pebble.Metrics) { s.DiskBytes = m.DiskSpaceUsage() })
	return s
}

// Checkpoint makes a consistent copy of the store in dir, which must not
// exist, by hard links where it can. All that was acknowledged before is in
// it. Open opens it like any store, and begins another history there, so that
// clients which know more than the copy are told. A backup is a copy of it
// elsewhere.
func (p *Pebble) Checkpoint(dir string) error {
	err := p.enter()
	if err == nil {
		if err = p.db.Checkpoint(dir); err == nil {
			err = markCopy(p.cfg.FS, dir)
		}
		err = p.leave(err)
	}
	if err != nil {
		return fmt.Errorf("checkpoint the store into %s: %w", dir, err)
	}
	return nil
}

package embedded

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
	"reddot/actors/store"
)

// Store is a store in one data directory, which it owns while it is open.
type Store struct {
	cfg     Config
	log     *slog.Logger
	db      *pebble.DB
	lock    *pebble.Lock
	fs      storeFS
	writer  *store.Writer
	metrics *store.Metrics
	room    room
	eraser  *store.Eraser

	gate   sync.RWMutex // held for reading while db is read
	closed bool

	opened    atomic.Bool // Open has returned
	history   uint64
	wakes     wakeFloor
	committer *committer // of the writer's goroutine
	fences    store.Fences
}

var (
	_ actors.Index   = (*Store)(nil)
	_ actors.Journal = (*Store)(nil)
	_ actors.Lookup  = (*Store)(nil)
	_ actors.Fences  = (*Store)(nil)

	_ actors.Historian = (*Store)(nil)
)

// Open opens the store in cfg.Dir, or makes a new one there. r may be nil.
func Open(cfg Config, log *slog.Logger, r prometheus.Registerer) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("store: no data directory is named")
	}
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	p := &Store{cfg: cfg, log: log, metrics: store.NewMetrics(r), room: room{refused: newRefused()}}
	p.committer = &committer{p: p}
	p.writer = store.NewWriter(cfg.Config, p.committer, p.metrics)
	p.writer.OnFail = p.reportFailure
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
	if err := p.checkRoom(); err != nil {
		log.Warn("new writes are taken until the disk is full: it can't be seen how much of it is free", "err", err)
	} else {
		go p.watchRoom()
	}
	go p.writer.Run()
	p.eraser = store.StartEraser(cfg.EraseWithin, p.eraseRound)
	return p, nil
}

// reportFailure tells whom the configuration names. Open returns the failures that
// come before its end.
func (p *Store) reportFailure(cause error) {
	if p.opened.Load() && p.cfg.Failed != nil {
		go p.cfg.Failed(&Failure{Dir: p.cfg.Dir, Cause: cause})
	}
}

func (p *Store) open() error {
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

func (p *Store) openDB() error {
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
		err = p.metrics.Register(p, append(p.room.metrics(), p.metrics.Erased, newCollector(p))...)
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
	case version < formatVersion: // it has fewer kinds of keys; older programs are to leave them alone
		if err := db.Set(formatKey, appendSum(nil, formatVersion), pebble.Sync); err != nil {
			return fmt.Errorf("write the format version: %w", err)
		}
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

// Append implements actors.Journal.
func (p *Store) Append(w *actors.Write) error {
	if p.room.refuses(w) {
		return errFull
	}
	return p.writer.Append(w)
}

// PutRecord implements actors.Records.
func (p *Store) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	return p.writer.PutRecord(ctx, kind, key, value)
}

// SwapRecord implements actors.SwapRecords.
func (p *Store) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	return p.writer.SwapRecord(ctx, kind, key, old, value)
}

// DeleteRecord implements actors.Records.
func (p *Store) DeleteRecord(ctx context.Context, kind, key string) error {
	return p.writer.DeleteRecord(ctx, kind, key)
}

// Take implements actors.Fences.
func (p *Store) Take(ctx context.Context, owner string, from []actors.Fence) ([]actors.Fence, error) {
	return p.writer.Take(ctx, owner, from)
}

// Err returns why no write is taken; nil while all is well. It does not tell of
// a disk that is nearly full.
func (p *Store) Err() error { return p.writer.Err() }

// Writable tells whether every write is taken.
func (p *Store) Writable() bool { return p.Err() == nil && !p.room.low.Load() }

// Close waits until all that is queued is settled, and for the reads under
// way, and closes the files. After the writer has failed it leaves the files
// as they are, and the directory locked until the process ends: Pebble may
// hold its locks for good, and the next start replays its log.
func (p *Store) Close(ctx context.Context) error {
	p.eraser.Stop()
	if err := p.writer.Stop(ctx); err != nil {
		return err
	}
	p.metrics.Unregister()
	if err := p.Err(); err != nil {
		return fmt.Errorf("close the store after its writer ended: %w", err)
	}
	if err := p.eraser.End(ctx); err != nil {
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

func (p *Store) closeDB() error {
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
func (p *Store) enter() error {
	p.gate.RLock()
	err := p.Err()
	if err == nil && p.closed {
		err = store.ErrClosed
	}
	if err != nil {
		p.gate.RUnlock()
	}
	return err
}

// leave ends a read that has come to err. What it has seen counts only if the
// writer has not failed meanwhile.
func (p *Store) leave(err error) error {
	p.gate.RUnlock()
	if failure := p.Err(); failure != nil {
		return failure
	}
	return err
}

// leaveDurable is leave for a read whose caller takes what it sees for durable:
// it waits until the commit that it may have looked into is synced.
func (p *Store) leaveDurable(ctx context.Context, err error) error {
	p.gate.RUnlock()
	if failure := p.writer.Sync(ctx); failure != nil {
		return failure
	}
	return err
}

// figures calls fn with Pebble's figures, unless the store is closed or its
// writer has ended: Pebble may then hold the lock that they need for good.
func (p *Store) figures(fn func(*pebble.Metrics)) {
	if p.enter() != nil {
		return
	}
	defer p.gate.RUnlock()
	fn(p.db.Metrics())
}

// Stats returns what the store has done and holds.
func (p *Store) Stats() store.Stats {
	s := p.writer.Stats()
	p.figures(func(m *pebble.Metrics) { s.DiskBytes = m.DiskSpaceUsage() })
	return s
}

// Checkpoint makes a consistent copy of the store in dir, which must not
// exist, by hard links where it can. All that was acknowledged before is in
// it. Open opens it like any store, and begins another history there, so that
// clients which know more than the copy are told. A backup is a copy of it
// elsewhere.
func (p *Store) Checkpoint(dir string) error {
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

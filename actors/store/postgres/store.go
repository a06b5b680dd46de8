package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/store"
)

// Store is a store in a database that speaks PostgreSQL's protocol. Several
// nodes may use it at a time. It survives the database: while that is gone,
// writes and reads fail with Unavailable, and go on when it is back.
//
// Each of its writers commits the writes of some shards, so that those of one
// actor keep their order.
type Store struct {
	cfg     Config
	log     *slog.Logger
	writing *pgx.ConnConfig
	pool    *pgxpool.Pool // for reads
	writers []*store.Writer
	engines []*committer // of writers
	metrics *store.Metrics
	figures *figures
	seed    maphash.Seed // spreads records over the writers

	eraser *store.Eraser
	ending sync.WaitGroup
	out    atomic.Int32                 // how many committers do not work
	lost   atomic.Pointer[actors.Error] // why no connection could be made; nil: one could
	closed atomic.Bool

	turn      turn
	sessions  atomic.Uint64 // so many were opened
	weakening sync.Mutex
	warned    map[string]bool // the weaknesses that were said, by name
}

var (
	_ actors.Index       = (*Store)(nil)
	_ actors.Journal     = (*Store)(nil)
	_ actors.Lookup      = (*Store)(nil)
	_ actors.ShardLookup = (*Store)(nil)
	_ actors.SwapRecords = (*Store)(nil)
	_ actors.Fences      = (*Store)(nil)
	_ actors.Turner      = (*Store)(nil)
)

// Open opens the store in the database that cfg.URL names, and brings
// its schema to this program's version. r may be nil.
func Open(ctx context.Context, cfg Config, log *slog.Logger, r prometheus.Registerer) (*Store, error) {
	if cfg.URL == "" {
		return nil, errors.New("store: no database is named")
	}
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	p := &Store{cfg: cfg, log: log, metrics: store.NewMetrics(r), seed: maphash.MakeSeed(), warned: make(map[string]bool)}
	if err := p.open(ctx); err != nil {
		return nil, fmt.Errorf("open the store in the database: %w", err)
	}
	p.eraser = store.StartEraser(cfg.EraseWithin, p.vacuumRound)
	return p, nil
}

func (p *Store) open(ctx context.Context) error {
	base, err := parseURL(p.cfg.URL)
	if err != nil {
		return err
	}
	if base.RuntimeParams["application_name"] == "" {
		base.RuntimeParams["application_name"] = "reddot"
	}
	if base.ConnectTimeout == 0 || base.ConnectTimeout > p.cfg.Timeout/2 {
		base.ConnectTimeout = p.cfg.Timeout / 2
	}
	if err := p.prepare(ctx, base); err != nil {
		return err
	}
	p.writing = base.Copy()
	if p.cfg.dial != nil {
		p.writing.DialFunc = p.cfg.dial
	}
	if err := p.openPool(ctx, base); err != nil {
		return err
	}
	p.figures = newFigures(p.pool)
	if err := p.openWriters(ctx); err != nil {
		p.pool.Close()
		return err
	}
	return nil
}

// oldestServer is PostgreSQL 14: its planner finds the partition of each row
// that is deleted.
const oldestServer = 14

// prepare looks at the server and brings the schema up to date.
func (p *Store) prepare(ctx context.Context, c *pgx.ConnConfig) (err error) {
	conn, err := pgx.ConnectConfig(ctx, c.Copy())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if err := p.checkServer(ctx, conn, c); err != nil {
		return err
	}
	all, err := migrations()
	if err != nil {
		return err
	}
	from, to, err := migrate(ctx, conn, all)
	if err != nil {
		return err
	}
	h, err := readHistory(ctx, conn)
	if err != nil {
		return err
	}
	p.turn.begin(h)
	if err := sweepSessions(ctx, conn); err != nil {
		return fmt.Errorf("remove old sessions: %w", err)
	}
	if from != to {
		p.log.Info("the database's schema was brought up to date", "from", from, "to", to)
	}
	return nil
}

// checkServer finds out who the server is, and whether the store can use it.
func (p *Store) checkServer(ctx context.Context, conn *pgx.Conn, c *pgx.ConnConfig) error {
	results, err := conn.PgConn().Exec(ctx, "select current_setting('server_version_num'), current_setting('server_version')").ReadAll()
	if err != nil {
		return fmt.Errorf("look at the server: %w", err)
	}
	number, name := string(results[0].Rows[0][0]), string(results[0].Rows[0][1])
	version, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return fmt.Errorf("look at the server: its version: %w", err)
	case version/10000 < oldestServer:
		return fmt.Errorf("the server has version %s; PostgreSQL %d or a later one is needed", name, oldestServer)
	}
	if err := p.checkSessions(ctx, conn, c); err != nil {
		return err
	}
	if _, err := p.inspect(ctx, conn, p.settings()); err != nil {
		return err
	}
	p.log.Info("connected to the database", "host", c.Host, "version", name, "sslmode", sslMode(p.cfg.URL), "encryption", encryption(conn))
	return nil
}

// checkSessions connects once more, to see whether sessions are kept apart.
func (p *Store) checkSessions(ctx context.Context, conn *pgx.Conn, c *pgx.ConnConfig) error {
	within, cancel := context.WithTimeout(ctx, p.cfg.Timeout/2)
	defer cancel()
	other, err := pgx.ConnectConfig(within, c.Copy())
	if err != nil {
		return p.tooFew(1, err)
	}
	defer func() { _ = other.Close(ctx) }() // it has done nothing
	if err = ownSessions(within, conn, other); within.Err() != nil {
		return p.tooFew(1, err)
	}
	return err
}

func (p *Store) openPool(ctx context.Context, base *pgx.ConnConfig) error {
	cfg, err := pgxpool.ParseConfig(p.cfg.URL)
	if err != nil {
		return errNoURL // it was parsed before
	}
	cfg.ConnConfig = base.Copy()
	cfg.MaxConns, cfg.MinConns = int32(p.cfg.Readers), 0
	cfg.MaxConnIdleTime = 5 * time.Minute
	begin := sqlBegin(p.settings(setting{"lock_timeout", milliseconds(lockPatience)}))
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
			return err
		}
		return p.recognize(ctx, conn)
	}
	p.pool, err = pgxpool.NewWithConfig(ctx, cfg)
	return err
}

// openWriters connects the committers and lets them work.
func (p *Store) openWriters(ctx context.Context) error {
	cfg := p.cfg.Config
	cfg.QueueWrites = max(1, cfg.QueueWrites/p.cfg.Committers)
	cfg.QueueBytes = max(1, cfg.QueueBytes/p.cfg.Committers)
	leave := func() {
		for _, c := range p.engines {
			c.leave()
		}
	}
	for i := range p.cfg.Committers {
		c := &committer{p: p, failed: make(map[*actors.Stream]error)}
		if err := c.connect(); err != nil {
			leave()
			return p.tooFew(i, err)
		}
		p.engines = append(p.engines, c)
		p.writers = append(p.writers, store.NewWriter(cfg, c, p.metrics))
	}
	err := p.tryReaders(ctx)
	if err == nil {
		err = p.metrics.Register(p, append(p.figures.all(), p.metrics.Erased)...)
	}
	if err != nil {
		leave()
		return err
	}
	for i, w := range p.writers {
		p.ending.Go(func() {
			w.Run()
			p.engines[i].leave()
		})
	}
	return nil
}

// sweepSessions removes the sessions that committers left behind: those from
// before the oldest connection of now. A committer whose session is removed
// all the same opens another one.
func sweepSessions(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `delete from reddot_sessions where opened_at <
		(select min(backend_start) from pg_stat_activity where datname = current_database())`)
	return err
}

// Append implements actors.Journal.
func (p *Store) Append(w *actors.Write) error {
	return p.writers[int(w.Stream.Fence.Shard)%len(p.writers)].Append(w)
}

// PutRecord implements actors.Records.
func (p *Store) PutRecord(ctx context.Context, kind, key string, value []byte) error {
	return p.writerOf(kind, key).PutRecord(ctx, kind, key, value)
}

// SwapRecord implements actors.SwapRecords.
func (p *Store) SwapRecord(ctx context.Context, kind, key string, old, value []byte) error {
	return p.writerOf(kind, key).SwapRecord(ctx, kind, key, old, value)
}

// DeleteRecord implements actors.Records.
func (p *Store) DeleteRecord(ctx context.Context, kind, key string) error {
	return p.writerOf(kind, key).DeleteRecord(ctx, kind, key)
}

// writerOf returns the writer of a record: one, so that its writes keep their
// order.
func (p *Store) writerOf(kind, key string) *store.Writer {
	return p.writers[maphash.Comparable(p.seed, recordKey{kind, key})%uint64(len(p.writers))]
}

// Err returns why some writes or all reads fail at the moment; nil while all
// is well. It is never older than a second or two, also when nothing is done.
func (p *Store) Err() error {
	for _, w := range p.writers {
		if err := w.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Writable tells whether every write is taken.
func (p *Store) Writable() bool { return p.Err() == nil }

// reached notes whether a connection could be made.
func (p *Store) reached(err error) {
	if err == nil {
		p.lost.Store(nil)
	} else {
		p.lost.Store(unreachable(err))
	}
}

// Stats returns what the store has done. LastCommit is the longest of those
// that the committers did last, Stall of those that are under way.
func (p *Store) Stats() store.Stats {
	var sum store.Stats
	for _, w := range p.writers {
		s := w.Stats()
		sum.Queued += s.Queued
		sum.QueuedBytes += s.QueuedBytes
		sum.Commits += s.Commits
		sum.Writes += s.Writes
		sum.Events += s.Events
		sum.Bytes += s.Bytes
		sum.LastCommit = max(sum.LastCommit, s.LastCommit)
		sum.Stall = max(sum.Stall, s.Stall)
	}
	return sum
}

// Close waits until all that is queued is settled, and for the reads under
// way, and closes the connections.
func (p *Store) Close(ctx context.Context) error {
	for _, w := range p.writers {
		if err := w.Stop(ctx); err != nil {
			return err
		}
	}
	if err := p.eraser.End(ctx); err != nil {
		return err
	}
	p.metrics.Unregister()
	if p.closed.Swap(true) {
		return nil
	}
	done := make(chan struct{})
	go func() {
		p.ending.Wait()
		p.pool.Close()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the store: await reads: %w", ctx.Err())
	}
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What is deleted in PostgreSQL is a dead row until a vacuum frees its room.
// Autovacuum comes when a fifth of a table is dead, which for a large table may
// be never: so the store vacuums those of its tables that have dead rows,
// eraseRounds times within Config.EraseWithin, at the pace of autovacuum.
//
// A vacuum gives the room to new rows and the empty end of a table back to the
// system. It does not write over the room, as removing a file does not; nor does
// it reach the write-ahead log, archives and replicas' copies of either.

// vacuumLock is the advisory lock of whoever vacuums: one server at a time.
const vacuumLock = 0x7265646475737400

// vacuumRound vacuums all tables with dead rows.
func (p *Store) vacuumRound(ctx context.Context, _ time.Duration) {
	begin := time.Now()
	n, err := p.vacuum(ctx)
	var pe *pgconn.PgError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &pe) && (pe.Code == "42601" || pe.Code == "0A000" || pe.Code == "42P01"):
		// An engine that speaks PostgreSQL's language and has no such thing.
		p.log.Debug("the database is not vacuumed: it does not know how", "err", err)
	case err != nil:
		p.log.Error("the database can't be vacuumed: deleted data may stay in its files", "err", err)
	default:
		p.metrics.Erased.SetToCurrentTime()
		p.log.Debug("the database was vacuumed", "took", time.Since(begin).Round(time.Millisecond), "tables", n)
	}
}

// vacuum returns how many tables it has vacuumed.
func (p *Store) vacuum(ctx context.Context) (n int, err error) {
	cfg := p.writing.Copy()
	cfg.RuntimeParams["statement_timeout"] = "0"
	cfg.RuntimeParams["lock_timeout"] = "0" // a vacuum that finds a lock passes on
	cfg.RuntimeParams["vacuum_cost_delay"] = "2ms"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return 0, fmt.Errorf("connect to the database: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it is of no use any more
	}()
	var locked bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", int64(vacuumLock)).Scan(&locked); err != nil || !locked {
		return 0, err // another server is at it
	}
	rows, err := conn.Query(ctx, `select relid::regclass::text from pg_stat_user_tables
		where schemaname = current_schema() and relname like 'reddot\_%' and n_dead_tup > 0 order by 1`)
	if err != nil {
		return 0, fmt.Errorf("look for dead rows: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("look for dead rows: %w", err)
	}
	for _, table := range tables {
		if _, err := conn.Exec(ctx, "vacuum (skip_locked, index_cleanup on) "+table); err != nil {
			return n, fmt.Errorf("vacuum %s: %w", table, err)
		}
		n++
	}
	return n, nil
}

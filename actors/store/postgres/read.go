package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"reddot/actors"
	"reddot/actors/store"
)

// errStop ends a query whose callback wants no more.
var errStop = errors.New("stop")

var errUnknown = errors.New("what became of the last commit is not known yet")

// A readError keeps apart what a callback returned from the database's errors.
type readError struct{ error }

// read runs a query and calls row for each of its rows. The row's bytes are
// valid during the call only. A query that never reached the server is tried
// again: the pool may hold connections to one that was restarted since.
func (p *Store) read(ctx context.Context, what, sql string, args []any, row func(pgx.Rows) error) error {
	if err := p.readable(); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := p.query(within, sql, args, row)
		var own readError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &own):
			return own.error
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case attempt < p.cfg.Readers && lostConnection(err):
			if err := p.readable(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s: %w", what, unreachable(err))
		}
	}
}

func (p *Store) readable() error {
	if p.closed.Load() {
		return store.ErrClosed
	}
	if err := p.lost.Load(); err != nil {
		return err
	}
	return p.turning()
}

// query runs a query once.
func (p *Store) query(ctx context.Context, sql string, args []any, row func(pgx.Rows) error) error {
	rows, err := p.pool.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	some := false
	for rows.Next() {
		some = true
		if err := row(rows); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return readError{err}
		}
	}
	if err := rows.Err(); err != nil {
		if some { // the callback has seen rows: they may not come twice
			return partError{err}
		}
		return err
	}
	return nil
}

// A partError came after some rows.
type partError struct{ err error }

func (e partError) Error() string { return "after the first rows: " + e.err.Error() }

// Load implements actors.Journal: one statement, so that the snapshot and the
// events are of one moment.
func (p *Store) Load(ctx context.Context, key actors.Key, snapshot, event func([]byte) error) error {
	const sql = `with s as materialized (select seq, data from reddot_snapshots where key = $1 order by seq desc limit 1)
		select 0 as part, seq, data from s
		union all select 1, seq, data from reddot_events where key = $1 and seq > coalesce((select seq from s), 0)
		order by part, seq`
	if c := p.engines[int(actors.ShardOf(key))%len(p.engines)]; c.unknown.Load() {
		return unreachable(errUnknown) // what its last statement did may show after this
	}
	next := uint64(1)
	return p.read(ctx, fmt.Sprintf("load %q", key), sql, []any{[]byte(key)}, func(r pgx.Rows) error {
		var part int32
		var seq int64
		var data pgtype.DriverBytes
		if err := r.Scan(&part, &seq, &data); err != nil {
			return err
		}
		if part == 0 {
			next = uint64(seq) + 1
			return snapshot(data)
		}
		if uint64(seq) != next {
			return &actors.Gap{Key: key, After: next - 1, Next: uint64(seq)}
		}
		next++
		return event(data)
	})
}

// Events implements actors.Journal.
func (p *Store) Events(ctx context.Context, key actors.Key, first, last uint64, fn func(uint64, []byte) bool) error {
	const sql = "select seq, data from reddot_events where key = $1 and seq between $2 and $3 order by seq"
	args := []any{[]byte(key), int64(min(first, math.MaxInt64)), int64(min(last, math.MaxInt64))}
	return p.read(ctx, fmt.Sprintf("read the events of %q", key), sql, args, func(r pgx.Rows) error {
		var seq int64
		var data pgtype.DriverBytes
		if err := r.Scan(&seq, &data); err != nil {
			return err
		}
		if !fn(uint64(seq), data) {
			return errStop
		}
		return nil
	})
}

// Snapshot implements actors.Journal.
func (p *Store) Snapshot(ctx context.Context, key actors.Key, seq uint64) (data []byte, err error) {
	const sql = "select data from reddot_snapshots where key = $1 and seq <= $2 order by seq desc limit 1"
	err = p.read(ctx, fmt.Sprintf("read a snapshot of %q", key), sql, []any{[]byte(key), int64(min(seq, math.MaxInt64))}, func(r pgx.Rows) error {
		return r.Scan(&data)
	})
	return data, err
}

// Owner implements actors.Lookup.
func (p *Store) Owner(ctx context.Context, id actors.ID) (actors.Key, error) {
	var key []byte
	err := p.read(ctx, "find a message's owner", "select key from reddot_owners where id = $1", []any{id[:]}, func(r pgx.Rows) error {
		return r.Scan(&key)
	})
	if err == nil && key == nil {
		err = store.ErrNoMessage
	}
	return actors.Key(key), err
}

// Tallies implements actors.Lookup.
func (p *Store) Tallies(ctx context.Context, id actors.ID) (t [actors.NumTallies]int64, err error) {
	const sql = "select kind, sum(n)::bigint from reddot_tallies where id = $1 group by kind"
	err = p.read(ctx, "read a funnel", sql, []any{id[:]}, func(r pgx.Rows) error {
		var kind int16
		var n int64
		if err := r.Scan(&kind, &n); err != nil {
			return err
		}
		if kind >= 0 && kind < int16(actors.NumTallies) {
			t[kind] = n
		}
		return nil
	})
	return t, err
}

// Due implements actors.Lookup.
func (p *Store) Due(ctx context.Context, now int64, fn func(actors.Key, int64) bool) error {
	const sql = "select at, key from reddot_wakes where at <= $1 order by at, key"
	return p.read(ctx, "look for wake-ups", sql, []any{now}, dueRow(fn))
}

// DueIn implements actors.ShardLookup.
func (p *Store) DueIn(ctx context.Context, shards *actors.ShardSet, now int64, most int, fn func(actors.Key, int64) bool) error {
	const sql = "select at, key from reddot_wakes where at <= $1 and (shard = any($2::int[]) or shard is null) order by at, key limit $3"
	list := make([]int32, 0, actors.Shards)
	for i := range uint16(actors.Shards) {
		if shards.Has(i) {
			list = append(list, int32(i))
		}
	}
	return p.read(ctx, "look for wake-ups", sql, []any{now, list, most}, dueRow(fn))
}

// dueRow reads a row of wake-ups.
func dueRow(fn func(actors.Key, int64) bool) func(pgx.Rows) error {
	return func(r pgx.Rows) error {
		var at int64
		var key []byte
		if err := r.Scan(&at, &key); err != nil {
			return err
		}
		if !fn(actors.Key(key), at) {
			return errStop
		}
		return nil
	}
}

// ReadRecord implements actors.Records.
func (p *Store) ReadRecord(ctx context.Context, kind, key string) (value []byte, err error) {
	const sql = "select value from reddot_records where kind = $1 and key = $2"
	err = p.read(ctx, "read a record", sql, []any{[]byte(kind), []byte(key)}, func(r pgx.Rows) error {
		return r.Scan(&value)
	})
	if err == nil && value == nil {
		err = store.NoRecord(kind)
	}
	return value, err
}

// ListRecords implements actors.Records.
func (p *Store) ListRecords(ctx context.Context, kind, after string, limit int) (list []actors.Record, err error) {
	const sql = "select key, value from reddot_records where kind = $1 and key > $2 order by key limit $3"
	if limit <= 0 {
		return nil, nil
	}
	err = p.read(ctx, "list records", sql, []any{[]byte(kind), []byte(after), limit}, func(r pgx.Rows) error {
		var key, value []byte
		if err := r.Scan(&key, &value); err != nil {
			return err
		}
		list = append(list, actors.Record{Key: string(key), Value: value})
		return nil
	})
	return list, err
}

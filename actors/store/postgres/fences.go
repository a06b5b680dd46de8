package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"reddot/actors"
	"reddot/actors/store"
)

// Epochs implements actors.Fences.
func (p *Store) Epochs(ctx context.Context) (all []actors.Taken, err error) {
	const sql = "select shard, epoch, owner from reddot_shards where epoch > 0 order by shard"
	err = p.read(ctx, "read the shards' epochs", sql, nil, func(r pgx.Rows) error {
		var t actors.Taken
		var shard int32
		var epoch int64
		if err := r.Scan(&shard, &epoch, &t.Owner); err != nil {
			return err
		}
		t.Shard, t.Epoch = uint16(shard), uint64(epoch)
		all = append(all, t)
		return nil
	})
	return all, err
}

// Take implements actors.Fences. It waits for the appends under way, which
// hold the shards' rows for share.
func (p *Store) Take(ctx context.Context, owner string, from []actors.Fence) (taken []actors.Fence, err error) {
	const sql = `with locked as materialized (
			select shard, epoch from reddot_shards where shard = any($1::int[]) order by shard for update
		), wanted as materialized (
			select * from unnest($1::int[], $2::bigint[]) as w(shard, epoch)
		)
		update reddot_shards s set epoch = l.epoch + 1, owner = $3, taken_at = now()
		from locked l join wanted w on w.shard = l.shard and w.epoch = l.epoch
		where s.shard = l.shard returning s.shard, s.epoch`
	if err := store.CheckTake(owner, from); err != nil {
		return nil, err
	}
	var shards []int32
	var epochs []int64
	places := make(map[uint16]int)
	for i, f := range from {
		shards, epochs = append(shards, int32(f.Shard)), append(epochs, int64(f.Epoch))
		places[f.Shard] = i
	}
	got := make([]actors.Fence, len(from))
	err = p.change(ctx, sql, []any{shards, epochs, owner}, func(r pgx.Rows) error {
		var shard int32
		var epoch int64
		if err := r.Scan(&shard, &epoch); err != nil {
			return err
		}
		got[places[uint16(shard)]] = actors.Fence{Shard: uint16(shard), Epoch: uint64(epoch)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take %d shards: %w", len(from), err)
	}
	for _, f := range got {
		if f.Epoch != 0 {
			taken = append(taken, f)
		}
	}
	return taken, nil
}

// lockPatience is how long a taker waits for the appends under way. One that
// takes longer is asked for.
const lockPatience = time.Second

// change runs a statement that changes something and calls row for each of its
// rows. It is tried again only if it certainly did nothing.
func (p *Store) change(ctx context.Context, sql string, args []any, row func(pgx.Rows) error) error {
	if err := p.readable(); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := p.query(within, sql, args, row)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case sqlState(err) == sqlLockTimeout && within.Err() == nil:
			if err := p.evict(within); err != nil {
				return unreachable(err)
			}
		case attempt < p.cfg.Readers && (pgconn.SafeToRetry(err) || collided(err)):
		default:
			return unreachable(err)
		}
	}
}

// evict ends sessions that hold a lock on shards while they wait for a client
// that has not said a word for a while: it froze with the last bytes of an
// append unsent, where idle_in_transaction_session_timeout does not reach it.
func (p *Store) evict(ctx context.Context) error {
	const sql = `select a.pid, pg_terminate_backend(a.pid) from pg_stat_activity a
		where a.datname = current_database() and a.usename = current_user and a.pid <> pg_backend_pid()
		and a.wait_event = 'ClientRead' and a.xact_start < now() - interval '1 second'
		and exists (select 1 from pg_locks l where l.pid = a.pid and l.relation = 'reddot_shards'::regclass and l.granted)`
	return p.query(ctx, sql, nil, func(r pgx.Rows) error {
		var pid int32
		var ended bool
		err := r.Scan(&pid, &ended)
		p.log.Warn("ended a session that held up the taking of shards: its node has frozen", "pid", pid, "ended", ended)
		return err
	})
}

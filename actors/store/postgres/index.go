package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// ScanIndex implements actors.Index.
func (p *Store) ScanIndex(ctx context.Context, from, below []byte, limit int, fn func(key, value []byte) bool) error {
	const sql = "select key, value from reddot_index where key >= $1 and key < $2 order by key limit $3"
	return p.read(ctx, "read the index", sql, []any{from, below, max(limit, 0)}, func(r pgx.Rows) error {
		var key, value pgtype.DriverBytes
		if err := r.Scan(&key, &value); err != nil {
			return err
		}
		if !fn(key, value) {
			return errStop
		}
		return nil
	})
}

// ReadIndex implements actors.Index.
func (p *Store) ReadIndex(ctx context.Context, keys [][]byte, fn func(i int, value []byte) error) error {
	const sql = `select t.place, r.value from unnest($1::bytea[]) with ordinality as t(key, place)
		join reddot_index r on r.key = t.key order by t.place`
	return p.read(ctx, "read the index", sql, []any{keys}, func(r pgx.Rows) error {
		var place int64
		var value pgtype.DriverBytes
		if err := r.Scan(&place, &value); err != nil {
			return err
		}
		return fn(int(place)-1, value)
	})
}

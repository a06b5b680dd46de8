package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A history is what tells a database's history from every other one. It changes
// by itself with a promotion and a recovery to a point in time (the timeline),
// with another server (its system identifier), and with a restore from a dump,
// which writes the row of our own id anew (its table and the transaction that
// wrote it). reddot_renew_history changes the id.
type history struct {
	id       string // of ours, and the version of its row
	system   string
	timeline int64
}

// sqlHistory asks for a history, and up to where the log was flushed. A standby
// answers with an error.
const sqlHistory = `select encode(h.id, 'hex') || ' ' || h.xmin || ' ' || h.tableoid, (select system_identifier::text from pg_control_system()),
	('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint from reddot_history h`

// readHistory asks a connection's server for its history.
func readHistory(ctx context.Context, conn *pgx.Conn) (h history, err error) {
	if err := conn.QueryRow(ctx, sqlHistory).Scan(&h.id, &h.system, &h.timeline); err != nil {
		return h, fmt.Errorf("look which history the database has: %w", err)
	}
	return h, nil
}

// number returns the history's id as it stands in cursors.
func (h history) number() uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", h.id, h.system, h.timeline))
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}

// History implements actors.Historian.
func (p *Postgres) History() uint64 { return p.history.Load().number() }

// Renew begins another history, as the SQL function reddot_renew_history does:
// all cursors that were given out are answered by a reset, and servers give up
// what they have in memory.
func (p *Postgres) Renew(ctx context.Context) error {
	if _, err := p.pool.Exec(ctx, "select reddot_renew_history()"); err != nil {
		return fmt.Errorf("begin another history: %w", err)
	}
	return nil
}

package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The migrations, in the order of their numbers: NNNN_name.sql. One that was
// released is never changed.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// A migration is one step of the schema.
type migration struct {
	version int
	name    string
	sql     string
}

// migrationLock is the advisory lock under which the schema changes: one
// program at a time.
const migrationLock = 0x726564646f74 // "reddot"

// migrations returns all steps that this program knows.
func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, name := range names { // sorted
		b, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(strings.TrimPrefix(name, "migrations/"), ".sql")
		number, title, ok := strings.Cut(base, "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s: want %04d_name.sql", name, i+1)
		}
		all = append(all, migration{version, title, string(b)})
	}
	return all, nil
}

// migrate brings the schema to this program's version, all or nothing, and
// refuses that of a newer program.
func migrate(ctx context.Context, conn *pgx.Conn, all []migration) (from, to int, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return fmt.Errorf("await the lock on the schema: %w", err)
		}
		if from, err = schemaVersion(ctx, tx); err != nil {
			return err
		}
		to = len(all)
		if from > to {
			return fmt.Errorf("its schema has version %d, and this program knows only up to %d: a newer version wrote it; start that one", from, to)
		}
		for _, m := range all[from:] {
			if _, err := tx.Exec(ctx, m.sql); err != nil {
				return fmt.Errorf("migration %d (%s): %w", m.version, m.name, err)
			}
			if _, err := tx.Exec(ctx, "insert into reddot_schema (version, name) values ($1, $2)", m.version, m.name); err != nil {
				return fmt.Errorf("note migration %d: %w", m.version, err)
			}
		}
		return nil
	})
	return from, to, err
}

// schemaVersion returns the version of what is there; 0: nothing.
func schemaVersion(ctx context.Context, tx pgx.Tx) (version int, err error) {
	_, err = tx.Exec(ctx, `create table if not exists reddot_schema (
		version    integer primary key,
		name       text not null,
		applied_at timestamptz not null default now())`)
	if err != nil {
		return 0, fmt.Errorf("note the schema's version: %w", err)
	}
	if err := tx.QueryRow(ctx, "select coalesce(max(version), 0) from reddot_schema").Scan(&version); err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return version, nil
}

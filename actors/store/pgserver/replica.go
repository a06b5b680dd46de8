package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Replica starts another server that follows this one asynchronously, as
// pg_basebackup makes it.
func (s *Server) Replica(ctx context.Context, cfg Config) (*Server, error) {
	return begin(ctx, cfg, func(r *Server) error {
		return r.run(ctx, "pg_basebackup", "--host", s.dir, "--port", strconv.Itoa(s.port), "--username", name,
			"--pgdata", r.data(), "--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
	})
}

// CaughtUp waits until a replica of this server has all that it has now.
func (s *Server) CaughtUp(ctx context.Context, replica *Server) error {
	at, err := s.SQL(ctx, "select pg_current_wal_lsn()")
	if err != nil {
		return err
	}
	return replica.until(ctx, fmt.Sprintf("select pg_last_wal_replay_lsn() >= '%s'", at))
}

// Detach lets a replica follow no more: what its primary does from then on, it
// does not have.
func (s *Server) Detach(ctx context.Context) error {
	if _, err := s.SQL(ctx, "alter system set primary_conninfo = ''"); err != nil {
		return err
	}
	if _, err := s.SQL(ctx, "select pg_reload_conf()"); err != nil {
		return err
	}
	return s.until(ctx, "select not exists (select from pg_stat_wal_receiver)")
}

// Promote makes a replica a primary. The one that it followed goes on as well.
func (s *Server) Promote(ctx context.Context) error {
	if _, err := s.SQL(ctx, "select pg_promote(true, 60)"); err != nil {
		return err
	}
	return s.until(ctx, "select not pg_is_in_recovery()")
}

// Dump returns what the database holds, as pg_dump writes it.
func (s *Server) Dump(ctx context.Context) ([]byte, error) {
	out, err := s.tool(ctx, "pg_dump", "--format", "custom", "--dbname", s.URL()).Output()
	if err != nil {
		return nil, fmt.Errorf("pg_dump: %w", told(err))
	}
	return out, nil
}

// Restore puts what Dump returned in the place of what the database holds now,
// in one transaction. (pg_restore --clean can't drop the keys of partitions.)
func (s *Server) Restore(ctx context.Context, dump []byte) error {
	read := s.tool(ctx, "pg_restore", "--file", "-")
	read.Stdin = bytes.NewReader(dump)
	sql, err := read.Output()
	if err != nil {
		return fmt.Errorf("pg_restore: %w", told(err))
	}
	write := s.tool(ctx, "psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--dbname", s.URL())
	write.Stdin = bytes.NewReader(append([]byte("drop schema public cascade; create schema public;\n"), sql...))
	if out, err := write.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// SQL runs a statement and returns the first column of its first row, as text.
func (s *Server) SQL(ctx context.Context, sql string) (string, error) {
	out, err := s.tool(ctx, "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname", s.URL(), "--command", sql).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", sql, told(err))
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first, nil
}

// until waits until a condition of SQL holds.
func (s *Server) until(ctx context.Context, condition string) error {
	for {
		value, err := s.SQL(ctx, condition)
		if err != nil || value == "t" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await that %s: %w", condition, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// run runs one of PostgreSQL's programs.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	if out, err := s.tool(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(out))
	}
	return nil
}

func (s *Server) tool(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...) //nolint:gosec // G204: the system's own
	cmd.Dir, cmd.SysProcAttr = s.dir, s.as
	return cmd
}

// told adds what a program said to its end.
func told(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}

package pgserver_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"reddot/actors/store/pgserver"
)

// A server starts, is reached, keeps its data over its end and a crash, and
// leaves nothing behind.
func TestServer(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s, err := pgserver.Start(ctx, pgserver.Config{TCP: tcp})
		if errors.Is(err, pgserver.ErrMissing) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		exec(t, s, "create table t (n integer)")
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		restart(t, ctx, s)
		exec(t, s, "insert into t values (1)")
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
		if err := s.Kill(); err == nil {
			t.Error("a dead server was killed")
		}
		restart(t, ctx, s)
		exec(t, s, "insert into t select 1/count(*) from t")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
			t.Errorf("its folder is left: %v", err)
		}
	}
}

func restart(t *testing.T, ctx context.Context, s *pgserver.Server) {
	t.Helper()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, s *pgserver.Server, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Error(err)
	}
}

// Without binaries the error says what to do.
func TestMissing(t *testing.T) {
	t.Setenv("POSTGRES_BIN", t.TempDir())
	if _, err := pgserver.Start(t.Context(), pgserver.Config{}); !errors.Is(err, pgserver.ErrMissing) {
		t.Errorf("got %v", err)
	}
}

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

// A replica has what its primary had until it was detached, and goes on alone
// once it is promoted; a switch leads to one or the other; a dump brings back
// what it holds.
func TestReplica(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func(url, want string) {
		t.Helper()
		conn, err := pgx.Connect(ctx, url)
		must(err)
		defer conn.Close(ctx)
		var got string
		if err := conn.QueryRow(ctx, "select count(*)::text from t").Scan(&got); err != nil || got != want {
			t.Errorf("got %s rows, %v; want %s", got, err, want)
		}
	}
	s, err := pgserver.Start(ctx, pgserver.Config{})
	if errors.Is(err, pgserver.ErrMissing) {
		t.Skip(err)
	}
	must(err)
	defer s.Close()
	exec(t, s, "create table t (n integer)")
	r, err := s.Replica(ctx, pgserver.Config{})
	must(err)
	defer r.Close()
	exec(t, s, "insert into t values (1)")
	must(s.CaughtUp(ctx, r))
	must(r.Detach(ctx))
	exec(t, s, "insert into t values (2)")
	w, err := pgserver.NewSwitch(s)
	must(err)
	count(w.URL(), "2")
	must(r.Promote(ctx))
	w.To(r)
	w.Cut()
	count(w.URL(), "1")
	dump, err := s.Dump(ctx)
	must(err)
	exec(t, s, "insert into t values (3)")
	must(s.Restore(ctx, dump))
	count(s.URL(), "2")
	must(w.Close())
}

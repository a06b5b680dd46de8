package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"reddot/actors/store/pgserver"
	"reddot/actors/store/storetest"
)

// shared is the one server of this package's tests; tests that harm a server
// start their own.
var shared struct {
	sync.Mutex
	server *pgserver.Server
}

// schemas counts the databases that tests have had.
var schemas atomic.Int64

func startServer(t testing.TB, cfg pgserver.Config) *pgserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*storetest.Patience)
	defer cancel()
	s, err := pgserver.Start(ctx, cfg)
	if errors.Is(err, pgserver.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ownServer starts a server that the test may harm.
func ownServer(t testing.TB, cfg pgserver.Config) *pgserver.Server {
	t.Helper()
	s := startServer(t, cfg)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newDatabase returns the URL of an empty database, as far as a store can
// tell: a schema of its own on the shared server.
func newDatabase(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = startServer(t, pgserver.Config{})
	}
	return newSchema(t, shared.server)
}

func newSchema(t testing.TB, s *pgserver.Server) string {
	t.Helper()
	name := fmt.Sprint("test", schemas.Add(1))
	execSQL(t, s.URL(), "create schema "+name)
	return s.URL("search_path=" + name)
}

func closeServers() {
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Println(err)
		}
	}
}

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	p, err := Open(t.Context(), cfg, storetest.NoLog(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// execSQL runs statements as somebody else would.
func execSQL(t testing.TB, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

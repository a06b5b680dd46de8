package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"reddot/actors/store/pgserver"
	"reddot/cmd/internal/config"
	"reddot/transports"
)

// StartDatabase starts a private PostgreSQL for one test.
func StartDatabase(t *testing.T) *pgserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db, err := pgserver.Start(ctx, pgserver.Config{})
	if errors.Is(err, pgserver.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// onDatabase returns a configuration on a private PostgreSQL.
func onDatabase(t *testing.T) (config.Config, *pgserver.Server) {
	t.Helper()
	db := StartDatabase(t)
	cfg := testConfig(t)
	cfg.Store.URL = transports.NewSecret(db.URL())
	cfg.Store.Postgres.Timeout = 2 * time.Second
	return cfg, db
}

func waitStatus(t *testing.T, url string, want int) {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, body := call(t, http.MethodGet, url, "", "")
		if status == want {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%s: got %d %s, want %d", url, status, body, want)
		}
	}
}

// A server on a database says so when that is gone, and goes on when it is
// back.
func TestDatabaseGone(t *testing.T) {
	cfg, db := onDatabase(t)
	a, book := start(t, cfg)
	publish := a.URL() + "/v1/users/alice/messages"
	if status, body := call(t, http.MethodPost, publish, "", `{"title":"one"}`); status != http.StatusCreated {
		t.Fatalf("got %d %s", status, body)
	}
	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	waitStatus(t, a.URL()+"/readyz", http.StatusServiceUnavailable)
	if status, body := call(t, http.MethodPost, publish, "", `{"title":"two"}`); status != http.StatusServiceUnavailable || !strings.Contains(body, `"unavailable"`) {
		t.Errorf("a publish: got %d %s", status, body)
	}
	if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "store") {
		t.Errorf("ready: got %v", err)
	}
	if err := db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitStatus(t, a.URL()+"/readyz", http.StatusOK)
	if status, body := call(t, http.MethodPost, publish, "", `{"title":"three"}`); status != http.StatusCreated || !strings.Contains(body, `"unread":2`) {
		t.Errorf("got %d %s", status, body)
	}
	if n := strings.Count(book.String(), "the database takes no writes"); n != 1 {
		t.Errorf("the log tells %d times of one outage", n)
	}
}

// A server says so while its writes stall, and while the database may lose what
// it acknowledges.
func TestDatabaseStalls(t *testing.T) {
	cfg, db := onDatabase(t)
	cfg.Store.Postgres.Timeout = time.Minute
	a, _ := start(t, cfg)
	publish := a.URL() + "/v1/users/alice/messages"
	conn, err := pgx.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	sql := func(text string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	told := func(what string) {
		t.Helper()
		waitStatus(t, a.URL()+"/readyz", http.StatusServiceUnavailable)
		if _, body := call(t, http.MethodGet, a.URL()+"/readyz", "", ""); !strings.Contains(body, what) {
			t.Errorf("got %s, want %s", body, what)
		}
	}
	sql("begin; lock table reddot_events in exclusive mode")
	answer := make(chan int, 1)
	go func() {
		status, _ := call(t, http.MethodPost, publish, "", `{"title":"one"}`)
		answer <- status
	}()
	told("writes stall")
	sql("rollback")
	if status := <-answer; status != http.StatusCreated {
		t.Errorf("the publish that stalled: got %d", status)
	}
	waitStatus(t, a.URL()+"/readyz", http.StatusOK)
	sql("alter system set fsync = off")
	sql("select pg_reload_conf()")
	told("fsync is off")
	if status, body := call(t, http.MethodPost, publish, "", `{"title":"two"}`); status != http.StatusServiceUnavailable || strings.Contains(body, "fsync") {
		t.Errorf("a publish: got %d %s", status, body)
	}
	sql("alter system reset fsync")
	sql("select pg_reload_conf()")
	waitStatus(t, a.URL()+"/readyz", http.StatusOK)
}

// Of two servers on one database that know nothing of each other, the first is
// fenced out, and says that it ends.
func TestSecondServer(t *testing.T) {
	cfg, _ := onDatabase(t)
	first, _ := start(t, cfg)
	publish := "/v1/users/alice/messages"
	call(t, http.MethodPost, first.URL()+publish, "", `{"title":"one"}`)
	second, _ := start(t, cfg)
	if status, body := call(t, http.MethodPost, second.URL()+publish, "", `{"title":"two"}`); status != http.StatusCreated || !strings.Contains(body, `"unread":2`) {
		t.Errorf("the second: got %d %s", status, body)
	}
	if status, body := call(t, http.MethodPost, first.URL()+publish, "", `{"title":"three"}`); status != http.StatusServiceUnavailable {
		t.Errorf("the first: got %d %s", status, body)
	}
	select {
	case err := <-first.Failed():
		if !strings.Contains(err.Error(), "fenced out") {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Error("the first server does not end")
	}
}

// The first key can be made in the database.
func TestCreateKeyInDatabase(t *testing.T) {
	cfg, db := onDatabase(t)
	cfg.Dev = false
	_, key, err := CreateKey(t.Context(), "", db.URL(), KeyOrder{Name: "first", Scopes: []string{"publish"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := start(t, cfg)
	if status, body := call(t, http.MethodPost, a.URL()+"/v1/users/alice/messages", key.Reveal(), `{"title":"one"}`); status != http.StatusCreated {
		t.Errorf("got %d %s", status, body)
	}
}

// What the configuration shows hides the database's password, and a wrong URL
// is told before the start.
func TestDatabaseURL(t *testing.T) {
	cfg := testConfig(t)
	cfg.Store.URL = transports.NewSecret("postgres://reddot:hunter2@127.0.0.1/x")
	if strings.Contains(cfg.YAML(), "hunter2") {
		t.Error("the configuration shows the password")
	}
	cfg.Store.URL = transports.NewSecret("postgres://reddot:hunter2@127.0.0.1:port/x")
	if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), "store.url") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

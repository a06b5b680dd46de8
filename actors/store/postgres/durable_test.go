package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"reddot/actors/store/pgserver"
	"reddot/actors/store/storetest"
)

// A logbook is what a store has logged.
type logbook struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements io.Writer.
func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

// String implements fmt.Stringer.
func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// configure changes a server's configuration and reloads it.
func configure(t *testing.T, s *pgserver.Server, name, value string) {
	t.Helper()
	execSQL(t, s.URL(), fmt.Sprintf("alter system set %s = %s", name, value), "select pg_reload_conf()")
}

// The configuration is changed so that commits are acknowledged before they are
// on the disk, and then the server crashes: nothing acknowledged is lost.
func TestPostgresReloadedAsync(t *testing.T) {
	s := ownServer(t, pgserver.Config{Settings: map[string]string{"wal_writer_delay": "10s", "wal_writer_flush_after": "100MB"}})
	p := open(t, Config{URL: s.URL(), Timeout: 5 * time.Second})
	defer storetest.Close(t, p)
	c := storetest.StartWorkers(t, p)
	c.Progress(t)
	configure(t, s, "synchronous_commit", "off")
	for range 3 {
		c.Progress(t)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Progress(t) // each has read its journal
	c.End(t)
}

// What the configuration asks beyond that is heard, what it asks below is not,
// in the sessions that are there already.
func TestPostgresStronger(t *testing.T) {
	s := ownServer(t, pgserver.Config{})
	p := open(t, Config{URL: s.URL()})
	defer storetest.Close(t, p)
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	show := func(sql string) (value string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	for _, tt := range []struct{ configured, want string }{
		{"remote_apply", "remote_apply"}, {"local", "on"}, {"remote_write", "on"}, {"off", "on"},
	} {
		configure(t, s, "synchronous_commit", tt.configured)
		storetest.Until(t, tt.configured+" to be read by the session", func() bool {
			return show("select reset_val from pg_settings where name = 'synchronous_commit'") == tt.configured
		})
		if _, err := p.inspect(t.Context(), conn, p.settings()); err != nil {
			t.Error(err)
		}
		if got := show("show synchronous_commit"); got != tt.want {
			t.Errorf("configured %s: got %s, want %s", tt.configured, got, tt.want)
		}
	}
}

// A database that does not keep what it acknowledges, and can't be told to by a
// session, is not written to while it is so; what may be meant so is said.
func TestPostgresWeak(t *testing.T) {
	s := ownServer(t, pgserver.Config{})
	var book logbook
	p, err := Open(t.Context(), Config{URL: s.URL()}, slog.New(slog.NewTextHandler(&book, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer storetest.Close(t, p)
	c := storetest.StartWorkers(t, p)
	c.Progress(t)
	for _, tt := range []struct{ break_, mend, told string }{
		{"alter system set fsync = off", "alter system reset fsync", "its setting fsync is off"},
		{"alter table reddot_records set unlogged", "alter table reddot_records set logged", "reddot_records are unlogged"},
	} {
		execSQL(t, s.URL(), tt.break_, "select pg_reload_conf()")
		storetest.AwaitOutage(t, p, tt.told)
		if _, err := Open(t.Context(), Config{URL: s.URL()}, storetest.NoLog(), nil); err == nil || !strings.Contains(err.Error(), tt.told) {
			t.Errorf("a new server: got %v", err)
		}
		if _, _, err := storetest.Load(p, storetest.NumberedKey(0)); err != nil {
			t.Errorf("a read: %v", err)
		}
		execSQL(t, s.URL(), tt.mend, "select pg_reload_conf()")
		c.Progress(t)
	}
	configure(t, s, "full_page_writes", "off")
	storetest.Until(t, "a warning", func() bool { return strings.Contains(book.String(), "full_page_writes") })
	c.Progress(t)
	c.End(t)
	if n := strings.Count(book.String(), "full_page_writes"); n != 1 {
		t.Errorf("the log warns %d times", n)
	}
	for _, want := range []string{"connected to the database", `sslmode="prefer, as none is set"`, "encryption=\"none: a socket of this machine\""} {
		if !strings.Contains(book.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, book.String())
		}
	}
}

// A limit of connections that is too small is told at the start.
func TestPostgresFewConnections(t *testing.T) {
	s := ownServer(t, pgserver.Config{})
	execSQL(t, s.URL(), "create role few login", "create database few owner few")
	url := strings.Replace(strings.Replace(s.URL(), "//reddot@", "//few@", 1), "/postgres?", "/few?", 1)
	for _, tt := range []struct {
		limit       int
		told, fails bool
	}{{1, true, true}, {2, true, true}, {8, true, false}, {40, false, false}} {
		execSQL(t, s.URL(), fmt.Sprintf("alter role few connection limit %d", tt.limit))
		var book logbook
		p, err := Open(t.Context(), Config{URL: url}, slog.New(slog.NewTextHandler(&book, nil)), nil)
		said := book.String()
		if err == nil {
			storetest.Close(t, p)
		} else {
			said = err.Error()
		}
		if (err != nil) != tt.fails || strings.Contains(said, "store.readers") != tt.told {
			t.Errorf("limit %d: got %v; %s", tt.limit, err, said)
		}
	}
}

// A limit is blamed where the database says so, or may be where it lets wait; any
// other cause is told as it is.
func TestTooFewTellsTheCause(t *testing.T) {
	p := &Store{cfg: Config{Committers: 2, Readers: 8}}
	for _, tt := range []struct {
		cause  error
		limits bool
	}{
		{&pgconn.PgError{Code: "53300"}, true},
		{fmt.Errorf("connect: %w", context.DeadlineExceeded), true},
		{io.ErrUnexpectedEOF, false},
	} {
		err := p.tooFew(1, tt.cause)
		if strings.Contains(err.Error(), "max_connections") != tt.limits || !errors.Is(err, tt.cause) {
			t.Errorf("%v: got %v", tt.cause, err)
		}
	}
}

// Behind PgBouncer the store works by sessions of its own, and refuses
// transactions and statements in turn; a pool that is too small is told.
func TestPgBouncer(t *testing.T) {
	s := ownServer(t, pgserver.Config{TCP: true})
	for _, tt := range []struct {
		mode        string
		connections int
		told        string
	}{{"session", 20, ""}, {"session", 5, "store.readers"}, {"transaction", 20, "pool_mode = session"}, {"transaction", 1, "pool_mode = session"}, {"statement", 20, "pool_mode = session"}} {
		t.Run(fmt.Sprint(tt.mode, tt.connections), func(t *testing.T) {
			pooler, err := pgserver.StartPooler(t.Context(), s, tt.mode, tt.connections)
			if errors.Is(err, pgserver.ErrNoPooler) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer pooler.Close()
			var book logbook
			p, err := Open(t.Context(), Config{URL: pooler.URL(), Timeout: 4 * time.Second}, slog.New(slog.NewTextHandler(&book, nil)), nil)
			if tt.mode != "session" {
				if err == nil || !strings.Contains(err.Error(), tt.told) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer storetest.Close(t, p)
			if !strings.Contains(book.String(), tt.told) {
				t.Errorf("the log does not tell of %s:\n%s", tt.told, book.String())
			}
			c := storetest.StartWorkers(t, p)
			c.Progress(t)
			c.Progress(t)
			c.End(t)
		})
	}
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/pgserver"
	"reddot/actors/store/storetest"
)

// The database is restarted, and crashes: the store says so, loses nothing, and
// goes on by itself.
func TestPostgresRestarts(t *testing.T) {
	s := ownServer(t, pgserver.Config{})
	p := open(t, Config{URL: s.URL(), Timeout: 2 * time.Second})
	defer storetest.Close(t, p)
	c := storetest.StartWorkers(t, p)
	for i := range 4 {
		c.Progress(t)
		end := s.Kill
		if i%2 == 0 {
			end = s.Stop
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		storetest.AwaitOutage(t, p, "")
		if _, _, err := storetest.Load(p, storetest.NumberedKey(0)); storetest.CodeOf(err) != actors.Unavailable {
			t.Errorf("a read: got %v", err)
		}
		if err := p.PutRecord(t.Context(), "k", "k", nil); storetest.CodeOf(err) != actors.Unavailable {
			t.Errorf("a record: got %v", err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Progress(t)
		storetest.Until(t, "no error", func() bool { return p.Err() == nil })
	}
	c.End(t)
}

// A store for which nothing is done notices too.
func TestPostgresIdle(t *testing.T) {
	s := ownServer(t, pgserver.Config{})
	p := open(t, Config{URL: s.URL(), Timeout: 2 * time.Second})
	defer storetest.Close(t, p)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	storetest.AwaitOutage(t, p, "")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.Until(t, "no error", func() bool { return p.Err() == nil })
}

// Sessions are ended all the time, as at a fail-over.
func TestPostgresSessionsEnd(t *testing.T) {
	s := ownServer(t, pgserver.Config{})
	p := open(t, Config{URL: s.URL(), Timeout: 2 * time.Second})
	defer storetest.Close(t, p)
	c := storetest.StartWorkers(t, p)
	for range 40 {
		execSQL(t, s.URL(), "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and application_name = 'reddot'")
		time.Sleep(20 * time.Millisecond)
	}
	c.Progress(t)
	c.End(t)
}

// The server's processes are stopped for longer than the store waits, with
// appends under way, which become durable late: nobody is told twice.
func TestPostgresFreezes(t *testing.T) {
	s := ownServer(t, pgserver.Config{})
	p := open(t, Config{URL: s.URL(), Timeout: time.Second})
	defer storetest.Close(t, p)
	c := storetest.StartWorkers(t, p)
	for range 3 {
		c.Progress(t)
		pids := sessions(t, s.URL())
		thaw := sync.OnceFunc(func() { signal(t, pids, syscall.SIGCONT) })
		t.Cleanup(thaw)
		signal(t, pids, syscall.SIGSTOP)
		storetest.AwaitOutage(t, p, "")
		thaw()
		c.Progress(t)
		storetest.Until(t, "no error", func() bool { return p.Err() == nil })
	}
	c.End(t)
}

// sessions returns the processes of the store's sessions.
func sessions(t *testing.T, url string) (pids []int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), "select pid from pg_stat_activity where application_name = 'reddot'")
	if err != nil {
		t.Fatal(err)
	}
	pids, err = pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

func signal(t *testing.T, pids []int, s syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	}
}

// The disk of the tables is full: a small file system of its own, or, where
// this process may not have one, errors as PostgreSQL makes them.
func TestPostgresFullDisk(t *testing.T) {
	t.Run("told so", func(t *testing.T) {
		url := newDatabase(t)
		p := open(t, Config{URL: url, Timeout: 2 * time.Second})
		fullDisk(t, p, func() {
			execSQL(t, url, `create function full_disk() returns trigger language plpgsql as
				$$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$`,
				"create trigger full_disk before insert on reddot_events for each row execute function full_disk()",
				"create trigger full_disk before insert on reddot_probes for each row execute function full_disk()")
		}, func() {
			execSQL(t, url, "drop function full_disk cascade")
		})
	})
	t.Run("for real", func(t *testing.T) {
		dir := smallDisk(t)
		s := ownServer(t, pgserver.Config{})
		give(t, s, dir)
		execSQL(t, s.URL(), fmt.Sprintf("create tablespace small location '%s'", dir))
		p := open(t, Config{URL: s.URL("default_tablespace=small"), Timeout: 2 * time.Second})
		ballast := filepath.Join(dir, "ballast")
		fullDisk(t, p, func() {
			for size := 16 << 20; size >= 4096; { // until nothing fits
				f, err := os.OpenFile(ballast, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				if _, err = f.Write(make([]byte, size)); err != nil {
					size /= 2
				}
				f.Close()
			}
		}, func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func fullDisk(t *testing.T, p *Store, fill, empty func()) {
	t.Helper()
	defer storetest.Close(t, p)
	c := storetest.StartWorkers(t, p)
	for range 2 {
		c.Progress(t)
		fill()
		storetest.AwaitOutage(t, p, "No space left on device")
		if _, _, err := storetest.Load(p, storetest.NumberedKey(0)); err != nil {
			t.Errorf("a read: got %v", err)
		}
		time.Sleep(200 * time.Millisecond)
		if p.Err() == nil {
			t.Error("the disk is still full, and the store says that all is well")
		}
		empty()
		c.Progress(t)
		storetest.Until(t, "no error", func() bool { return p.Err() == nil })
	}
	c.End(t)
}

// smallDisk mounts a file system of a few megabytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "small")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=48m", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("no small file system to fill: mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// give lets the server own a folder.
func give(t *testing.T, s *pgserver.Server, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	var st syscall.Stat_t
	if err := syscall.Stat(s.Dir(), &st); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(st.Uid), int(st.Gid)); err != nil {
		t.Fatal(err)
	}
}

// A slow database: the queue is bounded, what it has no room for is refused as
// busy, and what waits too long as unavailable.
func TestPostgresSlow(t *testing.T) {
	url := newDatabase(t)
	p := open(t, Config{URL: url, Timeout: 2 * time.Second, Config: store.Config{QueueWrites: 40}, Committers: 2})
	defer storetest.Close(t, p)
	release := hold(t, url, "lock table reddot_events in exclusive mode")
	var all []*storetest.Actor
	busy := 0
	for i := range 200 {
		a := storetest.NewActor(actors.UserKey("default", fmt.Sprint("slow", i)), 0)
		switch err := p.Append(a.Write("e")); storetest.CodeOf(err) {
		case "":
			all = append(all, a)
		case actors.Busy:
			busy++
		default:
			t.Fatal(err)
		}
	}
	if most := 40 + 2*40; len(all) > most || busy == 0 {
		t.Errorf("%d writes were taken and %d refused; want %d at most taken", len(all), busy, most)
	}
	for _, a := range all {
		if err := a.Await(); storetest.CodeOf(err) != actors.Unavailable {
			t.Fatalf("%s: got %v", a.Key, err)
		}
	}
	release()
	storetest.Until(t, "no error", func() bool { return p.Err() == nil })
	a := storetest.NewActor(actors.UserKey("default", "after"), 0)
	a.Do(t, p, a.Write("fine"))
	for _, a := range all {
		if _, events, err := storetest.Load(p, a.Key); err != nil || len(events) != 0 {
			t.Errorf("%s: got %q, %v", a.Key, events, err)
		}
	}
}

// hold runs a statement in a transaction that stays open until release.
func hold(t *testing.T, url, sql string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "begin; "+sql); err != nil {
		t.Fatal(err)
	}
	return func() { conn.Close(context.Background()) }
}

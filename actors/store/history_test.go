package store

import (
	"context"
	"path/filepath"
	"testing"

	"reddot/actors/store/pgserver"
)

// A history has an id, which a restart keeps and a new store does not share.
func testHistory(t *testing.T, b *bench) {
	id := b.History()
	if id == 0 {
		t.Error("the history has no id")
	}
	if other := newMemory(t, Config{}); other.History() == id {
		t.Errorf("two stores have the history %d", id)
	}
	b.check(t, func() {
		if got := b.History(); got != id {
			t.Errorf("got history %d, want %d", got, id)
		}
	})
}

// A checkpoint begins a history of its own when it is opened, once; the store
// that it was made of keeps its own. Renew begins another one.
func TestPebbleHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	backup := filepath.Join(t.TempDir(), "backup")
	p := openPebble(t, Config{Dir: dir})
	first := p.History()
	if err := p.Checkpoint(backup); err != nil {
		t.Fatal(err)
	}
	closeStore(t, p)
	reopened := func(dir string) *Pebble {
		p := openPebble(t, Config{Dir: dir})
		t.Cleanup(func() { closeStore(t, p) })
		return p
	}
	p = openPebble(t, Config{Dir: backup})
	second := p.History()
	closeStore(t, p)
	if p = reopened(backup); second == first || p.History() != second {
		t.Errorf("a copy of history %d has %d, and then %d", first, second, p.History())
	}
	if p = reopened(dir); p.History() != first {
		t.Errorf("the original has history %d, want %d", p.History(), first)
	}
	if err := p.Renew(); err != nil {
		t.Fatal(err)
	}
	renewed := p.History()
	closeStore(t, p)
	if p = reopened(dir); p.History() != renewed || renewed == first {
		t.Errorf("after Renew: got history %d, and then %d", renewed, p.History())
	}
}

// A database has another history after Renew, after its rows were written anew
// as from a dump, and on a server of its own; not after a restart or a vacuum.
func TestPostgresHistory(t *testing.T) {
	server := ownServer(t, pgserver.Config{})
	url := newSchema(t, server)
	seen := map[uint64]string{}
	look := func(what string) uint64 {
		t.Helper()
		p := openPostgres(t, Config{URL: url})
		defer closeStore(t, p)
		return p.History()
	}
	another := func(what string) {
		t.Helper()
		id := look(what)
		if before, ok := seen[id]; ok {
			t.Errorf("%s: it has the history of: %s", what, before)
		}
		seen[id] = what
	}
	another("new")
	same := look("again")
	execSQL(t, url, "vacuum full freeze reddot_history")
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := server.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if id := look("restarted"); id != same {
		t.Error("a crash and a vacuum began another history")
	}
	execSQL(t, url, "select reddot_renew_history()")
	another("renewed")
	execSQL(t, url, "create table kept as table reddot_history", "delete from reddot_history", "insert into reddot_history table kept")
	another("written anew, as from a dump of the data")
	execSQL(t, url, "drop table reddot_history", "create table reddot_history (only_one boolean primary key default true, id bytea not null, minted_at timestamptz)",
		"insert into reddot_history table kept")
	another("made anew, as from a whole dump")
	p := openPostgres(t, Config{URL: url})
	if err := p.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	closeStore(t, p)
	another("renewed by the store")
}

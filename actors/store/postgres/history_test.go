package postgres

import (
	"context"
	"testing"

	"reddot/actors/store/pgserver"
	"reddot/actors/store/storetest"
)

// A database has another history after Renew, after its rows were written anew
// as from a dump, and on a server of its own; not after a restart or a vacuum.
func TestPostgresHistory(t *testing.T) {
	server := ownServer(t, pgserver.Config{})
	url := newSchema(t, server)
	seen := map[uint64]string{}
	look := func(what string) uint64 {
		t.Helper()
		p := open(t, Config{URL: url})
		defer storetest.Close(t, p)
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
	ctx, cancel := context.WithTimeout(t.Context(), storetest.Patience)
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
	p := open(t, Config{URL: url})
	if err := p.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	storetest.Close(t, p)
	another("renewed by the store")
}

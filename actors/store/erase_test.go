package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reddot/actors"
)

// inFiles returns the files of a directory that hold a text.
func inFiles(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n.Name())) // one that has gone meanwhile holds nothing
		if err == nil && bytes.Contains(b, []byte(text)) {
			found = append(found, n.Name())
		}
	}
	return found
}

// TestPebbleErases writes, and then deletes or writes over in each way that
// there is, little among much: within the time nothing of it is in any file,
// though nothing is written any more.
func TestPebbleErases(t *testing.T) {
	const within = 2 * time.Second
	dir := t.TempDir()
	p := openPebble(t, Config{Dir: dir, EraseWithin: within, MemTableBytes: 1 << 20})
	defer closeStore(t, p)
	secret := func(what string) []byte { return []byte("secret " + what + strings.Repeat(" x", 200)) }
	var users []*actor
	for i := range 200 {
		a := newActor(actors.UserKey("default", fmt.Sprint("user", i)), 0)
		few := i%100 == 0
		w := &actors.Write{Stream: a.Stream, Tally: []actors.Tally{{ID: actors.ID{1, byte(i)}, Kind: 0, N: 1}}}
		for k := range 80 {
			e := secret(fmt.Sprint("event ", k))
			if !few {
				e = bytes.Replace(e, []byte("secret"), []byte("public"), 1)
			}
			w.Events = append(w.Events, e)
		}
		a.last = w.Last()
		a.do(t, p, w)
		if few {
			w = a.write()
			w.Snapshot = secret("snapshot")
			a.do(t, p, w)
			users = append(users, a)
		}
	}
	if err := p.PutRecord(t.Context(), "kind", "key", secret("record")); err != nil {
		t.Fatal(err)
	}
	if err := p.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil { // down to the lowest level
		t.Fatal(err)
	}
	if len(inFiles(t, dir, "secret")) == 0 {
		t.Fatal("nothing was ever in the files: the test shows nothing")
	}
	for i, a := range users {
		w := a.write("after")
		w.Rewrite = []actors.Rewrite{{Seq: 1, Event: []byte("one")}}
		w.Delete = []actors.Range{{First: 2, Last: 10}, {First: 11, Last: 80}} // one by one, and as a range
		w.Snapshot, w.Forget = []byte("fresh"), w.Last()
		w.Untally = []actors.ID{{1, byte(i)}}
		a.do(t, p, w)
	}
	if err := p.PutRecord(t.Context(), "kind", "key", []byte("other")); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(patience)
	for found := []string{"?"}; len(found) > 0; found = inFiles(t, dir, "secret") {
		if time.Now().After(late) {
			t.Fatalf("deleted contents are in %v", found)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, a := range users {
		if s, e, err := load(p, a.Key); s != "fresh" || len(e) != 0 || err != nil {
			t.Fatalf("%s: got %q %q, %v", a.Key, s, e, err)
		}
	}
}

// TestPostgresVacuums deletes rows, few among many: they are vacuumed all the
// same.
func TestPostgresVacuums(t *testing.T) {
	url := newDatabase(t)
	p := openPostgres(t, Config{URL: url, EraseWithin: 2 * time.Second})
	defer closeStore(t, p)
	a := newActor(actors.UserKey("default", "ann"), 0)
	for i := range 50 {
		a.do(t, p, a.write(fmt.Sprint("event ", i)))
	}
	w := a.write()
	w.Snapshot, w.Delete = []byte("s"), []actors.Range{{First: 1, Last: 3}}
	a.do(t, p, w)
	var vacuumed int
	late := time.Now().Add(patience)
	for vacuumed == 0 {
		if time.Now().After(late) {
			t.Fatal("no table was vacuumed")
		}
		err := p.pool.QueryRow(t.Context(), `select count(*) from pg_stat_user_tables
			where relname like 'reddot\_events\_%' and last_vacuum is not null and n_dead_tup = 0`).Scan(&vacuumed)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

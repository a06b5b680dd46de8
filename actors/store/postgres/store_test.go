package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

// A write that the database refuses fails its own actor, with all that the
// actor has queued behind it; the others in its batch do not notice.
func TestPostgresConflict(t *testing.T) {
	url := newDatabase(t)
	p := open(t, Config{URL: url, Committers: 1})
	defer storetest.Close(t, p)
	key := func(i int) actors.Key { return actors.UserKey("default", fmt.Sprint("u", i)) }
	const users = 40
	first := storetest.NewActor(key(7), 0)
	first.Do(t, p, first.Write("of the first activation"))
	first = storetest.NewActor(key(31), 0)
	first.Do(t, p, first.Write("1", "2", "3", "of the first activation"))

	release := hold(t, url, "select from reddot_shards for update")
	head := storetest.NewActor(key(999), 0) // the batch under way, behind which the others queue
	if err := p.Append(head.Write("e")); err != nil {
		t.Fatal(err)
	}
	storetest.Until(t, "a batch to be under way", func() bool { return p.Stats().Queued == 0 })
	var all []*storetest.Actor
	for i := range users {
		a := storetest.NewActor(key(i), 0)
		all = append(all, a)
		for range 3 {
			if err := p.Append(a.Write("1", "2")); err != nil {
				t.Fatal(err)
			}
		}
	}
	record := make(chan error, 1)
	go func() { record <- p.PutRecord(t.Context(), "k", "k", []byte("v")) }()
	storetest.Until(t, "all to queue", func() bool { return p.Stats().Queued == 3*users+1 })
	release()
	for i, a := range all {
		want, events := actors.Code(""), 6
		switch i {
		case 7:
			want, events = actors.Conflict, 1
		case 31: // refused at its second write, and the first is done or not
			want = actors.Conflict
		}
		err := a.Await()
		if storetest.CodeOf(err) != want {
			t.Errorf("%s: got %v, want %q", a.Key, err, want)
		}
		if i == 31 {
			continue
		}
		if _, got, err := storetest.Load(p, a.Key); err != nil || len(got) != events {
			t.Errorf("%s: got %q, %v; want %d events", a.Key, got, err, events)
		}
	}
	if err := <-record; err != nil {
		t.Error(err)
	}
	if p.Err() != nil {
		t.Errorf("the store counts it as an outage: %v", p.Err())
	}
}

// What the database says of a write that it refuses, its Detail most of all, holds
// keys and values: clients get nothing of either, and the log no value.
func TestPostgresErrorsShowNoValues(t *testing.T) {
	p := open(t, Config{URL: newDatabase(t), Committers: 1})
	defer storetest.Close(t, p)
	const user, body = "somebody", "some5ecret"
	key := actors.UserKey("default", user)
	first := storetest.NewActor(key, 0)
	first.Do(t, p, first.Write(body))
	again := storetest.NewActor(key, 0)
	if err := p.Append(again.Write(body)); err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 6000) // more than an index takes, however it is compressed
	_, _ = rand.Read(noise)
	for what, err := range map[string]error{
		"an event that is there": again.Await(),
		"a key that is too long": p.PutRecord(t.Context(), "k", body+string(noise), []byte(body)),
		"an old fence":           store.Fenced(first.Stream),
		"a gap":                  store.OutOfOrder(first.Write(body)),
		"another history":        historyError(first.Write(body)),
		"a value that is none":   unfitError(first.Write(body), errors.New("it does not fit")),
	} {
		if err == nil {
			t.Errorf("%s: there is no error", what)
			continue
		}
		told, logged := actors.AsError(err).Detail, err.Error()
		if strings.Contains(told, user) || strings.Contains(told, body) {
			t.Errorf("%s: a client is told %q", what, told)
		}
		if strings.Contains(logged, body) || strings.Contains(logged, hex.EncodeToString([]byte(body))) || strings.Contains(logged, hex.EncodeToString([]byte(user))) {
			t.Errorf("%s: the log shows %q", what, logged)
		}
	}
}

// A schema that a newer program wrote is refused; an older one is brought up to
// date by one of the programs that start at the same time.
func TestPostgresSchema(t *testing.T) {
	url := newDatabase(t)
	var opening sync.WaitGroup
	stores := make([]*Store, 4)
	for i := range stores {
		opening.Go(func() {
			var err error
			if stores[i], err = Open(t.Context(), Config{URL: url}, storetest.NoLog(), nil); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	for _, p := range stores {
		if p != nil {
			storetest.Close(t, p)
		}
	}
	execSQL(t, url, "insert into reddot_schema (version, name) values (99, 'of the future')")
	_, err := Open(t.Context(), Config{URL: url}, storetest.NoLog(), nil)
	if err == nil || !strings.Contains(err.Error(), "version 99") || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer schema: got %v", err)
	}
}

// A migration that fails leaves nothing behind.
func TestMigrationFails(t *testing.T) {
	url := newDatabase(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	steps := []migration{{1, "one", "create table reddot_one (n integer)"}, {2, "two", "create table reddot_two (n integer); select 1/0"}}
	if _, _, err := migrate(t.Context(), conn, steps); err == nil || !strings.Contains(err.Error(), "migration 2 (two)") {
		t.Errorf("got %v", err)
	}
	steps[1].sql = "create table reddot_two (n integer)"
	for _, want := range [][2]int{{0, 2}, {2, 2}} {
		if from, to, err := migrate(t.Context(), conn, steps); err != nil || [2]int{from, to} != want {
			t.Errorf("got %d to %d, %v; want %v", from, to, err, want)
		}
	}
}

// No error shows any part of a password, wherever a mistake puts it.
func TestPostgresSecret(t *testing.T) {
	for _, url := range []string{
		"postgres://reddot:hunter2@127.0.0.1:1/x", "postgres://reddot:hunter2@127.0.0.1:notaport/x", "postgres://reddot:hunter2@[::1/x",
		"host=127.0.0.1 port=1 user=reddot password=hunter2", "host=127.0.0.1 port=x password=hunter2",
		"host=127.0.0.1 password=some hunter2", "host=127.0.0.1 password='some hunter2", "password=some hunter2 sslmode=maybe",
		"postgres://reddot:some@hunter2@127.0.0.1:1/x", "postgres://reddot:some/hunter2@127.0.0.1:1/x", "postgres://reddot:some?hunter2@127.0.0.1:1/x",
		"postgres://reddot:some#hunter2@127.0.0.1:1/x", "postgres://reddot:some%hunter2@127.0.0.1:1/x", "postgres://reddot:some:hunter2@127.0.0.1:1/x",
		"postgres://reddot:some@127.0.0.1/hunter2@127.0.0.1:1/x", "postgres://reddot:1/hunter2@127.0.0.1:1/x",
		"postgresql://127.0.0.1:1/x?user=a&password=hunter2&sslmode=maybe", "postgres://reddot:hunter2@127.0.0.1:1/x?sslrootcert=/none&sslmode=verify-full",
		"postgres//reddot:hunter2@127.0.0.1:1/x", "reddot:hunter2@127.0.0.1:1/x",
	} {
		_, err := Open(t.Context(), Config{URL: url, Timeout: time.Second}, storetest.NoLog(), nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "some") {
			t.Errorf("%s: got %v", url, err)
		}
		if err := CheckURL(url); err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "some")) {
			t.Errorf("%s: got %v", url, err)
		}
	}
}

// Committed writes are on the disk, and locks end, whatever the role's defaults
// are.
func TestPostgresDefaults(t *testing.T) {
	url := newDatabase(t)
	p := open(t, Config{URL: url + "&synchronous_commit=off&default_transaction_isolation=serializable&idle_in_transaction_session_timeout=0&idle_session_timeout=60000"})
	defer storetest.Close(t, p)
	for name, want := range map[string]string{
		"synchronous_commit": "on", "transaction_isolation": "read committed", "idle_in_transaction_session_timeout": "2s",
		"idle_session_timeout": "0",
	} {
		var got [2]string
		for i, err := range []error{
			p.engines[0].conn.QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got[0]),
			p.pool.QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got[1]),
		} {
			if err != nil || got[i] != want {
				t.Errorf("%s: got %q, %v; want %q", name, got[i], err, want)
			}
		}
	}
}

// A node finds the wake-ups of its own shards behind however many of others', and
// those that an older program has written.
func TestDueIn(t *testing.T) {
	url := newDatabase(t)
	p := open(t, Config{URL: url})
	defer storetest.Close(t, p)
	a := storetest.NewActor(actors.UserKey("default", "ann"), 0)
	w := a.Write()
	w.Wake = actors.Wake{New: 1000}
	a.Do(t, p, w)
	own := actors.ShardOf(a.Key)
	execSQL(t, url, fmt.Sprintf("insert into reddot_wakes (at, key, shard) select n, 'other'::bytea, %d from generate_series(1, 500) n", (own+1)%actors.Shards))
	execSQL(t, url, "insert into reddot_wakes (at, key) values (7, 'older')")
	var set actors.ShardSet
	set.Add(own)
	var got []string
	err := p.DueIn(t.Context(), &set, 2000, 10, func(key actors.Key, at int64) bool {
		got = append(got, fmt.Sprintf("%s@%d", key, at))
		return true
	})
	if want := []string{"older@7", string(a.Key) + "@1000"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

package postgres

import (
	"fmt"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

// TestPostgresVacuums deletes rows, few among many: they are vacuumed all the
// same.
func TestPostgresVacuums(t *testing.T) {
	url := newDatabase(t)
	p := open(t, Config{URL: url, Config: store.Config{EraseWithin: 2 * time.Second}})
	defer storetest.Close(t, p)
	a := storetest.NewActor(actors.UserKey("default", "ann"), 0)
	for i := range 50 {
		a.Do(t, p, a.Write(fmt.Sprint("event ", i)))
	}
	w := a.Write()
	w.Snapshot, w.Delete = []byte("s"), []actors.Range{{First: 1, Last: 3}}
	a.Do(t, p, w)
	var vacuumed int
	late := time.Now().Add(storetest.Patience)
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

package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"reddot/actors"
	"reddot/actors/store/pgserver"
	"reddot/actors/store/storetest"
)

// TestClaimsCross lets two servers pass the same devices between their users, each
// statement claiming some and releasing others: none waits for the other in a circle,
// which the database would end by failing one of them.
func TestClaimsCross(t *testing.T) {
	s := ownServer(t, pgserver.Config{})
	cfg := Config{URL: newSchema(t, s)}
	type node struct {
		*storetest.Actor
		store *Store
	}
	var nodes [2]node
	for n := range nodes {
		nodes[n] = node{storetest.NewActor(actors.UserKey("default", fmt.Sprint("user", n)), 0), open(t, cfg)}
		defer storetest.Close(t, nodes[n].store)
	}
	const rounds, devices = 12, 2000
	for round := range rounds {
		for n, node := range nodes {
			w := node.Write("e")
			for i := range devices {
				var id actors.ID
				binary.BigEndian.PutUint64(id[:], uint64(i))
				if (i+round+n)%2 == 0 {
					w.Claim = append(w.Claim, id)
				} else {
					w.Release = append(w.Release, id)
				}
			}
			if err := node.store.Append(w); err != nil {
				t.Fatal(err)
			}
		}
		for _, node := range nodes {
			if err := node.Await(); err != nil {
				t.Fatal(err)
			}
		}
	}
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var deadlocks int
	err = conn.QueryRow(t.Context(), "select sum(deadlocks) from pg_stat_database where datname = current_database()").Scan(&deadlocks)
	if err != nil || deadlocks > 0 {
		t.Errorf("got %d deadlocks, %v", deadlocks, err)
	}
}

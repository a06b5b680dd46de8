package app_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"reddot/cmd/internal/app"
)

// The same by TLS, and on a database that is killed and restarted too: alone, or with the
// server.
func TestDatabaseKilledAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the chaos run takes half a minute")
	}
	db := app.StartDatabase(t)
	s := newProcess(t)
	s.secure(t)
	s.args = []string{"--store", db.URL(), "--set", "store.timeout=3s"}
	s.start(t)
	chaos(t, s, chaosKills, func(r *rand.Rand) {
		kind := r.IntN(4)
		if kind == 0 || kind == 1 {
			s.kill(t)
		}
		if kind != 0 {
			end := db.Kill
			if r.IntN(2) == 0 {
				end = db.Stop
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			if err := db.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if kind == 0 || kind == 1 {
			s.start(t)
		}
		s.ready(t)
	})
}

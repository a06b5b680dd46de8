package postgres

import (
	"fmt"
	"os"
	"testing"

	"reddot/actors/store/storetest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(raceURL); url != "" {
		if err := raceProcess(url, os.Getenv(raceNode)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	closeServers()
	os.Exit(code)
}

func TestConformance(t *testing.T) {
	urls := map[string]string{}
	storetest.Run(t, func(t *testing.T) storetest.Store {
		if urls[t.Name()] == "" {
			urls[t.Name()] = newDatabase(t)
		}
		return open(t, Config{URL: urls[t.Name()]})
	}, true)
}

// One committer keeps the order between actors, so that they may meddle with each
// other's ids as they never do; several do not.
func TestRandom(t *testing.T) {
	for _, committers := range []int{1, 4} {
		t.Run(fmt.Sprint("committers: ", committers), func(t *testing.T) {
			cfg := Config{URL: newDatabase(t), Committers: committers}
			storetest.Random(t, func() storetest.Store { return open(t, cfg) }, committers > 1)
		})
	}
}

func TestRace(t *testing.T) {
	cfg := Config{URL: newDatabase(t)}
	storetest.Race(t, open(t, cfg), open(t, cfg), open(t, cfg), open(t, cfg))
}

func BenchmarkAppend(b *testing.B) {
	storetest.BenchmarkAppend(b, open(b, Config{URL: newDatabase(b)}))
}

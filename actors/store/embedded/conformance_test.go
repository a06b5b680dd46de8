package embedded

import (
	"testing"

	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

func TestConformance(t *testing.T) {
	dirs := map[string]string{}
	storetest.Run(t, func(t *testing.T) storetest.Store {
		if dirs[t.Name()] == "" {
			dirs[t.Name()] = t.TempDir()
		}
		return open(t, Config{Dir: dirs[t.Name()]})
	}, true)
}

func TestRandom(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), MemTableBytes: 1 << 20, Config: store.Config{BatchWrites: 7}}
	storetest.Random(t, func() storetest.Store { return open(t, cfg) }, false)
}

func TestRace(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	storetest.Race(t, s, s, s, s)
}

func BenchmarkAppend(b *testing.B) {
	storetest.BenchmarkAppend(b, open(b, Config{Dir: b.TempDir()}))
}

package memory_test

import (
	"testing"

	"reddot/actors/store"
	"reddot/actors/store/memory"
	"reddot/actors/store/storetest"
)

func open(t testing.TB) storetest.Store {
	t.Helper()
	s, err := memory.New(store.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t) }, false)
}

func TestRace(t *testing.T) {
	s := open(t)
	storetest.Race(t, s, s, s, s)
}

func BenchmarkAppend(b *testing.B) { storetest.BenchmarkAppend(b, open(b)) }

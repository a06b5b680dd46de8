package embedded

import (
	"testing"

	"reddot/actors/store/storetest"
)

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	p, err := Open(cfg, storetest.NoLog(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

package embedded

import (
	"path/filepath"
	"testing"

	"reddot/actors/store/storetest"
)

// A checkpoint begins a history of its own when it is opened, once; the store
// that it was made of keeps its own. Renew begins another one.
func TestPebbleHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	backup := filepath.Join(t.TempDir(), "backup")
	p := open(t, Config{Dir: dir})
	first := p.History()
	if err := p.Checkpoint(backup); err != nil {
		t.Fatal(err)
	}
	storetest.Close(t, p)
	reopened := func(dir string) *Store {
		p := open(t, Config{Dir: dir})
		t.Cleanup(func() { storetest.Close(t, p) })
		return p
	}
	p = open(t, Config{Dir: backup})
	second := p.History()
	storetest.Close(t, p)
	if p = reopened(backup); second == first || p.History() != second {
		t.Errorf("a copy of history %d has %d, and then %d", first, second, p.History())
	}
	if p = reopened(dir); p.History() != first {
		t.Errorf("the original has history %d, want %d", p.History(), first)
	}
	if err := p.Renew(); err != nil {
		t.Fatal(err)
	}
	renewed := p.History()
	storetest.Close(t, p)
	if p = reopened(dir); p.History() != renewed || renewed == first {
		t.Errorf("after Renew: got history %d, and then %d", renewed, p.History())
	}
}

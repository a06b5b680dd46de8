package embedded

import (
	"math"
	"testing"

	"reddot/actors/store/storetest"
)

func TestWakeFloor(t *testing.T) {
	var f wakeFloor
	from, done := f.scan()
	if from != 0 {
		t.Errorf("a new floor: got %d", from)
	}
	f.add(700) // during the scan
	_, other := f.scan()
	other(math.MaxInt64) // a second scan at the same time raises nothing
	done(1000)
	for _, tt := range []struct{ add, first, from int64 }{
		{0, 800, 700}, // what was added during the scan before holds the floor down
		{0, 2000, 800},
		{500, 2500, 500},
		{0, 3000, 2500},
	} {
		if tt.add > 0 {
			f.add(tt.add)
		}
		from, done := f.scan()
		if from != tt.from {
			t.Errorf("%+v: the scan begins at %d", tt, from)
		}
		done(tt.first)
	}
	if from, _ := f.scan(); from != 3000 {
		t.Errorf("at last: got %d, want 3000", from)
	}
}

// The floor follows the wake-ups that are done, so that a scan does not walk
// over what was deleted.
func TestDueRaisesFloor(t *testing.T) {
	p := open(t, Config{Dir: t.TempDir()})
	defer storetest.Close(t, p)
	a := storetest.NewActor("ua/a", 0)
	w := a.Write()
	w.Wake.New = 5000
	a.Do(t, p, w)
	if got := storetest.Due(t, p, 4000); got != nil || p.wakes.floor != 4000 {
		t.Errorf("got %v, floor %d", got, p.wakes.floor)
	}
	if got := storetest.Due(t, p, 6000); len(got) != 1 || p.wakes.floor != 5000 {
		t.Errorf("got %v, floor %d", got, p.wakes.floor)
	}
}

package membership

import (
	"testing"
	"time"

	"reddot/cluster/wire"
)

// TestLinkStates lets a link speak and be silent: it is lost after long silence only,
// is up again when it has spoken for a while, and silence does not count while
// this node stood still itself.
func TestLinkStates(t *testing.T) {
	set := &linkStates{pace: Pace{LostTime, recoveredTime}, all: map[string]*linkState{}}
	now := time.Duration(0)
	look := func(speaks bool, d time.Duration) wire.TieState {
		for late := now + d; now < late; now += updateEvery {
			set.look(now, map[string]bool{"b": speaks})
		}
		return set.state("b")
	}
	const young, up, lost = wire.TieState_TIE_YOUNG, wire.TieState_TIE_HOLDS, wire.TieState_TIE_LOST
	for i, step := range []struct {
		speaks bool
		d      time.Duration
		want   wire.TieState
	}{
		{false, 4 * time.Second, young},
		{true, updateEvery, up},
		{false, 4 * time.Second, up},
		{true, updateEvery, up},
		{false, 4 * time.Second, up}, // not eight at a time
		{false, 2 * time.Second, lost},
		{true, time.Second, lost},
		{false, updateEvery, lost}, // and begins anew
		{true, 1500 * time.Millisecond, lost},
		{true, time.Second, up},
		{false, time.Second, up},
	} {
		if got := look(step.speaks, step.d); got != step.want {
			t.Fatalf("step %d: %v, want %v", i, got, step.want)
		}
	}
	now += time.Minute // nobody looked
	if got := look(false, 2*time.Second); got != up {
		t.Errorf("after this node stood still: %v", got)
	}
	if got := look(false, 4*time.Second); got != lost {
		t.Errorf("after more silence: %v", got)
	}
	set.look(now, nil)
	if len(set.all) != 0 {
		t.Error("a node that is gone is remembered")
	}
	if got := look(false, 6*time.Second); got != lost {
		t.Errorf("a node that never spoke: %v", got)
	}
}

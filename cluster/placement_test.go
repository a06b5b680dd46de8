package cluster

import "testing"

// A node that let go of a shard and got it again has not let go of it.
func TestReleasedOfAnEpoch(t *testing.T) {
	p := &placement{}
	p.released(&released{shard: 1, by: "b", epoch: 3})
	s := &p.shards[1]
	for _, c := range []struct {
		by    string
		epoch uint64
		want  bool
	}{{"b", 3, true}, {"b", 5, false}, {"c", 3, false}} {
		if got := s.releasedBy(c.by, c.epoch); got != c.want {
			t.Errorf("%s, epoch %d: got %v", c.by, c.epoch, got)
		}
	}
	p.released(&released{shard: 1, by: "b", epoch: 5})
	p.released(&released{shard: 1, by: "b", epoch: 3}) // told again, late
	if !s.releasedBy("b", 5) {
		t.Error("a late word hides a later one")
	}
	// Nor does it end the rest of who took the shard from the later epoch.
	s.phase, s.from, s.before = waitingOut, "b", 7
	p.released(&released{shard: 1, by: "b", epoch: 5})
	if s.from != "b" {
		t.Error("the rest has ended by an old word")
	}
}

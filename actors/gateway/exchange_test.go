package gateway

import (
	"slices"
	"testing"

	"reddot/actors"
)

// A heardLink notes what a session's connection is told.
type heardLink struct {
	seqs []uint64
	lost int
}

func (*heardLink) Client() string { return "c" }
func (*heardLink) ID() uint64     { return 1 }
func (*heardLink) Replaced()      {}
func (l *heardLink) Lost()        { l.lost++ }
func (l *heardLink) Waits(list []actors.Waits) {
	for _, w := range list {
		l.seqs = append(l.seqs, w.Seq)
	}
}

// When a link between nodes has lost what a user told a session, the session
// asks again instead of going on behind the hole; what an earlier way brings late
// is not heard.
func TestTidingsLost(t *testing.T) {
	waits := func(turn, n, seq uint64) *actors.Tidings {
		return &actors.Tidings{Link: 1, What: actors.TidingWaits, Turn: turn, N: n, Waits: []actors.Waits{{Waiting: &actors.Waiting{Seq: seq}}}}
	}
	for name, c := range map[string]struct {
		told []*actors.Tidings
		seqs []uint64
		lost int
	}{
		"all come":          {[]*actors.Tidings{waits(2, 1, 63), waits(2, 2, 64)}, []uint64{63, 64}, 0},
		"one is lost":       {[]*actors.Tidings{waits(2, 1, 62), waits(2, 3, 64), waits(2, 4, 65)}, []uint64{62}, 1},
		"the first is lost": {[]*actors.Tidings{waits(2, 2, 64)}, nil, 1},
		"an earlier way":    {[]*actors.Tidings{waits(1, 1, 62), waits(2, 1, 63), waits(1, 2, 64)}, []uint64{63}, 0},
		"an older program":  {[]*actors.Tidings{waits(0, 0, 63), waits(0, 0, 64)}, []uint64{63, 64}, 0},
	} {
		l := &heardLink{}
		x := &Exchange{links: map[uint64]actors.Plugged{1: {Link: l, Turn: 2}}}
		for _, m := range c.told {
			x.tell(m)
		}
		if !slices.Equal(l.seqs, c.seqs) || l.lost != c.lost {
			t.Errorf("%s: heard %v, asked again %d times; want %v, %d", name, l.seqs, l.lost, c.seqs, c.lost)
		}
	}
}

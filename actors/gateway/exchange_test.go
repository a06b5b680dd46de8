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
func (l *heardLink) Queued(list []actors.QueuedMessage) {
	for _, w := range list {
		l.seqs = append(l.seqs, w.Seq)
	}
}

// When a link between nodes has lost what a user told a session, the session
// asks again instead of going on behind the hole; what an earlier way brings late
// is not heard.
func TestTidingsLost(t *testing.T) {
	waits := func(turn, n, seq uint64) *actors.Notice {
		return &actors.Notice{Link: 1, Kind: actors.NoticeQueued, Turn: turn, N: n, Queued: []actors.QueuedMessage{{Waiting: &actors.Waiting{Seq: seq}}}}
	}
	for name, c := range map[string]struct {
		told []*actors.Notice
		seqs []uint64
		lost int
	}{
		"all come":          {[]*actors.Notice{waits(2, 1, 63), waits(2, 2, 64)}, []uint64{63, 64}, 0},
		"one is lost":       {[]*actors.Notice{waits(2, 1, 62), waits(2, 3, 64), waits(2, 4, 65)}, []uint64{62}, 1},
		"the first is lost": {[]*actors.Notice{waits(2, 2, 64)}, nil, 1},
		"an earlier way":    {[]*actors.Notice{waits(1, 1, 62), waits(2, 1, 63), waits(1, 2, 64)}, []uint64{63}, 0},
		"an older program":  {[]*actors.Notice{waits(0, 0, 63), waits(0, 0, 64)}, []uint64{63, 64}, 0},
	} {
		l := &heardLink{}
		x := &Exchange{links: map[uint64]actors.RemoteSession{1: {Link: l, Turn: 2}}}
		for _, m := range c.told {
			x.notify(m)
		}
		if !slices.Equal(l.seqs, c.seqs) || l.lost != c.lost {
			t.Errorf("%s: heard %v, asked again %d times; want %v, %d", name, l.seqs, l.lost, c.seqs, c.lost)
		}
	}
}

package cluster

import (
	"time"

	"reddot/cluster/wire"
)

// ties are this node's links to the others as it announces them: slow to
// change, so that a link that breaks for a moment moves no users.
type ties struct {
	pace   tiePace
	all    map[string]*tie
	looked time.Duration // when, of the node's clock
}

// tiePace says how slow ties are to change.
type tiePace struct {
	lost  time.Duration // after so much silence a link is lost
	holds time.Duration // for so long a lost link must speak before it counts again
}

// A tie is the link to one node.
type tie struct {
	state wire.TieState
	// since is when the link last spoke, if it holds; when it last did not, if
	// it is lost; when the node was first seen, if the tie is young.
	since time.Duration
}

// lostTime is some more than a lease, within which a new link can come in the
// place of one that broke.
const (
	lostTime  = 5 * time.Second
	holdsTime = 2 * time.Second
)

// tiesStill is the pause between two looks after which this node stood still
// itself: links were not heard because nobody listened.
const tiesStill = time.Second

// look takes in which of the nodes speak, and returns those whose state has
// changed.
func (t *ties) look(now time.Duration, nodes map[string]bool) (changed []string) {
	away := now - t.looked
	if t.looked = now; away < tiesStill {
		away = 0
	}
	for name := range t.all {
		if _, ok := nodes[name]; !ok {
			delete(t.all, name)
		}
	}
	for name, speaks := range nodes {
		o := t.all[name]
		if o == nil {
			o = &tie{since: now}
			t.all[name] = o
		} else if o.state != wire.TieState_TIE_LOST {
			o.since += away
		}
		if o.look(now, speaks, t.pace) {
			changed = append(changed, name)
		}
	}
	return changed
}

func (o *tie) look(now time.Duration, speaks bool, pace tiePace) (changed bool) {
	was := o.state
	switch {
	case o.state == wire.TieState_TIE_LOST && !speaks:
		o.since = now
	case o.state == wire.TieState_TIE_LOST && now-o.since <= pace.holds:
	case speaks:
		o.state, o.since = wire.TieState_TIE_HOLDS, now
	case now-o.since > pace.lost:
		o.state, o.since = wire.TieState_TIE_LOST, now
	}
	return o.state != was
}

// state returns how the link to a node is.
func (t *ties) state(name string) wire.TieState {
	if o := t.all[name]; o != nil {
		return o.state
	}
	return wire.TieState_TIE_YOUNG
}

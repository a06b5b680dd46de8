package membership

import (
	"time"

	"reddot/cluster/wire"
)

// linkStates are this node's links to the others as it announces them: slow to
// change, so that a link that breaks for a moment moves no users.
type linkStates struct {
	pace   Pace
	all    map[string]*linkState // by the node at the other end
	looked time.Duration         // when, since the node started
}

// Pace says how slowly the states of links change.
type Pace struct {
	Lost      time.Duration // after so much silence a link is lost
	Recovered time.Duration // for so long a lost link must speak before it is up again
}

// The pace of a Config that says none. LostTime is some more than SilenceLimit,
// within which a new link can come in the place of one that broke.
const (
	LostTime      = 5 * time.Second
	recoveredTime = 2 * time.Second
)

// A linkState is that of the link to one node.
type linkState struct {
	state wire.TieState
	// since is when the link last spoke, if it is up; when it last did not, if it
	// is lost; when the node was first seen, if the link is young.
	since time.Duration
}

// stoodStill is the pause between two looks after which this node stood still
// itself: links were not heard because nobody listened.
const stoodStill = time.Second

// look takes in which of the nodes speak, and returns those whose state has
// changed.
func (l *linkStates) look(now time.Duration, nodes map[string]bool) (changed []string) {
	away := now - l.looked
	if l.looked = now; away < stoodStill {
		away = 0
	}
	for name := range l.all {
		if _, ok := nodes[name]; !ok {
			delete(l.all, name)
		}
	}
	for name, speaks := range nodes {
		o := l.all[name]
		if o == nil {
			o = &linkState{since: now}
			l.all[name] = o
		} else if o.state != wire.TieState_TIE_LOST {
			o.since += away
		}
		if o.look(now, speaks, l.pace) {
			changed = append(changed, name)
		}
	}
	return changed
}

func (o *linkState) look(now time.Duration, speaks bool, pace Pace) (changed bool) {
	was := o.state
	switch {
	case o.state == wire.TieState_TIE_LOST && !speaks:
		o.since = now
	case o.state == wire.TieState_TIE_LOST && now-o.since <= pace.Recovered:
	case speaks:
		o.state, o.since = wire.TieState_TIE_HOLDS, now
	case now-o.since > pace.Lost:
		o.state, o.since = wire.TieState_TIE_LOST, now
	}
	return o.state != was
}

// state returns how the link to a node is.
func (l *linkStates) state(name string) wire.TieState {
	if o := l.all[name]; o != nil {
		return o.state
	}
	return wire.TieState_TIE_YOUNG
}

// up tells whether the link to a node is not lost, and has spoken.
func (l *linkStates) up(name string) bool { return l.state(name) == wire.TieState_TIE_HOLDS }

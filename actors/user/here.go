package user

import (
	"context"
	"time"

	"reddot/actors"
)

// Whether the user is online, and whether somebody sees it, told as messages of a topic. Each
// change is written down first, and told when that is durable: whoever owns the user next knows
// what was told last, and a node that another one has fenced out tells nothing. What the
// connections are is known to their gateways alone: they are asked before it is told of them.

// here is what was told last. There is none where it is not told.
type here struct {
	actors.Here
	event  []byte // of the last change; nil: it is told
	write  uint64 // the last change is durable with so many writes; 0: it is told
	waits  uint64 // that have begun
	away   bool   // the last of them is under way
	dimmed int64  // since when nobody sees the user, unix milliseconds; 0: the wait is for another reason
	looks  bool   // the gateways are asked
	missed bool   // something has changed meanwhile, or while a change was written
}

// waited tells the user's actor that a wait is over.
type waited struct{ wait uint64 }

// ForOne implements ForOne.
func (*waited) ForOne() {}

// tellPause is after how long a change is written down again that the store had no
// room for.
const tellPause = time.Second

// readHere returns what was told last.
func readHere(ctx context.Context, h *actors.Home, key actors.Key) (*here, error) {
	told, err := h.ToldHere(ctx, key)
	return &here{Here: told}, err
}

// holds tells whether there is something to be told.
func (h *here) holds() bool { return h != nil && (h.away || h.write != 0) }

// wasTold tells whether the user is online, as far as others know.
func (h *here) wasTold() bool { return h != nil && h.Online }

// isBusy tells whether a change has to wait, which is noted.
func (h *here) isBusy() bool {
	busy := h.looks || h.write != 0
	h.missed = h.missed || busy
	return busy
}

// noteHere looks whether the user has come or gone, and begins to tell it: at once who
// has come, and after a wait who has gone.
func (u *User) noteHere(wait time.Duration) {
	h := u.here
	if h == nil || u.Ending || h.isBusy() {
		return
	}
	switch here := len(u.gates) > 0; {
	case here && (h.away || h.missed || !h.Online || !h.Visible):
		h.away, h.missed = false, false
		u.look(false)
	case here:
	case !h.Online:
		h.away, h.missed = false, false
	case !h.away || h.dimmed != 0:
		h.missed = false
		u.waitHere(wait, 0)
	}
}

// sighted takes in what a connection's client says.
func (u *User) sighted(s actors.Sight) {
	switch {
	case s == 0 || u.here == nil || len(u.gates) == 0:
	case s == actors.SightVisible:
		u.noteHere(0)
	default:
		u.noteLess()
	}
}

// noteLess notes that nobody may see the user any more, though it has connections: it is told
// if that is so after a while.
func (u *User) noteLess() {
	if h := u.here; h != nil && !u.Ending && !h.isBusy() && h.Visible && !h.away {
		u.waitHere(u.Home.Presence.OfflineAfter, u.Home.Now())
	}
}

func (u *User) waitHere(d time.Duration, dimmed int64) {
	u.here.waits++
	u.here.away, u.here.dimmed = true, dimmed
	h, self, m := u.Home, u.Self, &waited{u.here.waits}
	h.Delay(d, func() { h.Send(self, m) })
}

// waited tells what is still so after the wait.
func (u *User) waited(m *waited) {
	h := u.here
	if u.Ending || !h.away || h.waits != m.wait {
		return
	}
	h.away = false
	if len(u.gates) > 0 {
		u.look(true)
		return
	}
	u.tellHere(nil)
}

// look asks the gateways for the connections. over says that a wait is.
func (u *User) look(over bool) {
	u.here.looks = true
	u.askGates(nil, func(q *connQuery) { u.looked(q.conns, over) })
}

// looked tells what the connections are, if others don't know it. What nobody sees is told after
// a wait.
func (u *User) looked(conns []actors.ConnInfo, over bool) {
	h := u.here
	h.looks = false
	if u.Ending {
		return
	}
	switch dark := !actors.AnyVisible(conns); {
	case len(conns) == 0 || len(u.gates) == 0: // they are about to be detached, or are
	case dark && h.Visible && !over:
		u.waitHere(u.Home.Presence.OfflineAfter, u.Home.Now())
	default:
		u.tellHere(conns)
	}
	if h.missed {
		u.noteHere(u.Home.Presence.OfflineAfter)
	}
}

// tellHere writes down what the user's connections are.
func (u *User) tellHere(conns []actors.ConnInfo) {
	h, next := u.here, actors.Here{Online: len(conns) > 0, Visible: actors.AnyVisible(conns), Rev: u.nextRev()}
	if next.Online == h.Online && next.Visible == h.Visible {
		return
	}
	w := &actors.Write{Stream: u.Stream, After: u.Seq, Upkeep: true, Records: []actors.RecordChange{actors.OnlineRecord(u.Key, next)}}
	if u.Append(w) != nil {
		u.waitHere(tellPause, h.dimmed)
		return
	}
	u.toTell(next, conns)
}

// nextRev returns the rev of the next event.
func (u *User) nextRev() int64 { return max(u.Home.Now(), u.here.Rev+1) }

// toTell lets a change that the store was just handed be told when it is durable.
func (u *User) toTell(next actors.Here, conns []actors.ConnInfo) {
	h, since := u.here, next.Rev
	switch {
	case !next.Online && u.seen != 0:
		since = u.seen
	case h.Visible && next.Online && h.dimmed != 0:
		since = h.dimmed
	}
	h.event = actors.AppendPresenceEvent(nil, conns, since, next.Rev)
	h.Here, h.write, h.away = next, u.Handed(), false
}

// publishHere publishes what has become durable.
func (u *User) publishHere() {
	h := u.here
	if h == nil || h.write == 0 || !u.HasSettled(h.write) || u.Stream.Err() != nil {
		return
	}
	m := &actors.TopicMessage{App: u.Key.App(), Topic: actors.PresenceTopics + u.Key.Name(), Qos: 1, Payload: h.event}
	h.event, h.write = nil, 0
	u.Home.Topics.Tell(m)
	if h.missed {
		u.noteHere(u.Home.Presence.OfflineAfter)
	}
}

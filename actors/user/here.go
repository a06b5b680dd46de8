package user

import (
	"context"
	"time"

	"reddot/actors"
)

// Whether the user is online, told as messages of a topic. Each change is written down
// first, and told when that is durable: whoever owns the user next knows what was told
// last, and a node that another one has fenced out tells nothing.

// here is what was told last. There is none where it is not told.
type here struct {
	online bool
	rev    int64  // of the last event, unix milliseconds; above that of the one before
	write  uint64 // the last change is durable with so many writes; 0: it is told
	waits  uint64 // that have begun
	away   bool   // the last of them is under way
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
	rev, err := h.ToldOnline(ctx, key)
	return &here{online: rev != 0, rev: rev}, err
}

// holds tells whether there is something to be told.
func (h *here) holds() bool { return h != nil && (h.away || h.write != 0) }

// wasTold tells whether the user is online, as far as others know.
func (h *here) wasTold() bool { return h != nil && h.online }

// noteHere looks whether the user has come or gone, and begins to tell it: at once who
// has come, and after a wait who has gone.
func (u *User) noteHere(wait time.Duration) {
	h := u.here
	if h == nil || h.write != 0 || u.Ending {
		return
	}
	switch here := len(u.gates) > 0; {
	case here == h.online:
		h.away = false
	case here:
		u.tellHere()
	case !h.away:
		u.waitHere(wait)
	}
}

func (u *User) waitHere(d time.Duration) {
	u.here.waits++
	u.here.away = true
	h, self, m := u.Home, u.Self, &waited{u.here.waits}
	h.Delay(d, func() { h.Send(self, m) })
}

// waited tells what is still so after the wait.
func (u *User) waited(m *waited) {
	if h := u.here; !u.Ending && h.away && h.waits == m.wait {
		h.away = false
		u.tellHere()
	}
}

// tellHere writes down that the user has come or gone.
func (u *User) tellHere() {
	h, online := u.here, len(u.gates) > 0
	if h.online == online {
		return
	}
	rev := u.nextRev()
	w := &actors.Write{Stream: u.Stream, After: u.Seq, Upkeep: true, Records: []actors.RecordChange{actors.OnlineRecord(u.Key, online, rev)}}
	if u.Append(w) != nil {
		u.waitHere(tellPause)
		return
	}
	u.toTell(online, rev)
}

// nextRev returns the rev of the next event.
func (u *User) nextRev() int64 { return max(u.Home.Now(), u.here.rev+1) }

// toTell lets a change that the store was just handed be told when it is durable.
func (u *User) toTell(online bool, rev int64) {
	h := u.here
	h.online, h.rev, h.write, h.away = online, rev, u.Handed(), false
}

// publishHere publishes what has become durable.
func (u *User) publishHere() {
	h := u.here
	if h == nil || h.write == 0 || !u.HasSettled(h.write) || u.Stream.Err() != nil {
		return
	}
	h.write = 0
	since := h.rev
	if !h.online && u.seen != 0 {
		since = u.seen
	}
	u.Home.Topics.Tell(&actors.TopicMessage{
		App: u.Key.App(), Topic: actors.PresenceTopics + u.Key.Name(), Qos: 1,
		Payload: actors.AppendPresenceEvent(nil, h.online, since, h.rev),
	})
	u.noteHere(u.Home.Presence.OfflineAfter)
}

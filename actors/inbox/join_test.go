package inbox

import (
	"testing"
	"time"

	"reddot/actors"
)

// Joining in the random trial: what a naive program gives to one who comes, or comes back
// after an erase.

// forNewcomers lets an audience have also those who join later.
func forNewcomers(a *actors.Audience) *actors.Audience {
	return &actors.Audience{All: a.All, Topic: a.Topic, List: a.List, Segment: a.Segment, Newcomers: true}
}

// comesLate lets the log begin before the user is there.
func (x *trial) comesLate() {
	x.erased = true // nothing is for it yet
	for i := range x.rng.IntN(12) {
		x.now += int64(x.rng.IntN(int(12 * time.Hour / time.Millisecond)))
		x.broadcast(-1 - i)
	}
	x.erased, x.unmerged = false, nil
	x.b.BeginAt(x.known.Head())
}

// open lets the inbox know what there is for one who joins now.
func (x *trial) open() {
	if x.b.IsNew() {
		x.b.Open(x.known.FirstOpen(x.now - x.limits.MessageAge.Milliseconds()))
	}
}

// birth lets the user join without saying anything of itself.
func (x *trial) birth() {
	x.note("birth")
	x.open()
	x.done(Ready{Events: []*actors.Event{x.b.Birth(x.moment())}})
	x.modelJoin()
}

// beforeMark lets one join for whom there is something that can be marked.
func (x *trial) beforeMark() {
	if x.b.AsNewcomer(x.known) != nil {
		x.birth()
	}
}

// joined merges what one finds who has just joined.
func (x *trial) joined() {
	x.t.Helper()
	x.joins = true
	x.note("joins, from %d to %d", x.b.pos, x.b.joined)
	if x.rng.IntN(4) == 0 {
		x.restart() // in between
	}
	if x.rng.IntN(4) == 0 {
		x.checkpoint()
		x.restart()
	}
	for _, e := range x.b.Ahead(x.known, x.known.Head()) {
		x.mergeOne(e)
	}
	x.b.SkipTo(x.known.Head())
	x.unmerged = nil
	x.overfull = x.b.IsOverfull(&x.limits)
}

// modelJoin gives the user what is also for those who join later, by what it is since it has.
func (x *trial) modelJoin() {
	if !x.joins {
		return
	}
	x.joins = false
	for _, c := range x.casts {
		if c.hidden || !c.to.Newcomers || c.shown < x.now-x.limits.MessageAge.Milliseconds() || !c.to.Has(x.who, c.shown) || !x.who.Wants(c.as, c.model.tenant) {
			continue
		}
		if x.m.ownHolder(c.model) {
			continue
		}
		n := *c.model
		n.at, n.category = c.shown, c.as
		if waits := n.waits(c.shown); waits || x.m.passes(&n, c.shown) {
			n.category = c.model.category
			x.m.appear(&n, !waits)
		}
	}
	if x.overfull {
		x.done(x.b.Expire(x.moment(), &x.limits))
		x.m.expire(x.now, x.wants)
	}
}

// ownHolder tells whether a message that came to the user alone has the place of one.
func (m *model) ownHolder(x *modelMessage) bool {
	for i := len(m.list) - 1; i >= 0 && x.collapse != ""; i-- {
		o := m.list[i]
		if o.collapse == x.collapse && o.tenant == x.tenant && o.state != actors.State_ARCHIVED && o.state != actors.State_SCHEDULED {
			return o.own
		}
	}
	return false
}

// TestJoin lets a user join in each way, with messages that are open to newcomers and others, of
// which some are over.
func TestJoin(t *testing.T) {
	w := newWorld(t, actors.Limits{InboxLimits: actors.InboxLimits{MessageAge: 24 * time.Hour}})
	say := func(name string, a *actors.Audience, collapse string) actors.ID {
		n := id(name, w.now)
		w.append(&actors.LogEntry{Kind: actors.LogKind_LOG_PUBLISHED, Audience: a, Message: &actors.Message{Id: n[:], Category: "a", CollapseKey: collapse, Content: []byte(`"title":"x"`)}})
		return n
	}
	old := say("too old", forNewcomers(&actors.Audience{All: true}), "")
	w.now += (25 * time.Hour).Milliseconds()
	over := say("over", forNewcomers(&actors.Audience{All: true}), "")
	w.append(&actors.LogEntry{Kind: actors.LogKind_LOG_RETRACTED, Audience: forNewcomers(&actors.Audience{All: true}), Id: over[:]})
	closed := say("for those of then", &actors.Audience{All: true}, "")
	all := say("for all", forNewcomers(&actors.Audience{All: true}), "k")
	news := say("for followers", forNewcomers(&actors.Audience{Topic: "news"}), "")
	head := w.known.Head()

	for _, c := range []struct {
		name string
		do   func(b *Inbox, t actors.Moment) Ready
		want []actors.ID
	}{
		{"without a word", func(b *Inbox, t actors.Moment) Ready { return Ready{Events: []*actors.Event{b.Birth(t)}} }, []actors.ID{all}},
		{"by following", func(b *Inbox, t actors.Moment) Ready {
			return b.Follow(&actors.Follow{Topic: "news"}, actors.Once{}, t)
		}, []actors.ID{all, news}},
		{"by a message of its own", func(b *Inbox, t actors.Moment) Ready {
			m := id("own", t.Now)
			return b.Publish(&actors.Message{Id: m[:], Category: "a", CollapseKey: "k", Content: []byte(`"title":"own"`)}, actors.Once{}, t, &w.limits)
		}, []actors.ID{id("own", w.now)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWorld(t, w.limits)
			v.now, v.known, v.whole, v.entries = w.now, w.known, w.whole, w.entries
			v.b.BeginAt(head)
			v.b.Open(v.known.FirstOpen(v.now - v.limits.MessageAge.Milliseconds()))
			if n := v.b.AsNewcomer(v.known); n == nil || n.unread != 1 || n.seq != 0 || v.b.unread != 0 {
				t.Errorf("to look at it: %+v, and it is %+v", n, v.b)
			}
			v.do(c.do(v.b, v.moment()))
			if !v.b.IsJoining() {
				t.Fatal("it does not join")
			}
			v.mergeUpTo(v.b, head)
			v.restart()
			v.checkpoint()
			v.restart()
			for _, n := range []actors.ID{old, over, closed, all, news} {
				_, there := v.b.Find(n)
				want := false
				for _, o := range c.want {
					want = want || o == n
				}
				if there != want {
					t.Errorf("message %s is there: %v, want %v", n, there, want)
				}
			}
			if int(v.b.unread) != len(c.want) {
				t.Errorf("%d unread, want %d", v.b.unread, len(c.want))
			}
		})
	}
}

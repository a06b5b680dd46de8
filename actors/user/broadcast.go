package user

import (
	"context"
	"errors"
	"time"

	"reddot/actors"
	"reddot/actors/inbox"
	"reddot/actors/rule"
)

// What was broadcast to the user's app, as its actor merges it into the inbox.

// readLog returns how the log of the user's app is read.
func (u *User) readLog() inbox.LogReader {
	h, app := u.Home, u.Key.App()
	return func(ctx context.Context, pos uint64) (*actors.Log, error) { return h.Broadcasts.Log(ctx, app, pos) }
}

// loadInbox reads a user's inbox, and the log as far as its events need it.
func loadInbox(ctx context.Context, h *actors.Home, book *rule.Book, key actors.Key, origin uint64, read inbox.LogReader) (*inbox.Inbox, *actors.Log, error) {
	for pos := uint64(0); ; {
		b := inbox.New()
		b.Book = book
		b.Origin = origin
		log, err := read(ctx, pos)
		if err == nil {
			err = b.Load(ctx, h.Journal, key, log)
		}
		var behind *inbox.Behind
		if !errors.As(err, &behind) {
			return b, log, err
		}
		pos = behind.Pos
	}
}

// mergeAgain is what a user tells itself that was not sure to be the only one.
type mergeAgain struct{}

// ForOne implements ForOne.
func (*mergeAgain) ForOne() {}

// mergePause is how long such a user waits.
const mergePause = 100 * time.Millisecond

// mergeLater lets the user merge as soon as this node is sure again that it owns the user. A
// merge writes nothing that the store could refuse: on a node that has lost the user it would
// show a rev that another node gives to something else.
func (u *User) mergeLater() {
	if u.mergesLater {
		return
	}
	u.mergesLater = true
	h, self := u.Home, u.Self
	h.Delay(mergePause, func() { h.Send(self, &mergeAgain{}) })
}

// merge takes in what the log has since, and tells the connections. The error says why the
// store does not take the first event of a user.
func (u *User) merge(t actors.Moment) *actors.Error {
	b, head := u.inbox, u.log.Head()
	if b.Seq() == 0 && u.anyTouches(u.log.Between(b.Pos(), head)) {
		if err := u.persist([]*actors.Event{b.Birth(t)}); err != nil {
			return err
		}
	}
	from, sweep := b.Cursor(), b.SweepDue(&u.Home.Limits)
	b.SkipTo(u.log.Floor())
	var news []*actors.Event
	for _, e := range b.Ahead(u.log, head) {
		if v := b.Merge(e); v != nil {
			news = append(news, v)
		}
	}
	b.SkipTo(head)
	if at := b.Unarmed(); at < u.armed || at != actors.Never && u.armed == 0 {
		u.rearmWake(u.armed) // it waits for a rule
	}
	if len(news) == 0 {
		return nil
	}
	if due := b.SweepDue(&u.Home.Limits); u.armed == 0 && due < sweep || due < u.armed {
		u.rearmWake(u.armed) // a message of the user's own had to leave
	}
	u.Home.Metrics.Merged.Add(float64(len(news)))
	u.traceMerged(news)
	if len(u.gates) > 0 {
		u.release(&actors.Effect{}, nil, u.pushOf(b, news, from), nil)
	}
	u.notifySessions(news)
	return nil
}

// anyTouches tells whether one of the entries does anything to the user.
func (u *User) anyTouches(entries []*actors.KnownEntry) bool {
	for _, e := range entries {
		if u.inbox.Touches(e) {
			return true
		}
	}
	return false
}

// usualCounts is how many bytes most counts are at most.
const usualCounts = 192

// pushOf returns what connections are told of a merge into b. What is in the inbox no more is
// not shown.
func (u *User) pushOf(b *inbox.Inbox, news []*actors.Event, from actors.Cursor) *actors.Push {
	p := &actors.Push{Key: u.Key, From: from, To: b.Cursor()}
	p.Events = p.One[:0]
	counts := b.AppendCounts(make([]byte, 0, usualCounts))
	for _, v := range news {
		to := actors.Cursor{Lineage: p.To.Lineage, Seq: p.To.Seq, Pos: v.Pos}
		e, m := v, actors.Shown{}
		if v.Message != nil {
			if n, there := b.Find(actors.ID(v.Message.Id)); !there {
				e = v.Remains()
			} else if m, there = u.log.Show(n.Body, n.Shown(nil)); !there { // the journal has it
				p.Hole, p.Events = true, append(p.One[:0], actors.PlainEvent("counts", p.To, counts))
				return p
			}
		}
		if ev, ok := actors.NewPushEvent(e, m, to, counts); ok {
			p.Events = append(p.Events, ev)
		}
	}
	return p
}

// broadcastMessage returns the message with a handle, if its content is at hand.
func (u *User) broadcastMessage(handle uint64) *actors.TopicMessage {
	n := u.inbox.At(handle)
	if n == nil {
		return nil
	}
	m := u.log.Content(n.Body)
	if m == nil {
		return nil
	}
	return u.inboxMessage(n.Shown(m), u.inbox.CursorOf(n))
}

// reaches tells whether the journal and the log still have all that happened after c.
func (u *User) reaches(c actors.Cursor) bool {
	return u.inbox.Reaches(c) && (c.Pos >= u.log.Floor() || c.Pos >= u.inbox.Cursor().Pos)
}

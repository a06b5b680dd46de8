package user

import (
	"sync"

	"reddot/actors"
	"reddot/actors/inbox"
)

// A user with connections for whom nothing happens dozes: it lets go of the inbox and
// keeps its outline, by which it goes on to tell what is broadcast.

// dozeIfCrowded lets a user doze at once who was woken only to take a connection
// in, if many others are awake: thousands may come at the same time.
func (u *User) dozeIfCrowded() {
	if u.Home.InMemory.Load() > u.Home.Awake && len(u.gates) > 0 && len(u.queries) == 0 && u.quiet() {
		u.unload()
	}
}

// quiet tells whether nothing is under way. What is being offered to others is: who
// has taken it is not written down yet.
func (u *User) quiet() bool { return u.Idle() && !u.inbox.Sessions.Offering() }

// unload forgets the inbox. The journal has it.
func (u *User) unload() {
	u.outline = u.inbox.Outline()
	u.inbox, u.dozing = nil, true
	u.Home.InMemory.Add(-1)
	u.Home.Metrics.Dozes.Inc()
}

// doze lets go of the inbox of a user who has connections, but for whom
// nothing happens.
func (u *User) doze() {
	switch {
	case u.inbox == nil || u.sweeping || u.claims.told() == claimsUnderWay || u.graces > 0 || len(u.gates)+len(u.links) == 0 || len(u.queries) > 0 || !u.quiet():
	case u.inbox.SinceSnapshot() > passivateEvents && u.snapshot(nil):
		// so that it wakes quickly; it dozes the next time
	default:
		u.unload()
	}
}

// wakeUp lets a user who dozes read the inbox again.
func (u *User) wakeUp() {
	u.dozing = false
	u.load()
}

// firstPos returns where the log begins for a user without events: at its head, or where
// the connections of one who has dozed are.
func (u *User) firstPos() uint64 {
	head := u.log.Head()
	if u.outline != nil {
		return min(head, u.outline.Pos())
	}
	return head
}

// rouse brings the inbox of a user who has dozed to where its connections are.
func (u *User) rouse() error {
	o := u.outline
	if u.outline = nil; o == nil || o.Pos() < u.inbox.Pos() {
		return nil
	}
	if err := u.inbox.MergeUpTo(u.log, o.Pos()); err != nil {
		return err
	}
	if !o.Agrees(u.inbox) {
		panic("what was told of broadcasts while the user dozed is not what they have done")
	}
	return nil
}

// scratch holds inboxes for outlines to unfold in.
var scratch = sync.Pool{New: func() any { return inbox.New() }}

// listen lets the node tell the user of broadcasts as long as anybody is connected, or a
// session waits for messages.
func (u *User) listen() {
	is := !u.Ending && (len(u.gates)+len(u.links) > 0 || u.inbox != nil && len(u.inbox.Sessions.List) > 0)
	if is == u.listens {
		return
	}
	app := u.Key.App()
	if u.listens = is; !is {
		u.Home.Listeners.Remove(app, u.Self)
		return
	}
	u.Home.Listeners.Add(app, u.Self)
	if u.inbox != nil && u.log.Head() > u.inbox.Pos() { // it came before the node knew
		u.tellMerge(&actors.Merge{})
	}
}

// tellMerge takes in what the broadcast log has since: at once, if anybody is to be told.
// Whoever loads sees to it then, and who has no connection with the next command.
func (u *User) tellMerge(m *actors.Merge) {
	switch {
	case u.Ending:
	case !u.HoldsLease():
		u.mergeLater()
	case u.inbox != nil:
		u.handle(m)
	case u.dozing && len(u.gates)+len(u.links) > 0 && !u.mergeDozing():
		u.wakeUp()
	}
}

// mergeDozing merges the log into the outline, and tells the connections. False says that
// it takes the inbox.
func (u *User) mergeDozing() bool {
	o := u.outline
	if o == nil {
		return false
	}
	b := scratch.Get().(*inbox.Inbox)
	defer scratch.Put(b)
	b.Book = u.book
	from := o.Cursor()
	news, ok := o.MergeUpTo(u.log, u.log.Head(), u.Home.Moment(), &u.Home.Limits, b)
	if ok && len(news) > 0 {
		u.Home.Metrics.Merged.Add(float64(len(news)))
		u.traceMerged(news)
		u.push(u.pushOf(b, news, from))
	}
	return ok
}

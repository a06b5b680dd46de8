package user

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/actors/inbox"
	"reddot/actors/rule"
)

// User is the actor of one user: the shell around the user's Inbox. It wakes
// it from the journal, lets it decide, hands its events to the journal, and
// keeps every answer and push in the outbox until what it rests on is durable.
type User struct {
	actors.Persistent
	book     *rule.Book
	lacks    []rule.Quota   // of which nothing is known, as the last decision has found
	starves  bool           // nothing may be spent of quotas
	inbox    *inbox.Inbox   // nil until it is loaded
	outline  *inbox.Outline // of one who dozes; nil: it has to be loaded for all
	log      *actors.Log    // the app's broadcast log; nil until then
	gates    []gate
	queries  []*connQuery // for connections, not answered yet
	armed    int64        // the wake-up that this activation knows to be in the store (unix milliseconds); 0: none
	told     uint64       // what was broadcast up to here was counted as written, if it was
	toldKept uint64       // and the journal says so up to here
	seen     int64        // when the last connection went (unix milliseconds); 0: not in this activation

	asked    bool // this activation has had a request, of an import apart
	sweeping bool // what is to leave the disk is being read
	swept    bool // a sweep or an import is done, and was perhaps all that it was woken for

	entering *actors.Attach // whose turn it is

	links    []actors.SessionLink // sessions that have a connection
	interest *interest            // nil: no session has ever subscribed to anything
	graces   int32                // how often it waits for connections to ask for their sessions
	alive    bool                 // what an earlier activation left open is looked after
	dozing   bool                 // the inbox is let go of
	unsaved  bool                 // seen is not written down
	listens  bool                 // it is told of broadcasts
	carries  bool                 // it is to write down the node's funnels
	here     *here                // nil: it is not told who is online, or not known yet what was

	mergesLater bool // it was not sure to be the only one

	claims *claims // of devices; nil: it has none that it knows of

	orderly bool // it ends for being idle, or because another node takes it over and rouses it
}

// What the user's actor tells itself. What gateways tell it is in attach.go.
type (
	loaded struct {
		inbox  *inbox.Inbox
		log    *actors.Log
		here   *here
		beyond *actors.Beyond // nil: the journal is whole
		err    error
	}
	contentLoaded struct { // the content that an edit changes, or that is answered
		req  *actors.Request
		body uint64
		old  *actors.Message
		err  error
	}
)

// Kind returns how users are made, for Home.Kinds. They read policies by the book.
func Kind(book *rule.Book) func(*actors.Home) actor.Actor {
	return func(h *actors.Home) actor.Actor { return &User{Persistent: actors.Persistent{Home: h}, book: book} }
}

// Receive takes in a message.
func (u *User) Receive(c actor.Context) {
	u.receive(c)
	u.listen()
}

// receive is the actor's table of contents.
func (u *User) receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		u.start(c.Self())
	case *actors.Unowned:
		u.Refuse(actors.ErrNotOwner)
	case *loaded:
		u.loaded(m)
	case *actors.Panicked:
		u.panicked()
	case *actors.Committed:
		u.committed()
		u.passivateSwept()
	case *actors.Passivate:
		u.passivate()
	case *actors.Doze:
		u.doze()
	case *actors.Move:
		u.move()
	case *actors.NodeLost:
		u.nodeLost(m)
	case *actor.Stopping:
		u.stopped()
	case *actors.Described:
		u.described(m)
	case *interestWritten:
		u.interestWritten(m)
	case *writeAgain:
		u.writeInterestAgain()
	case *waited:
		u.waited(m)
	case *willPublished:
		if u.inbox != nil && !u.Ending {
			u.willPublished(m)
		}
	case *inbox.Cleared:
		u.cleared(m)
	case *actors.Merge:
		u.tellMerge(m)
	case *funnelsDue:
		u.writeFunnels()
	case *mergeAgain:
		u.mergesLater = false
		u.tellMerge(&actors.Merge{})
	case *contentLoaded:
		if u.inbox == nil || u.Ending {
			u.wait(m.req)
			return
		}
		u.contentLoaded(m)
	case *quotaRead:
		if u.inbox == nil || u.Ending {
			u.wait(m.req)
			return
		}
		u.quotaRead(m)
	case *devicesTold:
		u.devicesTold(m)
	case *devicesChecked:
		if u.inbox == nil || u.Ending {
			u.wait(m.req)
			return
		}
		u.devicesChecked(m)
	case *actors.Request, *actors.Attach, *actors.Detach, *actors.Pull, *actors.Reached, *actors.TimeUp, *actors.Recover, *graceOver, *handedOver:
		if u.inbox == nil || u.Ending {
			u.wait(m)
			return
		}
		u.handle(m)
	}
}

// wait keeps a message until the inbox is there; one that dozes wakes up.
func (u *User) wait(m any) {
	switch d := m.(type) { // those that need no inbox
	case *actors.Detach:
		if u.dozing && d.Upto == 0 && u.wroteDozing(d.Casts) {
			u.drop(d)
			return
		}
	case *actors.Reached:
		if u.dozing && d.Sight != 0 {
			u.sighted(d.Sight)
			return
		}
		if u.dozing && d.Upto == 0 && u.wroteDozing(d.Casts) {
			return
		}
	}
	if r, ok := m.(*actors.Request); ok && u.dozing && !u.Ending {
		if _, ok := r.Command.(*actors.Presence); ok {
			u.presence(r) // nor does this
			return
		}
	}
	u.Wait(m)
	if u.dozing {
		u.wakeUp()
	}
}

// handle does what an awake user does.
func (u *User) handle(m any) {
	u.resumeSessions()
	switch m := m.(type) {
	case *actors.Request:
		u.request(m)
	case *actors.Attach:
		u.attach(m)
	case *actors.Detach:
		u.detach(m)
	case *actors.Pull:
		u.pull(m)
	case *actors.Reached:
		u.reached(m)
	case *actors.TimeUp:
		u.timeUp(m)
	case *graceOver:
		u.graceOver()
	case *handedOver:
		u.handedOver(m)
	case *actors.Merge:
		_ = u.expire(u.Home.Moment()) // what comes next tries again
	case *actors.Recover: // loading was all that it is for
	}
}

// start reads the user's state, elsewhere: a turn never reads the disk.
func (u *User) start(self *actor.PID) {
	u.Home.Metrics.Users.Inc()
	if u.Activated(self) {
		u.load()
	}
}

func (u *User) load() {
	h, book, key, self, origin, read := u.Home, u.book, u.Key, u.Self, u.Origin, u.readLog()
	told := u.here
	h.Metrics.Loads.Inc()
	h.Load(func() {
		m := &loaded{here: told}
		m.beyond, m.err = h.Read(key, func(ctx context.Context) (err error) {
			m.inbox, m.log, err = loadInbox(ctx, h, book, key, origin, read)
			return err
		})
		if m.err == nil && m.here == nil && h.Presence.Events {
			m.here, m.err = readHere(context.Background(), h, key)
		}
		h.Send(self, m)
	})
}

// loaded goes on with what has waited.
func (u *User) loaded(m *loaded) {
	if m.err != nil {
		u.Unreadable(m.err)
		return
	}
	u.inbox, u.log, u.here = m.inbox, m.log, m.here
	u.told, u.toldKept = max(u.told, u.inbox.DeliveredPos()), u.inbox.DeliveredPos()
	if u.book != nil && u.book.Quotas != nil {
		u.inbox.Left = u.quotaLeft
	}
	u.inbox.BeginAt(u.firstPos())
	u.Home.InMemory.Add(1)
	if u.Stream == nil {
		u.Opened(m.inbox.Seq())
	} else if u.Seq != m.inbox.Seq() {
		u.Unreadable(fmt.Errorf("the journal ends at event %d, and the user knows event %d", m.inbox.Seq(), u.Seq))
		return
	}
	if err := u.rouse(); err != nil {
		u.Unreadable(err)
		return
	}
	if m.beyond != nil {
		if err := u.mend(m.beyond); err != nil {
			u.Refuse(err)
			return
		}
	}
	u.inbox.Sessions.Arrived = nil
	u.CatchUp(u.handle)
	u.noteHere(max(u.Home.Presence.OfflineAfter, u.Home.Grace)) // connections find their way back
	if len(u.gates)+len(u.links) > 0 && u.log.Head() > u.inbox.Pos() && !u.Ending {
		u.handle(&actors.Merge{})
	}
	u.dozeIfCrowded()
}

// panicked ends the user after a panic.
func (u *User) panicked() {
	if m := u.entering; m != nil {
		u.entering = nil
		u.Home.Send(m.Gate, m.Refusal(actors.EndFailed))
	}
	u.Fail()
}

// committed lets out what has become durable.
func (u *User) committed() {
	if u.Stream != nil {
		u.publishHere()
		u.Flush(u.push)
	}
}

func (u *User) push(p *actors.Push) {
	u.tracePush(p)
	for _, g := range u.gates {
		u.Home.Send(g.pid, p)
	}
}

// passivate stops an idle user. Its next message wakes it again.
func (u *User) passivate() {
	switch {
	case len(u.gates)+len(u.links) > 0 || u.graces > 0 || u.here.holds():
		u.doze()
	case u.told > u.toldKept:
		u.keepTold() // it stops the next time
	case !u.keepSeen(): // busy: it stops the next time
	case u.dozing:
		u.retire()
	case u.inbox == nil || !u.quiet() || u.sweeping || u.interest.unwritten() || u.claims.told() == claimsUnderWay:
	case u.inbox.SinceSnapshot() > passivateEvents && u.snapshot(nil):
		// so that it wakes quickly; it stops the next time
	default:
		u.retire()
	}
}

// move stops the user, whose shard another node takes over.
func (u *User) move() {
	u.committed()
	if len(u.gates) == 0 {
		u.keepSeen()
	}
	u.retire()
}

// retire ends an activation that leaves nothing open.
func (u *User) retire() {
	if u.carries {
		u.writeFunnels()
	}
	u.orderly = true
	u.End()
}

// passivateEvents is how many events a user may leave behind its snapshot.
const passivateEvents = 64

// stopped tells the connections, which attach again to the next activation.
func (u *User) stopped() {
	if u.Stream != nil && u.Stream.Err() != nil {
		u.Home.Metrics.Failed.Inc()
	}
	u.Home.Metrics.Users.Dec()
	if u.inbox != nil {
		u.Home.InMemory.Add(-1)
	}
	u.Stopping()
	for _, g := range u.gates {
		u.Home.Send(g.pid, &actors.Gone{Key: u.Key})
	}
	u.gates = nil
	for _, l := range u.links {
		l.Lost()
	}
	if u.Stream != nil && !u.orderly && (u.here.wasTold() || u.Home.Topics.InterestOf(u.Key).Any) {
		u.Home.Router.Send(u.Key, &actors.Recover{Key: u.Key}) // a connection that is gone does not ask again
	}
	u.links = nil
	u.interest.stopped()
	for _, q := range u.queries {
		if q.req != nil {
			q.req.Fail(actors.ErrUnknownOutcome)
		}
	}
	u.queries = nil
}

// ForOne implements ForOne.
func (*loaded) ForOne() {}

// Refused implements Refusable.
func (m *contentLoaded) Refused(_ *actors.Home, err *actors.Error) { m.req.Fail(err) }

// mend deletes what lies beyond a hole, and begins another lineage: clients may
// know what is gone. After an error nothing was done.
func (u *User) mend(b *actors.Beyond) *actors.Error {
	t := u.Home.Moment()
	e := u.inbox.Next(actors.Kind_NOTED, 0, t)
	e.Lineage = max(t.Random, 1)
	e.Rev++
	w := u.encode(&actors.WriteBuffer{}, []*actors.Event{e})
	w.Delete = b.Runs
	if err := u.store(w); err != nil {
		return err
	}
	u.apply([]*actors.Event{e}, u.inbox.Cursor(), nil)
	return nil
}

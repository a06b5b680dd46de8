package campaign

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/actors/campaign/plan"
)

// A Finder finds the users of an audience, in pages (Page of package index).
type Finder interface {
	Page(ctx context.Context, app string, a *actors.Audience, now int64, after string, limit int) (users []string, next string, err error)
}

// A Campaign is the actor of one.
type Campaign struct {
	actors.Persistent
	finder Finder
	state  *state // nil until it is loaded
	walk   *walk  // the page that is under way; nil: none is
	armed  int64  // the wake-up in the store, unix milliseconds; 0: none that is known

	notBefore int64 // when the next page may begin, unix milliseconds
	resting   bool  // until then
}

// loaded is what the campaign's actor tells itself of the journal.
type loaded struct {
	state  *state
	beyond *actors.Beyond // nil: the journal is whole
	err    error
}

// The times of a campaign.
const (
	keepAlive = time.Minute // after which one that is under way is woken, should its node be gone
	compactAt = 64          // events behind which a snapshot takes their place
)

// Kind returns how campaigns are made, for Home.Kinds. They find users by the finder.
func Kind(f Finder) func(*actors.Home) actor.Actor {
	return func(h *actors.Home) actor.Actor {
		return &Campaign{Persistent: actors.Persistent{Home: h}, finder: f}
	}
}

// Receive is the actor's table of contents.
func (a *Campaign) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		a.start(c.Self())
	case *actors.Unowned:
		a.Refuse(actors.ErrNotOwner)
	case *loaded:
		a.loaded(m)
	case *actors.Panicked:
		a.Fail()
	case *actors.Committed:
		a.committed()
	case *found:
		a.found(m)
	case *answered:
		a.answered(m)
	case *actors.Passivate:
		if a.state != nil && a.Idle() && a.walk == nil {
			a.End()
		}
	case *actors.Move:
		a.committed()
		a.End()
	case *actor.Stopping:
		a.Stopping()
	case *actors.Request, *actors.TimeUp, *rested:
		if a.state == nil || a.Ending {
			a.Wait(m)
			return
		}
		a.handle(m)
	}
}

func (a *Campaign) handle(m any) {
	switch m := m.(type) {
	case *actors.Request:
		if !a.HoldsLease() {
			m.Fail(actors.ErrUnsure)
			return
		}
		a.Current = m
		a.request(m)
		a.Current = nil
	case *actors.TimeUp:
		a.timeUp(m.At)
	case *rested:
		a.rested(m)
	}
}

func (a *Campaign) start(self *actor.PID) {
	if !a.Activated(self) {
		return
	}
	h, key := a.Home, a.Key
	h.Load(func() {
		st := &state{}
		rest, err := h.Read(key, func(ctx context.Context) error {
			return h.Journal.Load(ctx, key, st.restore, func(raw []byte) error {
				e := &actors.CampaignEvent{}
				err := decode(raw, e)
				if err == nil {
					err = st.apply(e)
				}
				return err
			})
		})
		h.Send(self, &loaded{st, rest, err})
	})
}

func (a *Campaign) loaded(m *loaded) {
	if m.err != nil {
		a.Unreadable(m.err)
		return
	}
	a.state = m.state
	if a.Begin(m.state.seq, m.beyond) {
		a.CatchUp(a.handle)
		a.goOn()
	}
}

func (a *Campaign) committed() {
	if a.Stream != nil {
		a.Flush(func(*actors.Push) {})
	}
}

// request is the table of contents of what a campaign can be asked.
func (a *Campaign) request(r *actors.Request) {
	now := a.Home.Now()
	switch c := r.Command.(type) {
	case *actors.StartCampaign:
		if err := c.Plan.Check(); err != nil {
			a.refuse(r, actors.Errorf(actors.Invalid, "%v", err))
			return
		}
		a.order(r, &actors.CampaignEvent{Kind: actors.CampaignKind_CAMPAIGN_STARTED, At: now, Plan: c.Plan, By: c.Plan.By, Next: c.Plan.At})
	case *actors.SteerCampaign:
		a.order(r, &actors.CampaignEvent{Kind: steps[c.To], At: now, By: c.By})
	case *actors.ReadCampaign:
		a.read(r, c)
	case *actors.Find:
		a.find(r, c.ID)
	case *actors.Recipients:
		a.recipients(r, c)
	case *actors.Edit, *actors.Retract:
		a.refuse(r, actors.Errorf(actors.Conflict, "the message is the campaign's %s; retract that", a.Key.Name()))
	default:
		a.refuse(r, actors.Errorf(actors.Internal, "a campaign does not know how to do %T", c))
	}
}

func (a *Campaign) refuse(r *actors.Request, err *actors.Error) {
	r.Answer.Err = err
	a.Leave(&r.Effect, r, nil, nil)
	a.committed()
}

// order takes a step in, answers once it is durable, and carries it out.
func (a *Campaign) order(r *actors.Request, e *actors.CampaignEvent) {
	e, err := a.state.decide(e, r.Once)
	if err == nil && e != nil {
		err = a.journal(e, &actors.Write{})
	}
	if err != nil {
		a.refuse(r, err)
		return
	}
	r.Answer.Replayed = e == nil
	a.Leave(&r.Effect, r, nil, nil)
	a.goOn()
}

// journal appends an event, with what else is to be written, and applies it.
func (a *Campaign) journal(e *actors.CampaignEvent, w *actors.Write) *actors.Error {
	e.Seq = a.Seq + 1
	w.Stream, w.After, w.Events = a.Stream, a.Seq, [][]byte{encode(e)}
	wake := a.wakeBehind(e)
	if wake != a.armed {
		w.Wake = actors.Wake{Old: a.armed, New: wake}
	}
	if err := a.Append(w); err != nil {
		return err
	}
	a.armed = wake
	if err := a.state.apply(e); err != nil {
		panic(err) // we have just decided it
	}
	a.Seq = e.Seq
	a.trace(e)
	a.compact()
	return nil
}

// wakeBehind returns when the campaign is to be woken behind an event.
func (a *Campaign) wakeBehind(e *actors.CampaignEvent) int64 {
	alive := e.At + keepAlive.Milliseconds()
	switch e.Kind {
	case actors.CampaignKind_CAMPAIGN_STARTED, actors.CampaignKind_CAMPAIGN_RESUMED, actors.CampaignKind_CAMPAIGN_RETRACTED, actors.CampaignKind_CAMPAIGN_ROUND:
		return alive // what is to come next is seen then
	case actors.CampaignKind_CAMPAIGN_PROGRESS:
		if a.armed < alive-keepAlive.Milliseconds()/2 { // seldom another one
			return alive
		}
	}
	return a.armed
}

// timeUp goes on, and sees to the next wake-up. at is the one that has come.
func (a *Campaign) timeUp(at int64) {
	now := a.Home.Now()
	if a.state.plan == nil {
		a.rearm(at, 0)
		return
	}
	if a.sweep(at, now) {
		return
	}
	a.rearm(at, a.due(now))
	a.goOn()
}

// due returns when the campaign is to be woken next; 0: it need not be.
func (a *Campaign) due(now int64) int64 {
	switch a.state.status() {
	case "running", "retracting":
		return now + keepAlive.Milliseconds()
	case "scheduled":
		return max(a.state.next, now+1)
	}
	return a.forgetAt()
}

// rearm replaces the wake-up that has come.
func (a *Campaign) rearm(old, at int64) {
	if a.Append(&actors.Write{Stream: a.Stream, After: a.Seq, Wake: actors.Wake{Old: old, New: at}}) == nil {
		a.armed = at
	}
}

// goOn does what is next once all that was decided is durable: nobody is asked in a round that
// a crash could take back.
func (a *Campaign) goOn() {
	a.Leave(&actors.Effect{}, nil, nil, a.step)
	a.committed()
}

// step does what is next, unless something is under way.
func (a *Campaign) step() {
	s := a.state
	if a.Ending || a.walk != nil || s.plan == nil {
		return
	}
	now := a.Home.Now()
	switch s.status() {
	case "retracting":
		a.undo()
	case "running":
		if wait := a.notBefore - now; wait > 0 {
			if !a.resting {
				a.resting = true
				a.rest(nil, time.Duration(wait)*time.Millisecond)
			}
			return
		}
		a.begin(s.round())
	case "scheduled":
		if s.next > now {
			if a.armed != s.next {
				a.rearm(a.armed, s.next)
			}
			return
		}
		a.round(now)
	}
}

// round begins the next round, or the last one that went by.
func (a *Campaign) round(now int64) {
	s := a.state
	e := &actors.CampaignEvent{Kind: actors.CampaignKind_CAMPAIGN_ROUND, At: now, RoundAt: s.next, Next: plan.Next(s.plan, max(now, s.next))}
	w := &actors.Write{}
	for arm := range s.plan.Arms {
		if !plan.Direct(s.plan) { // else the log answers for the message
			w.Own = append(w.Own, plan.MessageID(s.plan, s.number+1, now, arm))
		}
	}
	if a.journal(e, w) != nil {
		a.rest(nil, time.Second)
		return
	}
	a.goOn()
}

// compact writes the state down in the place of the events.
func (a *Campaign) compact() {
	s := a.state
	if a.Seq < s.kept+compactAt {
		return
	}
	w := &actors.Write{Stream: a.Stream, After: a.Seq, Snapshot: s.snapshot(), Forget: a.Seq, Delete: []actors.Range{{First: s.kept + 1, Last: a.Seq}}}
	if a.Append(w) == nil {
		s.kept = a.Seq
	}
}

// forgetAt returns when the messages of the oldest round are in no inbox any more; 0: there is
// none, or it is not over.
func (a *Campaign) forgetAt() int64 {
	s := a.state
	if len(s.rounds) == 0 || s.rounds[0].Ended == 0 {
		return 0
	}
	return a.Home.Limits.SweepAt(s.rounds[0].Ended+a.Home.Limits.MessageAge.Milliseconds(), uint64(s.rounds[0].Number))
}

// sweep lets go of rounds whose messages are in no inbox any more, and tells whether it did
// so.
func (a *Campaign) sweep(at, now int64) bool {
	s := a.state
	if due := a.forgetAt(); s.retracting || due == 0 || now < due {
		return false
	}
	w := &actors.Write{Stream: a.Stream, After: a.Seq, Forget: a.Seq, Delete: []actors.Range{{First: s.kept + 1, Last: a.Seq}}}
	r := s.rounds[0]
	for arm := range s.plan.Arms {
		id := plan.MessageID(s.plan, r.Number, r.Began, arm)
		w.Untally = append(w.Untally, id)
		if !plan.Direct(s.plan) {
			w.Disown = append(w.Disown, id)
		}
	}
	left := *s
	left.rounds = s.rounds[1:]
	w.Snapshot, w.Wake = left.snapshot(), actors.Wake{Old: at, New: now + 1}
	if s.kept >= a.Seq {
		w.Delete = nil
	}
	if a.Append(w) == nil {
		left.kept = a.Seq
		a.state, a.armed = &left, now+1
	}
	return true
}

// ForOne implements ForOne.
func (*loaded) ForOne() {}

package user

import (
	"reddot/actors"
	"reddot/actors/inbox"
)

// request takes in one request. Whatever comes of it, it is answered.
func (u *User) request(r *actors.Request) {
	u.Current = r
	if !isBrief(r.Command) {
		u.asked = true
	}
	t := u.Home.Moment()
	switch {
	case !u.HoldsLease():
		u.Current = nil
		r.Fail(actors.ErrUnsure)
	case !u.room(): // and so none for this answer
		u.Current = nil
		u.Home.Metrics.Busy.Inc()
		r.Fail(actors.Errorf(actors.Busy, "too many requests of this user wait for the disk"))
	case u.Ending:
		u.Wait(r)
	default:
		u.decide(r, t)
	}
	u.Current = nil
}

// isBrief tells whether a command is one of those that come to very many users, one after the
// other: a user who is woken for it sleeps again as soon as the store has it.
func isBrief(c actors.Command) bool {
	switch c := c.(type) {
	case *actors.ImportUser:
		return true
	case *actors.Publish:
		return c.Message.Campaign != ""
	case *actors.Retract:
		return c.Brief
	case *actors.Explain:
		return c.Brief
	}
	return false
}

// decide lets the log and the time do their work, and then what is asked.
func (u *User) decide(r *actors.Request, t actors.Moment) {
	if !isDryRun(r) {
		if err := u.expire(t); err != nil {
			u.refuse(r, err)
			return
		}
	}
	if !u.commandAsNewcomer(r, t) {
		u.command(r, t)
	}
}

// command is the table of contents of what a user can be asked.
func (u *User) command(r *actors.Request, t actors.Moment) {
	b := u.inbox
	switch c := r.Command.(type) {
	case *actors.Publish:
		u.publish(r, c, t)
	case *actors.DryRun:
		u.dryRun(r, c, t)
	case *actors.Edit:
		u.loadContent(r, c.ID, t)
	case *actors.Act:
		u.act(r, c, t)
	case *actors.Retract:
		u.commitOf(r, b.Retract(c.ID, r.Once, t), c.Brief)
	case *actors.Mark:
		u.mark(r, c, t)
	case *actors.Counts:
		u.counts(r, c)
	case *actors.List:
		u.list(r, c)
	case *actors.Find:
		u.findMessage(r, c)
	case *actors.Explain:
		u.explain(r, c)
	case *actors.Replay:
		u.replay(r, c)
	case *actors.Connections:
		u.askGates(r, u.connected)
	case *actors.Presence:
		u.presence(r)
	case *actors.Disconnect:
		u.disconnect(r, c)
	case *actors.JournalPage:
		u.journalPage(r, c)
	case *actors.StateAt:
		u.stateAt(r, c)
	case *actors.Export:
		u.export(r)
	case *actors.SetProfile:
		u.setProfile(r, c, t)
	case *actors.ImportUser:
		u.importUser(r, c, t)
	case *actors.SetPreferences:
		u.setPreferences(r, c, t)
	case *actors.SetStanding:
		u.commit(r, b.SetStanding(c, r.Once, t))
	case *actors.Follow:
		u.commit(r, b.Follow(c, r.Once, t))
	case *actors.JoinList:
		u.commit(r, b.JoinList(c, r.Once, t))
	case *actors.ReadProfile:
		u.readProfile(r, c, t)
	case *actors.Erase:
		u.erase(r, t)
	case *actors.OpenSession:
		u.openSession(r, c, t)
	case *actors.ChangeSession:
		u.changeSession(r, c, t)
	case *actors.CloseSession:
		u.closeSession(r, c, t)
	case *actors.QueueMessage:
		u.queueMessage(r, c, t)
	case *actors.FetchWaiting:
		u.fetchWaiting(r, c)
	default:
		u.refuse(r, actors.Errorf(actors.Internal, "a user does not know how to do %T", c))
	}
}

// room tells whether the outbox can take one more. What is durable already
// leaves first, so that a long mailbox is not taken for a full outbox.
func (u *User) room() bool {
	if u.Out.N < u.Home.Limits.Outbox {
		return true
	}
	u.committed()
	return u.Out.N < u.Home.Limits.Outbox
}

// refuse answers with an error, after all that came before it.
func (u *User) refuse(r *actors.Request, err *actors.Error) {
	r.Answer.Err = err
	u.release(&r.Effect, r, nil, nil)
}

// answer answers with what was decided and the present counts.
func (u *User) answer(r *actors.Request, d inbox.Ready) {
	r.Answer.Counts = u.inbox.AppendCounts(r.Answer.Counts[:0])
	u.fill(r, d)
	u.release(&r.Effect, r, nil, nil)
}

// counts answers where the user stands, with all messages or those of a tenant.
func (u *User) counts(r *actors.Request, c *actors.Counts) {
	d := inbox.Ready{Rev: u.inbox.Rev()}
	if c.Tenant == "" {
		u.answer(r, d)
		return
	}
	r.Answer.Counts = u.inbox.AppendCountsOf(r.Answer.Counts[:0], c.Tenant)
	u.fill(r, d)
	u.release(&r.Effect, r, nil, nil)
}

// fill fills the answer; the counts are in it.
func (u *User) fill(r *actors.Request, d inbox.Ready) {
	a := &r.Answer
	a.Err, a.ID, a.Rev, a.Outcome, a.Reason = d.Err, d.ID, d.Rev, d.Outcome, d.Reason
	a.Replayed, a.Unknown = d.Replayed, d.Unknown
	a.Cursor = u.inbox.Cursor()
}

// release puts an effect into the outbox, and lets it go if it may.
func (u *User) release(e *actors.Effect, r *actors.Request, p *actors.Push, run func()) {
	u.Leave(e, r, p, run)
	if u.Out.N == 1 && e.Seq <= u.Stream.Durable() {
		u.committed()
	}
}

// after runs step once all that is applied now is durable. If there is a
// request, step answers it.
func (u *User) after(r *actors.Request, step func()) {
	e := &actors.Effect{}
	if r != nil {
		e = &r.Effect
	}
	u.release(e, r, nil, step)
}

// commitOf is commit of a command that may be brief.
func (u *User) commitOf(r *actors.Request, d inbox.Ready, brief bool) {
	if u.commit(r, d); brief {
		u.passivateSoon()
	}
}

// commit carries out a decision: journal, apply, answer, push.
func (u *User) commit(r *actors.Request, d inbox.Ready) {
	switch {
	case d.Err != nil:
		u.refuse(r, d.Err)
		return
	case len(d.Events) == 0:
		if !d.Replayed {
			d.Rev = u.inbox.Rev()
		}
		u.answer(r, d)
		return
	}
	from := u.inbox.Cursor()
	w := u.encode(&r.Buffer, d.Events)
	if err := u.store(w); err != nil {
		u.refuse(r, err)
		return
	}
	var push *actors.Push
	push, r.Answer.Counts = u.apply(d.Events, from, r.Answer.Counts)
	d.Rev = u.inbox.Rev()
	if u.inbox.IsJoining() {
		push = u.joined(push)
		r.Answer.Counts = u.inbox.AppendCounts(r.Answer.Counts[:0])
	}
	u.fill(r, d)
	u.trace(d.Events)
	u.release(&r.Effect, r, push, nil)
	u.notifySessions(d.Events)
	u.maybeSnapshot()
}

// persist carries out a decision that nobody asked for. After an error nothing was
// done.
func (u *User) persist(events []*actors.Event) *actors.Error {
	from := u.inbox.Cursor()
	w := u.encode(&actors.WriteBuffer{}, events)
	w.Upkeep = len(events) == 0 || events[0].Kind != actors.Kind_DELIVERED // marks can wait for the next one
	if err := u.store(w); err != nil {
		return err
	}
	push, _ := u.apply(events, from, nil)
	if u.inbox.IsJoining() {
		push = u.joined(push)
	}
	u.trace(events)
	u.release(&actors.Effect{}, nil, push, nil)
	u.notifySessions(events)
	u.maybeSnapshot()
	return nil
}

// encode prepares the write of events.
func (u *User) encode(r *actors.WriteBuffer, events []*actors.Event) *actors.Write {
	w := &r.Write
	*w = actors.Write{Stream: u.Stream, After: u.inbox.Seq(), Events: r.Events[:0], Own: r.Own[:0]}
	buf := r.Buf[:0]
	for _, e := range events {
		n := len(buf)
		buf = actors.EncodeEvent(buf, e)
		w.Events = append(w.Events, buf[n:len(buf):len(buf)])
		u.inbox.Annotate(w, e, &u.Home.Limits)
		w.WakeBy(u.inbox.SweepAfter(e, &u.Home.Limits))
		if e.Kind == actors.Kind_PROFILE && e.Profile.Profile != nil {
			u.noteDevices(w, e)
		}
		if e.Kind == actors.Kind_DELIVERED {
			w.Records = append(w.Records, actors.SeenRecord(u.Key, u.seenAt(e.At)))
		}
	}
	w.WakeBy(u.inbox.SweepDue(&u.Home.Limits))
	r.Buf = buf
	if d := w.Wake.New; d != 0 && (u.armed == 0 || d < u.armed) {
		w.Wake.Old = u.armed
	} else {
		w.Wake = actors.Wake{}
	}
	return w
}

// store hands a write to the journal and keeps account of it.
func (u *User) store(w *actors.Write) *actors.Error {
	if err := u.Append(w); err != nil {
		return err
	}
	if w.Wake.New != 0 {
		u.armed = w.Wake.New
	}
	u.inbox.Wrote(w)
	return nil
}

// apply takes the events in and returns the push that tells of them, nil if
// there is nothing to tell or nobody to be told, and the counts after them, in
// the memory of counts.
func (u *User) apply(events []*actors.Event, from actors.Cursor, counts []byte) (*actors.Push, []byte) {
	var p *actors.Push
	if len(u.gates) > 0 {
		p = &actors.Push{Key: u.Key, From: from}
		p.Events = p.One[:0]
	}
	for _, e := range events {
		if err := u.inbox.Apply(e); err != nil {
			panic(err) // we have just decided it
		}
		u.Seq = e.Seq
		u.Home.Metrics.Judged.Count(e)
		counts = u.inbox.AppendCounts(counts[:0])
		switch {
		case p == nil || e.Kind >= actors.Kind_NOTED && e.Kind != actors.Kind_ACTED:
		case e.Kind == actors.Kind_DUE:
			p.Hole = true // its content is in the journal
		default:
			if ev, ok := actors.NewPushEvent(e, u.inbox.ShownIn(e), u.inbox.Cursor(), counts); ok {
				p.Events = append(p.Events, ev)
			}
		}
	}
	if p == nil {
		return nil, counts
	}
	if p.To = u.inbox.Cursor(); p.To == from && !p.Hole {
		return nil, counts
	}
	if p.Hole { // who is behind it needs the counts at least
		p.Events = append(p.One[:0], actors.PlainEvent("counts", p.To, counts))
	}
	return p, counts
}

// expire lets the broadcast log and the time do their work before anything is
// decided. The error says why they could not: the store does not take it, or another node
// may own the user.
func (u *User) expire(t actors.Moment) *actors.Error {
	u.noteOpen(t)
	if u.log.Head() > u.inbox.Pos() {
		if !u.HoldsLease() {
			u.mergeLater()
			return actors.ErrUnsure
		}
		if err := u.merge(t); err != nil {
			return err
		}
	}
	u.maintain(t.Now)
	if t.Now < u.inbox.Due(&u.Home.Limits) && !u.inbox.IsOverfull(&u.Home.Limits) {
		return nil
	}
	u.endShares(t)
	d := u.expired(t)
	if len(d.Events) > 0 {
		if err := u.persist(d.Events); err != nil {
			return err
		}
	}
	u.inbox.Rearm() // also where the message whose timer it was is gone
	u.sessionsExpired(d.Events)
	u.publishWills(t)
	return nil
}

// timeUp does what is due and arms the next wake-up.
func (u *User) timeUp(m *actors.TimeUp) {
	t := u.Home.Moment()
	if u.inbox.Forgettable(t.Now) && u.forget(m.At) {
		return
	}
	if !u.tellsFirst(m) {
		u.due(m)
	}
}

// due does what a wake-up is for.
func (u *User) due(m *actors.TimeUp) {
	t := u.Home.Moment()
	swept := t.Now >= u.inbox.SweepDue(&u.Home.Limits)
	if u.expire(t) != nil {
		return // the sweeper comes again
	}
	u.rearmWake(m.At)
	if swept && !u.sweeping {
		u.passivateSoon()
	}
}

func (u *User) maybeSnapshot() {
	if u.inbox.SnapshotDue(&u.Home.Limits) {
		u.snapshot(nil)
	}
}

// snapshot writes the state down and drops what it makes superfluous, with
// events that take the place of stale ones. If the store is too busy, it says
// false, and another time will do.
func (u *User) snapshot(cleared []actors.Rewrite) bool {
	w, undo := u.inbox.Checkpoint(u.Home.Now(), &u.Home.Limits, cleared)
	w.Stream = u.Stream
	w.Index = u.inbox.IndexRows(u.Key) // it may lack some: a program without an index may have written before
	if u.Append(&w) != nil {
		undo()
		return false
	}
	return true
}

package actors

// request takes in one request. Whatever comes of it, it is answered.
func (u *User) request(r *Request) {
	u.Current, u.asked = r, true
	t := u.Home.moment()
	switch {
	case !u.Sure():
		u.Current = nil
		r.Fail(ErrUnsure)
	case !u.room(): // and so none for this answer
		u.Current = nil
		u.Home.Metrics.Busy.Inc()
		r.Fail(Errorf(Busy, "too many requests of this user wait for the disk"))
	case u.Ending:
		u.Wait(r)
	case !u.expire(t):
		u.refuse(r, ErrBusyStore)
	default:
		u.command(r, t)
	}
	u.Current = nil
}

var ErrBusyStore = Errorf(Busy, "the store has as much to write as it may; nothing was done")

// command is the table of contents of what a user can be asked.
func (u *User) command(r *Request, t Moment) {
	b, l := u.inbox, &u.Home.Limits
	switch c := r.Command.(type) {
	case *Publish:
		u.commit(r, b.Publish(c.Message, r.Once, t, l))
	case *Edit:
		u.loadContent(r, c.ID, t)
	case *Retract:
		u.commit(r, b.Retract(c.ID, r.Once, t))
	case *Mark:
		u.commit(r, b.Mark(c, r.Once, t))
	case *Counts:
		u.answer(r, Ready{Rev: b.rev})
	case *List:
		u.list(r, c)
	case *Find:
		u.findMessage(r, c)
	case *Replay:
		u.replay(r, c)
	case *Connections:
		u.connections(r)
	case *Disconnect:
		u.disconnect(r, c)
	case *JournalPage:
		u.journalPage(r, c)
	case *StateAt:
		u.stateAt(r, c)
	case *Export:
		u.export(r)
	case *OpenSession:
		u.openSession(r, c, t)
	case *ChangeSession:
		u.changeSession(r, c, t)
	case *CloseSession:
		u.closeSession(r, c, t)
	case *QueueMessage:
		u.queueMessage(r, c, t)
	case *FetchWaiting:
		u.fetchWaiting(r, c)
	default:
		u.refuse(r, Errorf(Internal, "a user does not know how to do %T", c))
	}
}

// room tells whether the outbox can take one more. What is durable already
// leaves first, so that a long mailbox is not taken for a full outbox.
func (u *User) room() bool {
	if u.out.n < u.Home.Limits.Outbox {
		return true
	}
	u.let()
	return u.out.n < u.Home.Limits.Outbox
}

// refuse answers with an error, after all that came before it.
func (u *User) refuse(r *Request, err *Error) {
	r.Answer.Err = err
	u.release(&r.Effect, r, nil, nil)
}

// answer answers with what was decided and the present counts.
func (u *User) answer(r *Request, d Ready) {
	r.Answer.Counts = u.inbox.appendCounts(r.Answer.Counts[:0])
	u.fill(r, d)
	u.release(&r.Effect, r, nil, nil)
}

// fill fills the answer; the counts are in it.
func (u *User) fill(r *Request, d Ready) {
	a := &r.Answer
	a.Err, a.ID, a.Rev, a.Outcome = d.Err, d.ID, d.Rev, d.Outcome
	a.Replayed, a.Unknown = d.Replayed, d.Unknown
	a.Cursor = u.inbox.Cursor()
}

// release puts an effect into the outbox, and lets it go if it may.
func (u *User) release(e *Effect, r *Request, p *Push, run func()) {
	u.Leave(e, r, p, run)
	if u.out.n == 1 && e.seq <= u.Stream.Durable() {
		u.let()
	}
}

// after runs step once all that is applied now is durable. If there is a
// request, step answers it.
func (u *User) after(r *Request, step func()) {
	e := &Effect{}
	if r != nil {
		e = &r.Effect
	}
	u.release(e, r, nil, step)
}

// commit carries out a decision: journal, apply, answer, push.
func (u *User) commit(r *Request, d Ready) {
	switch {
	case d.Err != nil:
		u.refuse(r, d.Err)
		return
	case len(d.Events) == 0:
		if !d.Replayed {
			d.Rev = u.inbox.rev
		}
		u.answer(r, d)
		return
	}
	from := u.inbox.Cursor()
	w := u.encode(&r.record, d.Events)
	if err := u.store(w); err != nil {
		u.refuse(r, err)
		return
	}
	var push *Push
	push, r.Answer.Counts = u.apply(d.Events, from, r.Answer.Counts)
	d.Rev = u.inbox.rev
	u.fill(r, d)
	u.release(&r.Effect, r, push, nil)
	u.tellSessions(d.Events)
	u.maybeSnapshot()
}

// persist carries out a decision that nobody asked for; false means that the
// store is busy and nothing was done.
func (u *User) persist(events []*Event) bool {
	from := u.inbox.Cursor()
	w := u.encode(&record{}, events)
	w.Upkeep = len(events) == 0 || events[0].Kind != Kind_DELIVERED // marks can wait for the next one
	if u.store(w) != nil {
		return false
	}
	push, _ := u.apply(events, from, nil)
	u.release(&Effect{}, nil, push, nil)
	u.tellSessions(events)
	u.maybeSnapshot()
	return true
}

// encode prepares the write of events.
func (u *User) encode(r *record, events []*Event) *Write {
	w := &r.write
	*w = Write{Stream: u.Stream, After: u.inbox.seq, Events: r.events[:0], Own: r.own[:0]}
	buf := r.buf[:0]
	for _, e := range events {
		n := len(buf)
		buf = EncodeEvent(buf, e)
		w.Events = append(w.Events, buf[n:len(buf):len(buf)])
		u.inbox.beside(w, e, &u.Home.Limits)
		w.wakeBy(u.inbox.sweepAfter(e, &u.Home.Limits))
	}
	w.wakeBy(u.inbox.sweepDue(&u.Home.Limits))
	r.buf = buf
	if d := w.Wake.New; d != 0 && (u.armed == 0 || d < u.armed) {
		w.Wake.Old = u.armed
	} else {
		w.Wake = Wake{}
	}
	return w
}

// store hands a write to the journal and keeps account of it.
func (u *User) store(w *Write) *Error {
	if err := u.Append(w); err != nil {
		return err
	}
	if w.Wake.New != 0 {
		u.armed = w.Wake.New
	}
	for _, e := range w.Events {
		u.inbox.history.bytes += uint64(len(e))
	}
	return nil
}

// apply takes the events in and returns the push that tells of them, nil if
// there is nothing to tell or nobody to be told, and the counts after them, in
// the memory of counts.
func (u *User) apply(events []*Event, from Cursor, counts []byte) (*Push, []byte) {
	var p *Push
	if len(u.gates) > 0 {
		p = &Push{Key: u.Key, From: from}
		p.Events = p.one[:0]
	}
	for _, e := range events {
		if err := u.inbox.Apply(e); err != nil {
			panic(err) // we have just decided it
		}
		u.Seq = e.Seq
		counts = u.inbox.appendCounts(counts[:0])
		switch {
		case p == nil || e.Kind >= Kind_NOTED:
		case e.Kind == Kind_DUE:
			p.hole = true // its content is in the journal
		default:
			if ev, ok := pushEvent(e, e.Message, u.inbox.stateOf(e), 0, u.inbox.Cursor(), counts); ok {
				p.Events = append(p.Events, ev)
			}
		}
	}
	if p == nil {
		return nil, counts
	}
	if p.To = u.inbox.Cursor(); p.To == from && !p.hole {
		return nil, counts
	}
	if p.hole {
		p.Events = nil
	}
	return p, counts
}

// expire lets the time do its work before anything is decided. False means
// that the store is too busy for it.
func (u *User) expire(t Moment) bool {
	u.tidy(t.Now)
	if t.Now < u.inbox.due(&u.Home.Limits) {
		return true
	}
	u.endShares(t)
	d := u.inbox.Expire(t, &u.Home.Limits)
	if len(d.Events) > 0 && !u.persist(d.Events) {
		return false
	}
	u.inbox.rearm() // also where the message whose timer it was is gone
	u.sessionsExpired(d.Events)
	u.publishWills(t)
	return true
}

// timeUp does what is due and arms the next wake-up.
func (u *User) timeUp(m *TimeUp) {
	t := u.Home.moment()
	swept := t.Now >= u.inbox.sweepDue(&u.Home.Limits)
	if !u.expire(t) {
		return // the sweeper comes again
	}
	u.rearm(m.At)
	if swept && !u.sweeping {
		u.leaveSwept()
	}
}

func (u *User) maybeSnapshot() {
	if u.inbox.snapshotDue(&u.Home.Limits) {
		u.snapshot(nil)
	}
}

// snapshot writes the state down and drops what it makes superfluous, with
// events that take the place of stale ones. If the store is too busy, it says
// false, and another time will do.
func (u *User) snapshot(cleared []Rewrite) bool {
	before := u.inbox.history
	w := u.inbox.checkpoint(u.Home.Now(), &u.Home.Limits, cleared)
	w.Stream = u.Stream
	if u.Append(&w) != nil {
		u.inbox.history = before
		return false
	}
	return true
}

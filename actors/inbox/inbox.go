package inbox

import (
	"fmt"
	"slices"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/actors/rule"
	"reddot/actors/session"
)

// Inbox is the state of one user: what was received, what was done with it,
// and the counts. It is a state machine without clock, I/O or random. Its
// deciding methods (decide.go) return a Ready and change nothing; Apply takes
// in what they decided, once it is on its way to the journal, and also what
// the journal replays. There is no other way to change it.
type Inbox struct {
	lineage        uint64
	Origin         uint64 // the id of the history that it was read from; not part of the state
	seq, pos, rev  uint64
	shown          uint64 // seq of the last event that changed what the user sees
	shownPos       uint64 // pos of the last entry of the broadcast log that did
	posFloor       uint64 // displacements at or below it are forgotten
	joined         uint64 // where the log stood when the user joined, until it is merged so far (join.go); 0: it is
	open           uint64 // pos of the first entry for one who joins now; 0: there is none. Not part of the state
	displaced      []displacement
	unread, unseen uint32
	categories     labels
	tenants        labels                   // none where no message has had one
	tenanted       uint32                   // messages that the user sees and that have one
	entries        []entry                  // oldest first: their seqs rise
	answers        map[uint64]*actors.Acted // to messages, by entry.acted; nil: none
	content        uint64                   // bytes of content held
	nextDue        int64                    // no timer ends before it (unix milliseconds)
	oldest         int64                    // no visible message is older, likewise
	deliveredUpTo  uint64                   // up to this seq everything was written to a connection
	deliveredPos   uint64                   // what was broadcast up to here was counted as written, if it was
	keys           onceKeys
	history        history
	Sessions       session.Set
	Profile        *profile.State // nil: nothing is known
	Rules          *rule.State    // what was spent of caps, who says no, which digests are open; nil: nothing
	Book           *rule.Book     // by which policies are read; not part of the state
	// Left is rule.Candidate.Left, of the user's app. Not part of the state.
	Left     func(rule.Quota) (n int64, known bool)
	unarmed  bool      // something merged is due that the store does not know of. Not part of the state
	pending  []pending // of messages that wait for a rule, or for their time with a policy
	asides   []aside   // oldest first
	erasedAt int64     // unix milliseconds; 0: something has come since, or it never was
}

// An entry is one message in the inbox; its content stays in the journal. It has no pointer, so
// that the collector does not look at what very many inboxes hold.
type entry struct {
	id       actors.ID
	Seq      uint64 // of the event that made it visible; while scheduled, that accepted it
	Pos      uint64 // of the entry of the broadcast log that made it visible, or by which it waits, behind the event Seq; 0: an event made it visible
	Body     uint64 // of the event that holds its content, or of the entry if it is logged
	at       int64  // accepted or become due, unix milliseconds
	expires  int64  // 0: never
	Until    int64  // snoozed or scheduled until
	collapse uint64 // hash of the collapse key; 0: none
	size     uint32 // bytes of content
	category uint16 // index into Inbox.categories
	tenant   uint16 // index into Inbox.tenants, plus 1; 0: none
	State    actors.State
	priority actors.Priority
	shared   bool
	logged   bool   // its content is in the broadcast log
	WasSeen  bool   // ever
	WasRead  bool   // ever
	acted    uint64 // the seq of the event that says how the user answered it; 0: not yet
}

// New returns the inbox of a user of whom nothing is known.
func New() *Inbox { return &Inbox{nextDue: actors.Never, oldest: actors.Never} }

// Cursor returns where the inbox stands.
//
// Events that change nothing for the user do not move it: who is up to date
// before them is so behind them.
func (b *Inbox) Cursor() actors.Cursor {
	return actors.Cursor{Lineage: b.CursorLineage(), Seq: b.shown, Pos: b.shownPos}
}

// CursorLineage returns the lineage of the inbox's cursors: its own, mixed with the id
// of the store's history. Cursors of a history that was lost are so foreign to
// every user, without an event for each. 0: there was no event yet.
func (b *Inbox) CursorLineage() uint64 {
	if b.lineage == 0 {
		return 0
	}
	return max(b.lineage^b.Origin, 1)
}

// Seq returns the seq of the last event.
func (b *Inbox) Seq() uint64 { return b.seq }

// Rev returns the number of changes that the user has seen.
func (b *Inbox) Rev() uint64 { return b.rev }

// Apply takes in one event. An event that does not follow the last one, or of
// a kind that this program does not know, is an error: the journal is damaged
// or was written by a newer program.
func (b *Inbox) Apply(e *actors.Event) error {
	if e.Seq != b.seq+1 {
		return fmt.Errorf("event %d follows event %d: the journal is damaged", e.Seq, b.seq)
	}
	if e.Pos != b.pos && e.Seq > 1 && e.Joined == 0 {
		return fmt.Errorf("event %d follows entry %d of the broadcast log, and %d is merged", e.Seq, e.Pos, b.pos)
	}
	released := false // a message that has waited, whose key is known already
	switch e.Kind {
	case actors.Kind_ACCEPTED:
		b.applyAccepted(e)
	case actors.Kind_EDITED:
		b.applyEdited(e)
	case actors.Kind_RETRACTED, actors.Kind_EXPIRED, actors.Kind_DROPPED:
		actors.EachID(e.Ids, b.remove)
	case actors.Kind_MARKED:
		actors.EachID(e.Ids, func(id actors.ID) { b.applyMarked(id, e) })
	case actors.Kind_ACTED:
		b.applyActed(e)
	case actors.Kind_DUE:
		b.applyDue(e)
	case actors.Kind_DELIVERED:
		b.deliveredUpTo = max(b.deliveredUpTo, e.Upto)
		b.deliveredPos = max(b.deliveredPos, e.UptoPos)
	case actors.Kind_NOTED:
	case actors.Kind_FILTERED, actors.Kind_DIGESTED:
		released = b.applyAside(e)
	case actors.Kind_HELD:
		b.applyHeld(e)
	case actors.Kind_STANDING:
	case actors.Kind_SESSION:
		freed, wills := b.Sessions.Apply(e)
		for _, seq := range freed {
			b.history.freed(seq)
		}
		for _, seq := range wills {
			b.history.superseded(seq)
		}
	case actors.Kind_QUEUED:
		b.Sessions.ApplyQueued(e)
	case actors.Kind_PROFILE:
		b.applyProfile(e)
	case actors.Kind_ERASED:
		b.applyErased(e)
	default:
		return fmt.Errorf("event %d is of kind %d, which this program does not know: it is older than the data", e.Seq, e.Kind)
	}
	if e.Verdict != nil || e.Standing != nil || b.Rules != nil && e.Kind == actors.Kind_RETRACTED {
		b.applyRuled(e)
	}
	if e.Lineage != 0 {
		b.lineage = e.Lineage
	}
	if e.Rev != b.rev {
		b.shown = e.Seq
	}
	if revives(e) {
		b.erasedAt = 0
	}
	b.seq, b.pos, b.rev = e.Seq, e.Pos, e.Rev
	if e.Joined != 0 {
		b.joined = e.Joined
	}
	if !released {
		b.keys.apply(e)
	}
	b.history.note(e.At)
	return nil
}

// revives tells whether an erased user is there again after the event.
func revives(e *actors.Event) bool {
	return e.Kind != actors.Kind_ERASED && e.Kind != actors.Kind_NOTED && e.Kind != actors.Kind_DELIVERED
}

func (b *Inbox) applyAccepted(e *actors.Event) {
	m := e.Message
	actors.EachID(e.Dropped, b.remove)
	actors.EachID(e.Ids, b.remove)
	n := entry{
		id: actors.ID(m.Id), Seq: e.Seq, Body: e.Seq, at: e.At, expires: m.ExpiresAt,
		collapse: m.CollapseHash(), size: uint32(len(m.Content)),
		category: b.categories.hold(m.Category), tenant: b.holdTenant(m.Tenant), State: e.State, priority: m.Priority, shared: m.Shared,
	}
	if e.State == actors.State_SCHEDULED {
		n.Until = e.Until
	}
	b.content += uint64(n.size)
	b.count(&n, 1)
	b.entries = append(doubled(b.entries), n)
	b.arm(&n)
	if n.State != actors.State_SCHEDULED {
		b.Sessions.Offer(n.Seq, n.size)
	} else {
		b.waits(e)
	}
}

func (b *Inbox) applyEdited(e *actors.Event) {
	actors.EachID(e.Dropped, b.remove)
	i := b.find(actors.ID(e.Message.Id))
	if i < 0 {
		return
	}
	n, m := &b.entries[i], e.Message
	b.history.freed(n.Body)
	n.expires = m.ExpiresAt
	if p := b.pendingOf(n.id); p != nil {
		p.note(m)
	}
	b.recast(n, m, e.Seq, uint32(len(m.Content)))
}

// recast gives n the category and the priority that m has, and its content, which
// body holds. Its tenant stays.
func (b *Inbox) recast(n *entry, m *actors.Message, body uint64, size uint32) {
	b.count(n, -1)
	b.content += uint64(size) - uint64(n.size)
	b.categories[n.category].held--
	n.Body, n.size, n.priority = body, size, m.Priority
	n.category = b.categories.hold(m.Category)
	b.count(n, 1)
	b.arm(n)
}

func (b *Inbox) applyMarked(id actors.ID, e *actors.Event) {
	i := b.find(id)
	if i < 0 {
		return
	}
	n := &b.entries[i]
	b.count(n, -1)
	n.State, n.Until = e.State, e.Until
	n.WasSeen = n.WasSeen || e.State.WasSeen()
	n.WasRead = n.WasRead || e.State == actors.State_READ
	b.count(n, 1)
	b.arm(n)
}

// applyDue makes a scheduled message visible: it is the newest now.
func (b *Inbox) applyDue(e *actors.Event) {
	id := actors.ID(e.Ids[:16])
	actors.EachID(e.Ids[16:], b.remove)
	i := b.find(id)
	if i < 0 {
		return
	}
	b.forgetPending(id)
	n := b.entries[i]
	n.State, n.Until, n.Seq, n.Pos = actors.State_UNSEEN, 0, e.Seq, 0
	if !n.logged { // the log keeps a content by the time of its entry
		n.at = e.At
	}
	b.entries = append(slices.Delete(b.entries, i, i+1), n)
	b.count(&n, 1)
	b.arm(&n)
	b.Sessions.Offer(n.Seq, n.size)
}

// remove takes a message out of the inbox and out of the counts, for good.
func (b *Inbox) remove(id actors.ID) {
	if n, ok := b.take(id); ok && !n.shared { // the send answers for it
		b.history.disowned = append(b.history.disowned, id)
	}
}

// take takes a message out of the inbox and out of the counts; false: it is not here.
func (b *Inbox) take(id actors.ID) (entry, bool) {
	i := b.find(id)
	if i < 0 {
		return entry{}, false
	}
	n := b.entries[i]
	b.count(&n, -1)
	b.release(&n)
	b.content -= uint64(n.size)
	if !n.logged {
		b.history.freed(n.Body)
	}
	if n.acted != 0 {
		b.history.superseded(n.acted)
		delete(b.answers, n.acted)
	}
	b.Sessions.Withdraw(n.Handle())
	if n.State == actors.State_SCHEDULED {
		b.forgetPending(id)
	}
	if i == 0 {
		b.entries = b.entries[1:]
	} else {
		b.entries = slices.Delete(b.entries, i, i+1)
	}
	return n, true
}

// ages tells whether the message leaves the inbox when it is too old. What is scheduled does
// not age, but for what was broadcast, whose content the log forgets.
func (n *entry) ages() bool { return n.State != actors.State_SCHEDULED || n.logged }

// arm lets nextDue be no later than n's first timer, and oldest than n.
func (b *Inbox) arm(n *entry) {
	if n.ages() {
		b.oldest = min(b.oldest, n.at)
	}
	if n.expires != 0 {
		b.nextDue = min(b.nextDue, n.expires)
	}
	if n.Until != 0 {
		b.nextDue = min(b.nextDue, n.Until)
	}
}

// find returns the place of a message; -1: not here. What is asked for is
// mostly the oldest, which has to leave, or one of the newest.
func (b *Inbox) find(id actors.ID) int {
	if len(b.entries) > 0 && b.entries[0].id == id {
		return 0
	}
	for i := len(b.entries) - 1; i >= 0; i-- {
		if b.entries[i].id == id {
			return i
		}
	}
	return -1
}

// An eventReader decodes one event after the other in the same memory, for
// Apply, which keeps nothing of its ids and contents.
type eventReader struct {
	event   actors.Event
	message actors.Message
}

// read decodes an event, which is good until the next one.
func (r *eventReader) read(raw []byte) (*actors.Event, error) {
	e, m := &r.event, &r.message
	once, ids, dropped := e.Once[:0], e.Ids[:0], e.Dropped[:0]
	id, content := m.Id[:0], m.Content[:0]
	m.Reset()
	m.Id, m.Content = id, content
	e.Reset()
	e.Once, e.Ids, e.Dropped, e.Message = once, ids, dropped, m
	return e, actors.DecodeInto(raw, e)
}

// Reaches tells whether the journal still has all that happened after c.
func (b *Inbox) Reaches(c actors.Cursor) bool {
	return c.Seq <= b.seq && c.Pos <= b.pos && c.Pos >= b.posFloor && (c.Seq >= b.history.floor || c.Seq >= b.shown) && !b.foreign(c)
}

// foreign tells whether c belongs to another lineage of this user. The cursor
// from before the first event belongs to every one.
func (b *Inbox) foreign(c actors.Cursor) bool {
	return c.Lineage != b.CursorLineage() && (c.Lineage != 0 || c.Seq != 0)
}

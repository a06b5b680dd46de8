package explain

import (
	"bytes"

	"reddot/actors"
)

// A Decision is one thing that was decided about a message, or done with it.
type Decision struct {
	At        string `json:"at"`
	Seq       uint64 `json:"seq,omitempty"` // of the event that says it
	Pos       uint64 `json:"pos,omitempty"` // or of the entry of the broadcast log
	What      string `json:"what"`
	Rule      string `json:"rule,omitempty"`
	Value     string `json:"value,omitempty"`
	Policy    string `json:"policy,omitempty"`
	Version   uint64 `json:"version,omitempty"`
	Until     string `json:"until,omitempty"`
	Transport string `json:"transport,omitempty"`
	Digest    string `json:"digest,omitempty"` // the key of the digest that it is an item of, or is
	By        string `json:"by,omitempty"`     // the message that took its place, or the digest that it went into
}

// What can be decided about a message.
const (
	accepted  = "accepted"
	scheduled = "scheduled"
	held      = "held"
	released  = "released"
	filtered  = "filtered"
	digested  = "digested"
	closed    = "in_digest"
	edited    = "edited"
	delivered = "delivered"
	seen      = "seen"
	read      = "read"
	unread    = "unread"
	archived  = "archived"
	snoozed   = "snoozed"
	returned  = "returned"
	acted     = "acted"
	retracted = "retracted"
	expired   = "expired"
	dropped   = "dropped"
	collapsed = "collapsed"
	skipped   = "skipped"

	gone = "gone" // it has left, and nothing says how
)

// A Life is that of one message for one user.
type Life struct {
	id   actors.ID
	list []Decision

	waiting bool // it is scheduled or held
	ordered bool // what waits is a broadcast, which no inbox has yet
	shown   bool // it is in the inbox, where the user sees it
	state   actors.State
	seq     uint64 // of the event that made it visible, if it came to the user alone
	pos     uint64 // of the entry that did, if it was broadcast
	until   int64

	digest   string // the key of the digest that it is an item of, while that is open
	collapse uint64 // of an item
	expires  int64

	wasShown, wasSeen, wasRead, wasDelivered bool
	last                                     *Decision // that says what came of it; nil: the state does
}

// New returns the life of a message of which nothing is known yet.
func New(id actors.ID) *Life { return &Life{id: id} }

// Known tells whether anything is known of the message.
func (l *Life) Known() bool { return len(l.list) > 0 }

// Event takes in the next event of the user's journal.
func (l *Life) Event(e *actors.Event) {
	if e.Message != nil && actors.ID(e.Message.Id) == l.id {
		l.about(e)
		return
	}
	switch e.Kind {
	case actors.Kind_ACCEPTED:
		l.another(e, actors.ID(e.Message.Id))
	case actors.Kind_DIGESTED:
		if l.digest != "" && e.Verdict.Gather == l.digest && l.collapse != 0 && e.Message.CollapseHash() == l.collapse {
			l.leave(e, collapsed, "in the digest", actors.ID(e.Message.Id))
		}
	case actors.Kind_FILTERED:
		if l.digest != "" && e.Verdict.Gather == l.digest {
			l.stopped(e)
		}
	case actors.Kind_EDITED:
		if has(e.Dropped, l.id) {
			l.leave(e, dropped, noRoom, actors.ID{})
		}
	case actors.Kind_RETRACTED:
		if has(e.Ids, l.id) {
			l.leave(e, retracted, "", actors.ID{})
		}
	case actors.Kind_EXPIRED:
		if has(e.Ids, l.id) {
			l.leave(e, expired, "", actors.ID{})
		}
	case actors.Kind_DROPPED:
		if has(e.Ids, l.id) {
			l.leave(e, dropped, "there was no room for it any more, or it was too old", actors.ID{})
		}
	case actors.Kind_MARKED:
		if has(e.Ids, l.id) {
			l.marked(e)
		}
	case actors.Kind_ACTED:
		if has(e.Ids, l.id) {
			l.add(e, acted).Value = e.Acted.GetAction()
			l.state = actors.State_READ
		}
	case actors.Kind_DUE:
		l.due(e)
	case actors.Kind_HELD:
		if has(e.Ids, l.id) {
			l.waiting, l.until = true, e.Until
			l.add(e, held).Until = timeText(e.Until)
		}
	case actors.Kind_DELIVERED:
		l.delivered(e)
	case actors.Kind_ERASED:
		*l = Life{id: l.id}
	}
}

const noRoom = "there was no room for it any more"

// about takes in an event that carries the message.
func (l *Life) about(e *actors.Event) {
	switch e.Kind {
	case actors.Kind_ACCEPTED:
		l.expires, l.collapse = e.Message.ExpiresAt, e.Message.CollapseHash()
		if e.State != actors.State_SCHEDULED {
			d := l.add(e, accepted)
			if v := e.Verdict; v != nil && v.Gather != "" && v.Opens == 0 {
				d.Value = "it is a digest"
			}
			l.show()
			l.seq = e.Seq
			return
		}
		what := scheduled
		if e.Verdict.GetRule() != actors.Rule_PASSED {
			what = held
		}
		l.waiting, l.until = true, e.Until
		l.add(e, what).Until = timeText(e.Until)
	case actors.Kind_EDITED:
		l.add(e, edited)
		l.expires = e.Message.ExpiresAt
	case actors.Kind_FILTERED:
		l.add(e, filtered)
		l.waiting, l.shown = false, false
		l.last = &l.list[len(l.list)-1]
	case actors.Kind_DIGESTED:
		l.add(e, digested).Until = timeText(e.Until)
		l.waiting, l.shown, l.until = false, false, e.Until
		l.digest, l.collapse, l.expires = e.Verdict.Gather, e.Message.CollapseHash(), e.Message.ExpiresAt
	}
}

// another takes in that another message has come.
func (l *Life) another(e *actors.Event, by actors.ID) {
	switch v := e.Verdict; {
	case has(e.Ids, l.id):
		l.leave(e, collapsed, "", by)
	case has(e.Dropped, l.id):
		l.leave(e, dropped, noRoom, actors.ID{})
	case l.digest == "" || v == nil || v.Gather != l.digest || v.Opens != 0:
	case l.expires != 0 && l.expires <= e.At:
		l.leave(e, expired, "before the digest closed", actors.ID{})
	default:
		value := ""
		if c := e.Message.Content; len(c) > 0 && !bytes.Contains(c, []byte(l.id.String())) {
			value = "the digest counts it, and had no room to name it"
		}
		if e.State == actors.State_SCHEDULED {
			value = "the digest is held until " + actors.TimeText(e.Until)
		}
		l.leave(e, closed, value, by)
	}
}

// due takes in that a message that waited is shown.
func (l *Life) due(e *actors.Event) {
	first := actors.ID(e.Ids[:16])
	switch {
	case first == l.id:
		l.add(e, released)
		l.show()
		l.seq, l.pos = e.Seq, 0
	case has(e.Ids[16:], l.id):
		l.leave(e, collapsed, "", first)
	}
}

// marked takes in what the user did, or that a snooze is over.
func (l *Life) marked(e *actors.Event) {
	what := ""
	switch e.State {
	case actors.State_UNSEEN:
		what = returned
	case actors.State_SEEN:
		what = seen
		if l.wasSeen {
			what = unread
		}
	case actors.State_READ:
		what = read
	case actors.State_ARCHIVED:
		what = archived
	case actors.State_SNOOZED:
		what = snoozed
	default:
		return
	}
	d := l.add(e, what)
	l.shown, l.wasShown, l.state, l.until, l.last = true, true, e.State, e.Until, nil
	l.wasSeen = l.wasSeen || e.State.WasSeen()
	l.wasRead = l.wasRead || e.State == actors.State_READ
	d.Until = timeText(e.Until)
}

// delivered takes in a connection's mark, if the message is new among what it covers.
func (l *Life) delivered(e *actors.Event) {
	own, cast := l.seq != 0 && e.Upto >= l.seq, l.pos != 0 && e.UptoPos >= l.pos
	if l.wasDelivered || !l.shown || !own && !cast {
		return
	}
	l.wasDelivered = true
	l.add(e, delivered).Transport = e.Transport
}

// An Excuse says why the user does not see what an entry of the broadcast log lets appear: it
// is not for the user, or waits, or has become an item of a digest.
type Excuse struct {
	Rule    string
	Value   string
	Policy  string // whose rule it is; empty: the user's or the app's own
	Version uint64
	Until   int64  // until when it waits, or when the digest closes, unix milliseconds; 0: it is not for the user
	Digest  string // the digest's key
}

// Entry takes in the next entry of the broadcast log that is about the message. excuse says
// why the user does not see one that lets the message appear; nil: the user does.
func (l *Life) Entry(e *actors.KnownEntry, excuse *Excuse) {
	switch e.Kind {
	case actors.LogKind_LOG_PUBLISHED, actors.LogKind_LOG_DUE:
		switch {
		case e.Hidden:
			l.waiting, l.ordered, l.until = true, true, e.Message.SendAt
			d := l.log(e, scheduled)
			d.Value, d.Until = "broadcast to "+audienceText(e.Audience), timeText(l.until)
			return
		case excuse != nil:
			l.excused(e, excuse)
			return
		}
		what := accepted
		if e.Kind == actors.LogKind_LOG_DUE {
			what = released
		}
		d := l.log(e, what)
		d.Value, d.Policy, d.Version = "broadcast to "+audienceText(e.Audience), e.Message.GetPolicy().GetName(), e.Message.GetPolicy().GetVersion()
		l.show()
		l.pos = e.Pos
	case actors.LogKind_LOG_EDITED:
		if l.shown || l.waiting {
			l.log(e, edited)
		}
	case actors.LogKind_LOG_RETRACTED, actors.LogKind_LOG_EXPIRED:
		if !l.shown && !l.waiting && l.digest == "" {
			return
		}
		what := retracted
		if e.Kind == actors.LogKind_LOG_EXPIRED {
			what = expired
		}
		l.log(e, what)
		l.end()
	}
}

// excused takes in that the user does not see what an entry lets appear.
func (l *Life) excused(e *actors.KnownEntry, x *Excuse) {
	l.waiting, l.ordered, l.until = false, false, x.Until
	what := skipped
	switch {
	case x.Digest != "":
		what = digested
		l.digest, l.collapse, l.expires = x.Digest, e.Message.CollapseHash(), 0
	case x.Until != 0:
		what, l.waiting = held, true
	}
	d := l.log(e, what)
	d.Rule, d.Value, d.Policy, d.Version, d.Until, d.Digest = x.Rule, x.Value, x.Policy, x.Version, timeText(x.Until), x.Digest
	if what == skipped {
		l.last = &l.list[len(l.list)-1]
	}
}

// TakenBy takes in that a broadcast took the message's place, if nothing else did.
func (l *Life) TakenBy(e *actors.KnownEntry) {
	if !l.shown {
		return
	}
	l.log(e, collapsed).By = e.Concerns().String()
	l.end()
}

// Aside takes in that a rule put the message aside, if no event says so any more.
func (l *Life) Aside(rule actors.Rule, gathered bool, at int64) {
	if l.Known() {
		return
	}
	what := filtered
	if gathered {
		what = digested
	}
	l.list = append(l.list, Decision{At: actors.TimeText(at), What: what, Rule: rule.Word()})
	l.last = &l.list[0]
}

// Here takes in where the message stands in the inbox, which knows more than a journal that
// has lost its oldest events.
func (l *Life) Here(state actors.State, until int64, delivered bool) {
	l.waiting, l.shown, l.last = state == actors.State_SCHEDULED, state != actors.State_SCHEDULED, nil
	l.state, l.until = state, until
	l.wasShown = l.wasShown || l.shown
	l.wasDelivered = l.wasDelivered || delivered
	l.wasSeen = l.wasSeen || state.WasSeen()
}

// Told takes in up to which position of the log what was broadcast was written to
// connections, of which the journal has a mark only later.
func (l *Life) Told(pos uint64) {
	l.wasDelivered = l.wasDelivered || l.pos != 0 && l.wasShown && l.pos <= pos
}

// Gone takes in that the message is not in the inbox.
func (l *Life) Gone() {
	if l.shown || l.waiting && !l.ordered {
		l.shown, l.waiting = false, false
		l.last = &Decision{What: gone}
	}
}

// stopped takes in that a rule stopped the digest that the message is an item of.
func (l *Life) stopped(e *actors.Event) {
	l.add(e, filtered)
	l.end()
}

// add appends what an event says, with its verdict.
func (l *Life) add(e *actors.Event, what string) *Decision {
	d := Decision{At: actors.TimeText(e.At), Seq: e.Seq, What: what}
	if v := e.Verdict; v != nil {
		d.Rule, d.Value, d.Policy, d.Version, d.Digest = v.Rule.Word(), v.Value, v.Policy, v.Version, v.Gather
	}
	l.list = append(l.list, d)
	return &l.list[len(l.list)-1]
}

// log appends what an entry says.
func (l *Life) log(e *actors.KnownEntry, what string) *Decision {
	l.list = append(l.list, Decision{At: actors.TimeText(e.At), Pos: e.Pos, What: what})
	return &l.list[len(l.list)-1]
}

// leave appends that the message has left by an event about others.
func (l *Life) leave(e *actors.Event, what, value string, by actors.ID) {
	d := Decision{At: actors.TimeText(e.At), Seq: e.Seq, What: what, Value: value}
	if by != (actors.ID{}) {
		d.By = by.String()
	}
	if what == closed {
		d.Digest = l.digest
	}
	l.list = append(l.list, d)
	l.end()
}

// end lets the last decision say what came of the message.
func (l *Life) end() {
	l.waiting, l.ordered, l.shown, l.digest = false, false, false, ""
	l.last = &l.list[len(l.list)-1]
}

// show notes that the user sees the message from now on.
func (l *Life) show() {
	l.waiting, l.ordered, l.shown, l.wasShown, l.state, l.until, l.last = false, false, true, true, actors.State_UNSEEN, 0, nil
}

// has tells whether an id is among packed ones.
func has(packed []byte, id actors.ID) (found bool) {
	actors.EachID(packed, func(o actors.ID) { found = found || o == id })
	return found
}

// timeText returns a time as text; empty: none.
func timeText(ms int64) string {
	if ms == 0 {
		return ""
	}
	return actors.TimeText(ms)
}

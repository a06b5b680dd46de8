package inbox

import (
	"fmt"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/rule"
)

// What explains why a user did or did not get a message, besides the events of the journal
// (actors/explain).

// Remembered is what an inbox knows of one message without its journal.
type Remembered struct {
	Here      bool // it is in the inbox, as what follows says
	Item      Item
	Delivered bool // written to a connection; of messages that came to the user alone

	Aside    bool // a rule put it aside
	Rule     actors.Rule
	Gathered bool
	At       int64 // when that was, unix milliseconds

	Displaced uint64 // pos of the entry that took its place or took it out; 0: none did, or it is too long ago
	Floor     uint64 // events at or below it may be gone
}

// Remember returns what the inbox knows of a message.
func (b *Inbox) Remember(id actors.ID) Remembered {
	r := Remembered{Floor: b.history.floor}
	if r.Item, r.Here = b.Find(id); r.Here {
		r.Delivered = r.Item.Pos == 0 && b.WasDelivered(&r.Item)
	}
	for i := range b.asides {
		if a := &b.asides[i]; a.id == id {
			r.Aside, r.Rule, r.Gathered, r.At = true, a.rule, a.gathered, a.at
		}
	}
	for _, d := range b.displaced {
		if d.id == id {
			r.Displaced = d.pos
		}
	}
	return r
}

// An Excuse says why the user does not see what an entry of the log lets appear.
type Excuse struct {
	Rule    actors.Rule // PASSED: no rule, the entry is for others
	Value   string
	Policy  string // whose rule it is; empty: the user's or the app's own
	Version uint64
	Until   int64  // until when it waits, or when the digest closes, unix milliseconds; 0: it is not for the user
	Digest  string // the digest's key
}

// Excuse returns why the user does not see what an entry lets appear; false: the user does.
// The inbox stands before the entry.
func (b *Inbox) Excuse(e *actors.KnownEntry) (Excuse, bool) {
	value := ""
	switch {
	case b.seq == 0 && e.Audience.Newcomers:
		value = "nothing has ever happened to the user; it waits until the user joins"
	case b.seq == 0:
		value = "nothing had ever happened to the user"
	case b.pos >= e.Pos || e.Pos <= b.joined && !e.Audience.Newcomers:
		value = fmt.Sprintf("the user joined behind it, at position %d", max(b.pos, b.joined))
	case b.erasedAt != 0:
		value = "the user had been erased"
	case !b.isIn(e):
		value = b.outside(e)
	case b.isOutdone(e):
		value = "a newer message of the user has its collapse key"
	default:
		return b.refusal(e)
	}
	return Excuse{Value: value}, true
}

// outside says why the user does not belong to an entry's audience.
func (b *Inbox) outside(e *actors.KnownEntry) string {
	switch a := e.Audience; {
	case a.Topic != "":
		return fmt.Sprintf("did not follow the topic %s at position %d", a.Topic, e.Pos)
	case a.List != "":
		return fmt.Sprintf("was not in the list %s at position %d", a.List, e.Pos)
	}
	g := e.Audience.GetSegment()
	why := "its expression is not known"
	if s, ok := e.Segment.(*audience.Segment); ok {
		why = s.Reason(b.Profile, e.At)
	}
	return fmt.Sprintf("not in the audience of segment %s, version %d: %s at position %d", g.GetName(), g.GetVersion(), why, e.Pos)
}

// refusal returns by which rule the user does not see what an entry lets appear.
func (b *Inbox) refusal(e *actors.KnownEntry) (Excuse, bool) {
	d := b.judgeEntry(e)
	if d.Do == rule.Deliver {
		return Excuse{}, false
	}
	v := d.Verdict
	return Excuse{v.Rule, v.Value, v.Policy, v.Version, d.Until, d.Key}, true
}

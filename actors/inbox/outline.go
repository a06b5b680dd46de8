package inbox

import (
	"unique"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/actors/rule"
)

// An Outline is what stays in memory of the inbox of a user who dozes: all but the
// messages, the keys and the history. Most of what is broadcast is merged into it as
// into the inbox, by the same code: what an entry does to a user rests on the messages
// only if it changes one, takes the place of one, or makes one leave.
type Outline struct {
	lineage, origin          uint64
	seq, pos, rev            uint64
	shown, shownPos          uint64
	content                  uint64
	nextDue, oldest, erased  int64
	unread, unseen, messages uint32
	broadcasts, collapses    bool // whether any message came by the log, and has a collapse key
	categories, tenants      outlinedLabels
	tenanted                 uint32
	profile                  *profile.State
	rules                    *rule.State
	began, beganShown        uint64 // pos and shownPos since which it stands for the inbox
}

// An outlinedLabel is a label whose name all outlines share.
type outlinedLabel struct {
	name         unique.Handle[string]
	unread, held uint32
}

type outlinedLabels []outlinedLabel

// fold returns the labels as they are, in the memory of those before.
func (o outlinedLabels) fold(l labels) outlinedLabels {
	if len(o) != len(l) {
		o = make(outlinedLabels, len(l))
	}
	for i := range l {
		if n := o[i].name; n == (unique.Handle[string]{}) || n.Value() != l[i].name {
			o[i].name = unique.Make(l[i].name)
		}
		o[i].unread, o[i].held = l[i].unread, l[i].held
	}
	return o
}

// unfold appends the labels to l.
func (o outlinedLabels) unfold(l labels) labels {
	for i := range o {
		l = append(l, label{name: o[i].name.Value(), unread: o[i].unread, held: o[i].held})
	}
	return l
}

// The bounds of what an outline keeps. Users of whom there is more have none.
const (
	outlineLabels  = 32
	outlineProfile = 1 << 10 // bytes
)

// Outline returns the outline of the inbox; nil: it can't do without the rest.
func (b *Inbox) Outline() *Outline {
	if b.IsJoining() || len(b.Sessions.List) > 0 || b.Sessions.Yielded != nil ||
		len(b.categories)+len(b.tenants) > outlineLabels || b.Profile.Size()+b.Rules.Size() > outlineProfile {
		return nil
	}
	o := &Outline{began: b.pos, beganShown: b.shownPos}
	o.fold(b)
	return o
}

// fold takes in all that there is in an inbox besides what the outline stands for already.
func (o *Outline) fold(b *Inbox) {
	o.lineage, o.origin, o.seq, o.pos, o.rev = b.lineage, b.Origin, b.seq, b.pos, b.rev
	o.shown, o.shownPos, o.content = b.shown, b.shownPos, b.content
	o.nextDue, o.oldest, o.erased = b.nextDue, b.oldest, b.erasedAt
	o.unread, o.unseen, o.profile, o.rules = b.unread, b.unseen, b.Profile, b.Rules
	o.categories, o.tenants, o.tenanted = o.categories.fold(b.categories), o.tenants.fold(b.tenants), b.tenanted
	o.messages += uint32(len(b.entries))
	for i := range b.entries {
		n := &b.entries[i]
		o.broadcasts = o.broadcasts || n.logged
		o.collapses = o.collapses || n.collapse != 0
	}
}

// unfold makes b the inbox without its messages, in the memory that b has.
func (o *Outline) unfold(b *Inbox) {
	*b = Inbox{
		lineage: o.lineage, Origin: o.origin, seq: o.seq, pos: o.pos, rev: o.rev,
		shown: o.shown, shownPos: o.shownPos, content: o.content,
		nextDue: o.nextDue, oldest: o.oldest, erasedAt: o.erased,
		unread: o.unread, unseen: o.unseen, Profile: o.profile, Rules: o.rules, tenanted: o.tenanted,
		categories: o.categories.unfold(b.categories[:0]), tenants: o.tenants.unfold(b.tenants[:0]), entries: b.entries[:0],
	}
}

// Pos returns up to which position the broadcast log is merged.
func (o *Outline) Pos() uint64 { return o.pos }

// Agrees tells whether the inbox stands where the outline does, with the same counts.
func (o *Outline) Agrees(b *Inbox) bool {
	return o.Cursor() == b.Cursor() && o.rev == b.rev && o.unread == b.unread && o.unseen == b.unseen
}

// Cursor returns where the inbox stands.
func (o *Outline) Cursor() actors.Cursor {
	b := Inbox{lineage: o.lineage, Origin: o.origin, shown: o.shown, shownPos: o.shownPos}
	return b.Cursor()
}

// MergeUpTo merges the entries of a log up to a position. b becomes the inbox with those
// messages alone that came by them; its memory and its Book are used. It returns what changed for the
// user, as Merge does. False says that the messages are needed, or that time has changed
// some of them: then the outline is as it was.
func (o *Outline) MergeUpTo(log *actors.Log, pos uint64, t actors.Moment, l *actors.Limits, b *Inbox) (news []*actors.Event, ok bool) {
	book := b.Book
	o.unfold(b)
	b.Book = book
	if t.Now >= b.Due(l) || log.Floor() > o.pos {
		return nil, false
	}
	for _, e := range log.Between(o.pos, pos) {
		if !o.foresees(b, e, l) {
			return nil, false
		}
		if e.LetsAppear() && e.Message.Policy != nil && b.Rules == o.rules && b.Rules != nil {
			b.Rules = b.Rules.Clone() // the outline's own stay as they are
		}
		if v := b.Merge(e); v != nil {
			news = append(news, v)
		}
	}
	o.fold(b)
	return news, true
}

// foresees tells whether what an entry does to the user is known without the messages that
// are not in b.
//
// The first one makes a user known, which is an event.
func (o *Outline) foresees(b *Inbox, e *actors.KnownEntry, l *actors.Limits) bool {
	if e.LetsAppear() {
		d, in := b.meet(e)
		return !in || d.Do == rule.Deliver && o.seq > 0 &&
			int(o.messages)+len(b.entries) < l.Messages && b.content+uint64(e.ContentSize()) <= uint64(l.InboxBytes) &&
			(e.Message.CollapseKey == "" || !o.collapses) && (e.Message.Policy == nil || b.Rules.Size() <= outlineProfile)
	}
	id := e.Concerns()
	return e.Hidden || !b.Rules.Gathered(id) && (!o.broadcasts || b.find(id) >= 0)
}

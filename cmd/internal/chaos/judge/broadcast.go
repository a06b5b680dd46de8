package judge

import (
	"fmt"
	"slices"
	"time"
)

// A Broadcast is one operation of a caller on the broadcast log. It is repeated under one
// key until it is answered, or given up.
type Broadcast struct {
	Change       LogKind
	ID           string // of the message; a publish without an answer has none
	Audience            // of a publish; without any field it is for all
	Body         string // of a publish or an edit
	Call, Return time.Duration
	Answered     bool // else its outcome is unknown
}

// An Audience says for whom a broadcast is.
type Audience struct {
	Topic   string // for those who follow it
	List    string // for those in it
	Segment string // for those whom it matches
}

// ToAll tells whether it is for everybody.
func (a Audience) ToAll() bool { return a == Audience{} }

// LogKind is what an entry of the log does.
type LogKind string

// The kinds of entries. Callers make the first three.
const (
	Published LogKind = "published"
	Edited    LogKind = "edited"
	Retracted LogKind = "retracted"
	Due       LogKind = "due"
	Expired   LogKind = "expired"
)

// Topics are what users may follow.
var Topics = []string{"news", "sport/football", "weather"}

// A LogEntry is one entry of the broadcast log, as the store has it.
type LogEntry struct {
	Pos    uint64
	Kind   LogKind
	ID     string
	Body   string // "": it was taken out
	Hidden bool   // nobody sees the message yet
	Where  string // of the segment
	Label  Label
	At     int64 // unix milliseconds, by the server's clock
	Audience
}

// A LogHistory is all that is known of the broadcast log.
type LogHistory struct {
	Ops     []Broadcast
	Entries []LogEntry
	// Lag is how long a server that others do not reach may answer without knowing of
	// an entry that was acknowledged.
	Lag time.Duration

	Moving   []ProfileOp // what callers have made of the segment whose expression changes
	Previews []Preview
}

// CheckLog judges the log: each acknowledged operation made one entry, in real time's
// order, and no other entries are there.
func CheckLog(l *LogHistory) (errs []error) {
	wrong := func(format string, args ...any) {
		if len(errs) < maxErrors {
			errs = append(errs, fmt.Errorf("the broadcast log: "+format, args...))
		}
	}
	over, published := make(map[string]uint64), make(map[string]uint64)
	for i, e := range l.Entries {
		if e.Pos != uint64(i)+1 {
			wrong("entry %d stands where entry %d should", e.Pos, i+1)
		}
		switch pos := over[e.ID]; {
		case pos != 0:
			wrong("entry %d is about %s, which is over since entry %d", e.Pos, e.ID, pos)
		case (published[e.ID] == 0) != (e.Kind == Published):
			wrong("entry %d: %s of %s, published at %d", e.Pos, e.Kind, e.ID, published[e.ID])
		}
		switch e.Kind {
		case Published:
			published[e.ID] = e.Pos
		case Retracted, Expired:
			over[e.ID] = e.Pos
		}
	}
	made := l.made(wrong)
	errs = append(errs, l.checkSegments(made)...)
	for i, op := range l.Ops {
		for j, before := range l.Ops {
			if made[i] != nil && made[j] != nil && before.Answered && before.Return < op.Call && made[j].Pos > made[i].Pos {
				wrong("%s of %s, called at %v, is entry %d; %s of %s, which had returned at %v, is entry %d",
					op.Change, op.ID, op.Call, made[i].Pos, before.Change, before.ID, before.Return, made[j].Pos)
			}
		}
	}
	return errs
}

// checkSegments holds that a segment whose expression changes had one of then, and that a preview
// which nothing else overlapped agrees with itself.
func (l *LogHistory) checkSegments(made []*LogEntry) (errs []error) {
	moves := slices.Clone(l.Moving)
	for i, op := range l.Ops {
		if e := made[i]; e != nil && op.Change == Published && op.Answered && op.Segment == Moving {
			moves = append(moves, ProfileOp{Read: true, Value: e.Where, Call: op.Call, Return: op.Return, Answered: true})
		}
	}
	if err := register(moves, time.Minute); err != nil {
		errs = append(errs, fmt.Errorf("the segment %s: %w", Moving, err))
	}
	for _, p := range l.Previews {
		if p.Sent != "" && len(p.Users) != min(p.Count, previewed) {
			errs = append(errs, fmt.Errorf("the preview of %s counts %d users and shows %d", p.Segment, p.Count, len(p.Users)))
		}
	}
	return errs
}

// Pending says what is to become visible, or to leave.
func (l *LogHistory) Pending() error {
	open := make(map[string]LogEntry)
	for _, e := range l.Entries {
		switch {
		case e.Kind == Retracted || e.Kind == Expired, e.Kind == Due && open[e.ID].Label.Expires == 0:
			delete(open, e.ID)
		case e.Kind == Published && (e.Hidden || e.Label.Expires != 0):
			open[e.ID] = e
		}
	}
	for id := range open {
		return fmt.Errorf("the broadcast %s is neither due nor over", id)
	}
	return nil
}

// made returns which entry each operation has made; nil: none, or it is not known.
func (l *LogHistory) made(wrong func(string, ...any)) []*LogEntry {
	list := make([]*LogEntry, len(l.Ops))
	used := make(map[uint64]bool)
	for i, op := range l.Ops {
		at := slices.IndexFunc(l.Entries, func(e LogEntry) bool { return !used[e.Pos] && op.couldMake(e) })
		switch {
		case at >= 0:
			list[i], used[l.Entries[at].Pos] = &l.Entries[at], true
		case op.Answered:
			wrong("%s of %s, acknowledged at %v, is not in it", op.Change, op.ID, op.Return)
		}
	}
	for _, e := range l.Entries {
		if !used[e.Pos] && e.Kind != Due && e.Kind != Expired && e.Body != "" {
			wrong("entry %d: %s of %s (%q) is there once more than it was asked for", e.Pos, e.Kind, e.ID, e.Body)
		}
	}
	return list
}

// couldMake tells whether an entry may be the operation's. The operations on one message
// come one after the other.
func (op *Broadcast) couldMake(e LogEntry) bool {
	switch {
	case e.Kind != op.Change || op.ID != "" && e.ID != op.ID:
		return false
	case op.Change == Retracted || e.Body == op.Body:
		return true
	}
	return e.Body == "" && op.ID != "" // its content has left the log
}

package chaos

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
	Topic        string // of a publish, for its followers; "": it is for all
	Body         string // of a publish or an edit
	Call, Return time.Duration
	Answered     bool // else its outcome is unknown
}

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

// topics are what users may follow.
var topics = []string{"news", "sport/football", "weather"}

// A LogEntry is one entry of the broadcast log, as the store has it.
type LogEntry struct {
	Pos    uint64
	Kind   LogKind
	ID     string
	Topic  string
	Body   string // "": it was taken out
	Hidden bool   // nobody sees the message yet
}

// A LogHistory is all that is known of the broadcast log.
type LogHistory struct {
	Ops     []Broadcast
	Entries []LogEntry
	// Lag is how long a server that others do not reach may answer without knowing of
	// an entry that was acknowledged.
	Lag time.Duration
}

// checkLog judges the log: each acknowledged operation made one entry, in real time's
// order, and no other entries are there.
func checkLog(l *LogHistory) (errs []error) {
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

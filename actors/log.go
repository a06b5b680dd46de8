package actors

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
)

// A Log is what a node knows of an app's broadcast log: each entry up to its head,
// without contents but for the newest ones. Users merge it (DESIGN.md, invariant
// 10). One goroutine at a time may extend it; any may read it.
type Log struct {
	known   atomic.Pointer[knownLog]
	compile Compile
}

// A KnownEntry is an entry as a node has it.
type KnownEntry struct {
	*LogEntry
	// Segment is what Compile made of the audience's segment, where the entry lets its
	// message be seen.
	Segment any

	rules atomic.Value  // what Rules has read
	ended atomic.Uint64 // pos of the entry by which its message came to its end; 0: it has not. Kept where newcomers are admitted
}

// Compile reads the expression of a segment, once for each entry and node. The kernel does
// not know what a segment is made of (actors/audience does).
type Compile func(where string) (any, error)

// knownLog is never changed: what is behind its slices may be appended to.
type knownLog struct {
	floor   uint64 // entries at or below it are gone
	entries []*KnownEntry
	open    []*KnownEntry  // those of them that admit newcomers
	recent  []*recentEntry // the last of them, with their contents
}

// A recentEntry is an entry with its content.
type recentEntry struct {
	*LogEntry
	unseen atomic.Pointer[[]byte] // its message as those show it for whom it is new; nil: nobody has asked
}

// The contents that a Log keeps at hand for those who are online.
const (
	recentEntries = 64
	recentBytes   = 1 << 20
)

// Broadcasts is what a node knows of the broadcast logs of its apps.
type Broadcasts interface {
	// Log returns what is known of an app's log, which is at least all up to pos. It
	// reads the journal if it has to.
	Log(ctx context.Context, app string, pos uint64) (*Log, error)
	// Appended lets all nodes know of an entry that is durable. done is called when
	// those know that can be reached.
	Appended(app string, e *LogEntry, done func())
	// Understand tells why not all nodes would understand an entry for the audience; nil:
	// they do.
	Understand(a *Audience) *Error
	// MayHold tells whether all nodes know that rules may hold what is broadcast.
	MayHold() bool
}

// Merge asks a user's actor to take in what its app's log has since.
type Merge struct{}

// ForOne implements ForOne.
func (*Merge) ForOne() {}

// NewLog returns a log of which nothing is known yet, that begins behind floor.
func NewLog(floor uint64, compile Compile) *Log {
	l := &Log{compile: compile}
	l.known.Store(&knownLog{floor: floor})
	return l
}

// Head returns the position up to which the log is known.
func (l *Log) Head() uint64 { return l.known.Load().head() }

// Floor returns the position up to which entries may be gone.
func (l *Log) Floor() uint64 { return l.known.Load().floor }

func (k *knownLog) head() uint64 { return k.floor + uint64(len(k.entries)) }

// Between returns the entries with after < pos ≤ upto. They are not to be changed.
func (l *Log) Between(after, upto uint64) []*KnownEntry {
	k := l.known.Load()
	first, last := max(after, k.floor), min(upto, k.head())
	if first >= last {
		return nil
	}
	return k.entries[first-k.floor : last-k.floor]
}

// Content returns the message of an entry with its content, if that is at hand;
// nil: the journal has it.
func (l *Log) Content(pos uint64) *Message {
	if e := l.known.Load().recentAt(pos); e != nil {
		return e.Message
	}
	return nil
}

// Show returns the message of an entry as a user sees it, as m but for its content; false:
// the journal has that. For the many to whom it is new it is encoded once.
func (l *Log) Show(pos uint64, m Shown) (Shown, bool) {
	e := l.known.Load().recentAt(pos)
	if e == nil {
		return Shown{}, false
	}
	m.Message = e.Message
	if m.State == State_UNSEEN && m.Acted == nil {
		m.json = e.asUnseen()
	}
	return m, true
}

func (k *knownLog) recentAt(pos uint64) *recentEntry {
	for i := len(k.recent) - 1; i >= 0 && k.recent[i].Pos >= pos; i-- {
		if k.recent[i].Pos == pos {
			return k.recent[i]
		}
	}
	return nil
}

func (e *recentEntry) asUnseen() []byte {
	if b := e.unseen.Load(); b != nil {
		return *b
	}
	b := AppendMessage(nil, Shown{Message: e.Message})
	e.unseen.Store(&b)
	return b
}

// Extend appends the entry that follows the head. It returns an error for one that does
// not, or that this program does not understand.
func (l *Log) Extend(e *LogEntry) error {
	k := l.known.Load()
	if e.Pos != k.head()+1 {
		return fmt.Errorf("entry %d of the broadcast log follows entry %d", e.Pos, k.head())
	}
	known := &KnownEntry{LogEntry: e.bare()}
	if s := e.Audience.GetSegment(); s != nil && e.LetsAppear() {
		var err error
		if known.Segment, err = l.compile(s.Where); err != nil {
			return fmt.Errorf("entry %d of the broadcast log: segment %s, version %d: %w", e.Pos, s.Name, s.Version, err)
		}
	}
	next := &knownLog{floor: k.floor, entries: append(k.entries, known), open: k.open, recent: k.recent}
	if e.Audience.GetNewcomers() {
		next.open = append(k.open, known)
		next.noteEnd(e)
	}
	next.recent = append(slices.Clone(k.recent), &recentEntry{LogEntry: e})
	size := 0
	for i := len(next.recent) - 1; i >= 0; i-- {
		if size += len(next.recent[i].Message.GetContent()); size > recentBytes || len(next.recent)-i > recentEntries {
			next.recent = next.recent[i+1:]
			break
		}
	}
	l.known.Store(next)
	return nil
}

// LetsAppear tells whether the entry lets its audience see the message.
func (e *LogEntry) LetsAppear() bool {
	return !e.Hidden && (e.Kind == LogKind_LOG_PUBLISHED || e.Kind == LogKind_LOG_DUE)
}

// TrimBefore forgets the entries from before a time (unix milliseconds), as Extend does
// one of them.
func (l *Log) TrimBefore(at int64) {
	k := l.known.Load()
	n := 0
	for n < len(k.entries) && k.entries[n].At < at {
		n++
	}
	if n == 0 {
		return
	}
	next := &knownLog{floor: k.floor + uint64(n), entries: slices.Clone(k.entries[n:])}
	next.open = slices.DeleteFunc(slices.Clone(k.open), func(e *KnownEntry) bool { return e.Pos <= next.floor })
	next.recent = slices.DeleteFunc(slices.Clone(k.recent), func(e *recentEntry) bool { return e.Pos <= next.floor })
	l.known.Store(next)
}

// bare returns the entry without content.
func (e *LogEntry) bare() *LogEntry {
	if e.Message == nil {
		return e
	}
	m := e.Message.Copy()
	m.Content = nil
	return &LogEntry{
		Kind: e.Kind, Pos: e.Pos, At: e.At, Message: m, Size: e.ContentSize(), Audience: e.Audience, Id: e.Id, Hidden: e.Hidden, Body: e.Body,
		Holds: e.Holds, Says: e.Says, Excerpt: e.Excerpt,
	}
}

// Cleared returns an entry with a message without its content, which is gone for good; over:
// nobody's digest needs what it shows of it either.
func (e *LogEntry) Cleared(over bool) *LogEntry {
	c := e.bare()
	c.Once, c.Digest, c.Message.Cleared = e.Once, e.Digest, true
	if over {
		c.Excerpt = nil
	}
	return c
}

// Rules returns what read makes of the policy of the entry's message, once for each entry and
// node. The kernel does not know what a policy is made of (actors/rule does).
func (e *KnownEntry) Rules(read func() any) any {
	if v := e.rules.Load(); v != nil {
		return v
	}
	v := read()
	e.rules.Store(v)
	return v
}

// handleOfLog tells the handles of broadcasts from those of other messages.
const handleOfLog = 1 << 63

// LogHandle returns the handle by which an inbox and its sessions know the message that
// the entry at pos of a broadcast log made visible. Those of other messages are the
// seqs of their events.
func LogHandle(pos uint64) uint64 { return handleOfLog | pos }

// IsLogHandle tells whether a handle is a broadcast's.
func IsLogHandle(handle uint64) bool { return handle&handleOfLog != 0 }

// Concerns returns the id of the message that the entry is about.
func (e *LogEntry) Concerns() ID {
	if e.Message != nil {
		return ID(e.Message.Id)
	}
	return ID(e.Id)
}

// ContentAt returns the position of the entry that holds the content of the message.
func (e *LogEntry) ContentAt() uint64 {
	if e.Body != 0 {
		return e.Body
	}
	return e.Pos
}

// ContentSize returns the bytes of the message's content.
func (e *LogEntry) ContentSize() uint32 {
	if e.Size != 0 {
		return e.Size
	}
	return uint32(len(e.Message.GetContent()))
}

// EncodeLogEntry returns the entry's stored form.
func EncodeLogEntry(e *LogEntry) []byte {
	b := make([]byte, 1+e.SizeVT())
	b[0] = EventVersion
	if _, err := e.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}

// DecodeLogEntry reads an entry as EncodeLogEntry wrote it.
func DecodeLogEntry(b []byte) (*LogEntry, error) {
	if len(b) == 0 || b[0] != EventVersion {
		return nil, fmt.Errorf("an entry of the broadcast log in an encoding that this program does not know (its first byte is %.1x)", b)
	}
	e := &LogEntry{}
	if err := e.UnmarshalVT(b[1:]); err != nil {
		return nil, fmt.Errorf("entry of the broadcast log: %w", err)
	}
	return e, e.Check()
}

// Check tells whether the entry is one that may be stored.
func (e *LogEntry) Check() error {
	switch e.Kind {
	case LogKind_LOG_PUBLISHED, LogKind_LOG_DUE, LogKind_LOG_EDITED:
		if e.Message == nil || len(e.Message.Id) != 16 || e.Message.Category == "" {
			return fmt.Errorf("entry %d of the broadcast log has no message", e.Pos)
		}
	case LogKind_LOG_RETRACTED, LogKind_LOG_EXPIRED:
		if len(e.Id) != 16 {
			return fmt.Errorf("entry %d of the broadcast log names no message", e.Pos)
		}
	default:
		return fmt.Errorf("entry %d of the broadcast log is of kind %d, which this program does not know: it is older than the data", e.Pos, e.Kind)
	}
	if len(e.Once) != 0 && len(e.Once) != 16 {
		return fmt.Errorf("entry %d of the broadcast log has a key of %d bytes", e.Pos, len(e.Once))
	}
	return e.Audience.Check()
}

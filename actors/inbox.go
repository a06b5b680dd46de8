package actors

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Inbox is the state of one user: what was received, what was done with it,
// and the counts. It is a state machine without clock, I/O or random. Its
// deciding methods (decide.go) return a Ready and change nothing; Apply takes
// in what they decided, once it is on its way to the journal, and also what
// the journal replays. There is no other way to change it.
type Inbox struct {
	lineage        uint64
	origin         uint64 // the id of the history that it was read from; not part of the state
	seq, pos, rev  uint64
	shown          uint64 // seq of the last event that changed what the user sees
	unread, unseen uint32
	categories     []category
	entries        []entry // oldest first: their seqs rise
	content        uint64  // bytes of content held
	nextDue        int64   // no timer ends before it (unix milliseconds)
	oldest         int64   // no visible message is older, likewise
	delivered      uint64  // up to this seq everything was written to a connection
	keys           onceKeys
	history        history
	sessions       sessions
}

// category is one label of messages and how many of them are unread.
type category struct {
	name         string
	unread, held uint32
}

// entry is one message in the inbox; its content stays in the journal.
type entry struct {
	id       ID
	seq      uint64 // of the event that made it visible; while scheduled, that accepted it
	body     uint64 // of the event that holds its content
	at       int64  // accepted or become due, unix milliseconds
	expires  int64  // 0: never
	until    int64  // snoozed or scheduled until
	collapse uint64 // hash of the collapse key; 0: none
	size     uint32 // bytes of content
	category uint16 // index into Inbox.categories
	state    State
	priority Priority
	shared   bool
	wasSeen  bool // ever
	wasRead  bool // ever
}

const never = math.MaxInt64

// NewInbox returns the inbox of a user of whom nothing is known.
func NewInbox() *Inbox { return &Inbox{nextDue: never, oldest: never} }

// Cursor returns where the inbox stands.
//
// Events that change nothing for the user do not move it: who is up to date
// before them is so behind them.
func (b *Inbox) Cursor() Cursor { return Cursor{b.line(), b.shown, b.pos} }

// line returns the lineage of the inbox's cursors: its own, mixed with the id
// of the store's history. Cursors of a history that was lost are so foreign to
// every user, without an event for each. 0: there was no event yet.
func (b *Inbox) line() uint64 {
	if b.lineage == 0 {
		return 0
	}
	return max(b.lineage^b.origin, 1)
}

// counts tells what a message in this state adds to unread and unseen.
func (s State) counts() (unread, unseen uint32) {
	switch s {
	case State_UNSEEN:
		return 1, 1
	case State_SEEN:
		return 1, 0
	}
	return 0, 0
}

// Apply takes in one event. An event that does not follow the last one, or of
// a kind that this program does not know, is an error: the journal is damaged
// or was written by a newer program.
func (b *Inbox) Apply(e *Event) error {
	if e.Seq != b.seq+1 {
		return fmt.Errorf("event %d follows event %d: the journal is damaged", e.Seq, b.seq)
	}
	switch e.Kind {
	case Kind_ACCEPTED:
		b.applyAccepted(e)
	case Kind_EDITED:
		b.applyEdited(e)
	case Kind_RETRACTED, Kind_EXPIRED, Kind_DROPPED:
		eachID(e.Ids, b.remove)
	case Kind_MARKED:
		eachID(e.Ids, func(id ID) { b.applyMarked(id, e) })
	case Kind_DUE:
		b.applyDue(e)
	case Kind_DELIVERED:
		b.delivered = max(b.delivered, e.Upto)
	case Kind_NOTED:
	case Kind_SESSION:
		freed, wills := b.sessions.applySession(e)
		for _, seq := range freed {
			b.history.freed(seq)
		}
		for _, seq := range wills {
			b.history.willed(seq)
		}
	case Kind_QUEUED:
		b.sessions.applyQueued(e)
	default:
		return fmt.Errorf("event %d is of kind %d, which this program does not know: it is older than the data", e.Seq, e.Kind)
	}
	if e.Lineage != 0 {
		b.lineage = e.Lineage
	}
	if e.Rev != b.rev {
		b.shown = e.Seq
	}
	b.seq, b.pos, b.rev = e.Seq, e.Pos, e.Rev
	b.keys.apply(e)
	b.history.note(e.At)
	return nil
}

func (b *Inbox) applyAccepted(e *Event) {
	m := e.Message
	eachID(e.Dropped, b.remove)
	eachID(e.Ids, b.remove)
	n := entry{
		id: ID(m.Id), seq: e.Seq, body: e.Seq, at: e.At, expires: m.ExpiresAt,
		collapse: CollapseHash(m.CollapseKey), size: uint32(len(m.Content)),
		category: b.category(m.Category), state: e.State, priority: m.Priority, shared: m.Shared,
	}
	if e.State == State_SCHEDULED {
		n.until = e.Until
	}
	b.categories[n.category].held++
	b.content += uint64(n.size)
	b.count(&n, 1)
	b.entries = append(doubled(b.entries), n)
	b.arm(&n)
	if n.state != State_SCHEDULED {
		b.sessions.offer(n.seq, n.size)
	}
}

func (b *Inbox) applyEdited(e *Event) {
	eachID(e.Dropped, b.remove)
	i := b.find(ID(e.Message.Id))
	if i < 0 {
		return
	}
	n, m := &b.entries[i], e.Message
	b.history.freed(n.body)
	b.count(n, -1)
	b.content += uint64(len(m.Content)) - uint64(n.size)
	b.categories[n.category].held--
	n.body, n.size, n.expires, n.priority = e.Seq, uint32(len(m.Content)), m.ExpiresAt, m.Priority
	n.category = b.category(m.Category)
	b.categories[n.category].held++
	b.count(n, 1)
	b.arm(n)
}

func (b *Inbox) applyMarked(id ID, e *Event) {
	i := b.find(id)
	if i < 0 {
		return
	}
	n := &b.entries[i]
	b.count(n, -1)
	n.state, n.until = e.State, e.Until
	n.wasSeen = n.wasSeen || e.State.wasSeen()
	n.wasRead = n.wasRead || e.State == State_READ
	b.count(n, 1)
	b.arm(n)
}

// applyDue makes a scheduled message visible: it is the newest now.
func (b *Inbox) applyDue(e *Event) {
	id := ID(e.Ids[:16])
	eachID(e.Ids[16:], b.remove)
	i := b.find(id)
	if i < 0 {
		return
	}
	n := b.entries[i]
	n.state, n.until, n.seq, n.at = State_UNSEEN, 0, e.Seq, e.At
	b.entries = append(slices.Delete(b.entries, i, i+1), n)
	b.count(&n, 1)
	b.arm(&n)
	b.sessions.offer(n.seq, n.size)
}

// remove takes a message out of the inbox and out of the counts.
func (b *Inbox) remove(id ID) {
	i := b.find(id)
	if i < 0 {
		return
	}
	n := b.entries[i]
	b.count(&n, -1)
	b.categories[n.category].held--
	b.content -= uint64(n.size)
	b.history.freed(n.body)
	b.sessions.withdraw(n.seq)
	if !n.shared { // the send answers for it
		b.history.disowned = append(b.history.disowned, id)
	}
	if i == 0 {
		b.entries = b.entries[1:]
	} else {
		b.entries = slices.Delete(b.entries, i, i+1)
	}
}

// count adds n's share to the counts, sign times.
func (b *Inbox) count(n *entry, sign int32) {
	unread, unseen := n.state.counts()
	b.unread += unread * uint32(sign)
	b.unseen += unseen * uint32(sign)
	b.categories[n.category].unread += unread * uint32(sign)
}

// arm lets nextDue be no later than n's first timer, and oldest than n.
func (b *Inbox) arm(n *entry) {
	if n.state != State_SCHEDULED { // what is scheduled does not age
		b.oldest = min(b.oldest, n.at)
	}
	if n.expires != 0 {
		b.nextDue = min(b.nextDue, n.expires)
	}
	if n.until != 0 {
		b.nextDue = min(b.nextDue, n.until)
	}
}

// category returns the index of the name, which it takes in if it is new. A
// category of which nothing is held gives its place away.
func (b *Inbox) category(name string) uint16 {
	free := -1
	for i := range b.categories {
		if b.categories[i].name == name {
			return uint16(i)
		}
		if b.categories[i].held == 0 {
			free = i
		}
	}
	if free >= 0 {
		b.categories[free] = category{name: name}
		return uint16(free)
	}
	b.categories = append(b.categories, category{name: name})
	return uint16(len(b.categories) - 1)
}

// stateOf returns the state of the message that e carries, as it is now.
func (b *Inbox) stateOf(e *Event) State {
	if e.Message == nil {
		return 0
	}
	if i := b.find(ID(e.Message.Id)); i >= 0 {
		return b.entries[i].state
	}
	return e.State
}

// find returns the place of a message; -1: not here. What is asked for is
// mostly the oldest, which has to leave, or one of the newest.
func (b *Inbox) find(id ID) int {
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

// CollapseHash returns a hash of a collapse key that is stable on disk
// (FNV-1a, 64 bits), and 0 for no key.
func CollapseHash(key string) uint64 {
	if key == "" {
		return 0
	}
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return max(h, 1)
}

// wholeIDs checks that packed holds whole ids.
func wholeIDs(packed []byte) error {
	if len(packed)%16 != 0 {
		return fmt.Errorf("%d bytes of ids: want a multiple of 16", len(packed))
	}
	return nil
}

// DecodeEvent reads an event as EncodeEvent wrote it.
func DecodeEvent(b []byte, e *Event) error {
	e.Reset()
	return decodeInto(b, e)
}

// decodeInto is DecodeEvent for an event in whose slices, and in whose
// message, there is memory to be used.
func decodeInto(b []byte, e *Event) error {
	if len(b) == 0 || b[0] != EventVersion {
		return fmt.Errorf("an event in an encoding that this program does not know (its first byte is %.1x)", b)
	}
	if err := e.UnmarshalVT(b[1:]); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	if e.Message != nil && len(e.Message.Id) == 0 {
		e.Message = nil // it was there to be decoded into
	}
	for _, ids := range [][]byte{e.Ids, e.Dropped, e.Once} {
		if err := wholeIDs(ids); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
	}
	if e.State < 0 || e.State > State_SCHEDULED {
		return fmt.Errorf("event %d has the state %d, which this program does not know", e.Seq, e.State)
	}
	switch e.Kind {
	case Kind_ACCEPTED, Kind_EDITED:
		if e.Message == nil || len(e.Message.Id) != 16 {
			return fmt.Errorf("event %d has no message", e.Seq)
		}
	case Kind_DUE:
		if len(e.Ids) == 0 {
			return fmt.Errorf("event %d has no id", e.Seq)
		}
	case Kind_SESSION, Kind_QUEUED:
		return e.checkSession()
	}
	return nil
}

// checkSession checks what an event says of sessions.
func (e *Event) checkSession() error {
	switch {
	case e.Kind == Kind_SESSION && e.Session == nil:
		return fmt.Errorf("event %d names no session", e.Seq)
	case e.Kind == Kind_QUEUED && (e.Topic == nil || len(e.Queue) == 0):
		return fmt.Errorf("event %d has no message, or it waits for no session", e.Seq)
	}
	for _, q := range e.Queue {
		if q.Waiting == nil {
			return fmt.Errorf("event %d does not say how its message waits", e.Seq)
		}
	}
	for _, n := range e.GetSession().GetReceived() {
		if len(n.Once) != 16 {
			return fmt.Errorf("event %d has a key of %d bytes", e.Seq, len(n.Once))
		}
	}
	return nil
}

// An eventReader decodes one event after the other in the same memory, for
// Apply, which keeps nothing of its ids and contents.
type eventReader struct {
	event   Event
	message Message
}

// read decodes an event, which is good until the next one.
func (r *eventReader) read(raw []byte) (*Event, error) {
	e, m := &r.event, &r.message
	once, ids, dropped := e.Once[:0], e.Ids[:0], e.Dropped[:0]
	id, content := m.Id[:0], m.Content[:0]
	m.Reset()
	m.Id, m.Content = id, content
	e.Reset()
	e.Once, e.Ids, e.Dropped, e.Message = once, ids, dropped, m
	return e, decodeInto(raw, e)
}

// EventVersion stands before each event: how the bytes behind it are encoded.
const EventVersion = 1

// EncodeEvent appends the event's stored form to b.
func EncodeEvent(b []byte, e *Event) []byte {
	n := e.SizeVT()
	b = append(slices.Grow(b, 1+n), EventVersion)
	b = b[:len(b)+n]
	// It writes from the end and fails only when the space is too small.
	if _, err := e.MarshalToSizedBufferVT(b[len(b)-n:]); err != nil {
		panic(err)
	}
	return b
}

// time returns the unix milliseconds in a UUIDv7.
func (id ID) time() int64 {
	return int64(binary.BigEndian.Uint64(id[:8]) >> 16)
}

// reaches tells whether the journal still has all that happened after c.
func (b *Inbox) reaches(c Cursor) bool {
	return c.Seq <= b.seq && (c.Seq >= b.history.floor || c.Seq >= b.shown) && !b.foreign(c)
}

// foreign tells whether c belongs to another lineage of this user. The cursor
// from before the first event belongs to every one.
func (b *Inbox) foreign(c Cursor) bool {
	return c.Lineage != b.line() && (c.Lineage != 0 || c.Seq != 0)
}

// load brings a new inbox to what the journal says.
func (b *Inbox) load(ctx context.Context, j Journal, key Key) error {
	var r eventReader
	return j.Load(ctx, key, b.restore, func(raw []byte) error {
		e, err := r.read(raw)
		if err != nil {
			return err
		}
		b.history.bytes += uint64(len(raw))
		return b.Apply(e)
	})
}

package actors

import (
	"context"
	"sync/atomic"
)

// Journal keeps the events of each persistent actor, in order.
type Journal interface {
	// Append queues w and returns at once. The writes of one stream become
	// durable in the order of their Append, each one whole or not at all;
	// then, or when that failed, the store settles them (Settle). An Error
	// with Busy means that the queue is full, with Unavailable that the
	// writer has ended; in both cases w was not taken. A write whose stream
	// holds another fence than its shard's present one is settled with an
	// Error with Fenced, and nothing of it is done: that is checked in the
	// commit itself. So is what the write follows: where the event or snapshot
	// w.After is not there or, if that is 0, where there is any, it is settled
	// with an Error with Conflict. Whoever deletes a stream's last event leaves
	// a snapshot at its seq, or nothing.
	// w and what it points to are the store's until it is settled.
	Append(w *Write) error
	// Load passes on the newest snapshot, if there is one, and then each
	// event after it, oldest first. The bytes are valid during the call only.
	// An error that a callback returns ends Load and is returned. Where events
	// are missing it returns a Gap; all before it was passed on.
	Load(ctx context.Context, key Key, snapshot, event func([]byte) error) error
	// Events calls fn with each stored event with first ≤ seq ≤ last, oldest
	// first, until fn returns false. The bytes are valid during the call only.
	Events(ctx context.Context, key Key, first, last uint64, fn func(seq uint64, event []byte) bool) error
	// Snapshot returns the newest snapshot with a seq at or below seq; nil if
	// none is kept.
	Snapshot(ctx context.Context, key Key, seq uint64) ([]byte, error)
}

// Lookup finds what the commits left beside the journal.
type Lookup interface {
	// Owner returns the key of the actor that answers for the message, or an
	// Error with NotFound.
	Owner(ctx context.Context, id ID) (Key, error)
	// Tallies returns a shared message's funnel; kinds that are not there
	// stand at zero.
	Tallies(ctx context.Context, id ID) ([NumTallies]int64, error)
	// Due calls fn with each actor whose wake-up is at or before now (unix
	// milliseconds), earliest first, until fn returns false.
	Due(ctx context.Context, now int64, fn func(key Key, at int64) bool) error
}

// A ShardLookup finds the wake-ups of some shards among those of all.
type ShardLookup interface {
	// DueIn is Due for actors of some shards, and at most so many; an actor of
	// another shard may be among them.
	DueIn(ctx context.Context, shards *ShardSet, now int64, most int, fn func(key Key, at int64) bool) error
}

// A Write is one atomic step of one actor.
type Write struct {
	Stream *Stream
	After  uint64   // the seq before the first of Events: what the write follows
	Events [][]byte // encoded; After+1, After+2, …

	Snapshot []byte    // the state as of the last of Events (as of After, if there are none); nil: none
	Rewrite  []Rewrite // stored events, up to Last, that take another form
	Delete   []Range   // events that are no longer needed
	Forget   uint64    // snapshots below this seq are no longer needed

	Wake    Wake    // changes the actor's wake-up
	Own     []ID    // messages that this actor answers for from now on
	Disown  []ID    // and no longer
	Claim   []ID    // what one actor has at a time, such as a device: this one, from now on
	Release []ID    // and no longer, where no other one has claimed it since
	Tally   []Tally // what this step adds to the funnels of shared messages
	Untally []ID    // shared messages whose funnels are no longer needed

	Records []RecordChange // of the actor's own, each under a key that no other actor's writes have
	Index   []IndexRow     // likewise

	// Upkeep says that nobody asked for new content: time did its work, or a
	// session's bookkeeping. A store that refuses new writes for want of room
	// takes it.
	Upkeep bool
}

// Last returns the seq of w's last event.
func (w *Write) Last() uint64 { return w.After + uint64(len(w.Events)) }

// A Range is a run of seqs, both ends included.
type Range struct{ First, Last uint64 }

// A Rewrite puts an event in the place of the one that is stored as Seq: the
// same fact, without what nobody needs any more.
type Rewrite struct {
	Seq   uint64
	Event []byte
}

// A Wake replaces the one wake-up that an actor can have in the store. Times
// are unix milliseconds; 0 means none. Nothing changes if both are equal.
type Wake struct{ Old, New int64 }

// A Tally adds N to one figure of a message's funnel.
type Tally struct {
	ID   ID
	Kind TallyKind
	N    int64
}

// TallyKind names a figure of a funnel. It is on disk: append only.
type TallyKind uint8

// The figures of a funnel: how many users' inboxes took the message, how many
// users it was written to, who saw it, who read it, where it was refused, and who answered it.
const (
	TallyAccepted TallyKind = iota
	TallyDelivered
	TallySeen
	TallyRead
	TallyFiltered
	TallyActed
	NumTallies
)

// A Stream is one actor's end of the journal. The actor makes one for each
// activation; the store tells it what has become durable.
type Stream struct {
	Key   Key
	Fence Fence // the right by which the actor writes

	// History is the store's history that the actor was read from, as of before
	// it was; another one takes none of its writes. 0: whichever there is.
	History uint64

	durable atomic.Uint64
	settled atomic.Uint64 // writes
	failed  atomic.Pointer[error]
	notify  func() // tells the actor to look; called outside all locks
	told    bool   // within Settle: it is in the list

	head   uint64 // the last seq that writer has written, if that is not 0
	writer uint64
}

// NewStream returns the stream of the actor key, of which everything up to
// durable is in the store. fence was held before that was read: else another
// node could have written in between. notify is called once per settled batch.
func NewStream(key Key, fence Fence, durable uint64, notify func()) *Stream {
	s := &Stream{Key: key, Fence: fence, notify: notify}
	s.durable.Store(durable)
	return s
}

// Durable returns the last seq that is in the store for good.
func (s *Stream) Durable() uint64 { return s.durable.Load() }

// Err returns why a write of the stream may have failed; nil while none has.
func (s *Stream) Err() error {
	if p := s.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// Wrote notes that a writer of the store, which has a number above 0, has
// written the stream up to last. The store calls it, and Knows, from one
// goroutine a stream.
func (s *Stream) Wrote(last, writer uint64) { s.head, s.writer = last, writer }

// Knows tells whether the writer has itself written the event or snapshot seq,
// and nothing after it: then it has no need to look for it.
func (s *Stream) Knows(seq, writer uint64) bool { return s.head == seq && s.writer == writer }

// Settle tells the streams of a batch of writes that all of them are durable
// or, if err is not nil, that they may be not. Each stream's actor is told
// once, and has run its turn when Settle returns unless another goroutine is
// running one for it. A store calls Settle from one goroutine a stream, and
// applies no write of a stream that has failed.
func Settle(batch []*Write, err error) {
	streams := make([]*Stream, 0, len(batch))
	for i, w := range batch {
		s := w.Stream
		batch[i] = nil // once its actor is told, a write may be in use again
		if err != nil {
			s.failed.CompareAndSwap(nil, &err)
		} else {
			s.durable.Store(w.Last())
		}
		s.settled.Add(1)
		if !s.told {
			s.told = true
			streams = append(streams, s)
		}
	}
	for _, s := range streams {
		s.told = false
		s.notify()
	}
}

// WakeBy lets the wake-up be no later than at; 0 and never mean that none is
// needed.
func (w *Write) WakeBy(at int64) {
	if at != 0 && at != Never && (w.Wake.New == 0 || at < w.Wake.New) {
		w.Wake.New = at
	}
}

// ExtendRanges appends r to the sorted runs, joined to the last where it touches it.
func ExtendRanges(runs []Range, r Range) []Range {
	if n := len(runs); n > 0 && runs[n-1].Last+1 >= r.First {
		runs[n-1].Last = max(runs[n-1].Last, r.Last)
		return runs
	}
	return append(runs, r)
}

package actors

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// A Request is one command on its way to an actor, and the answer on its way
// back. It belongs to the caller until it is sent, to the actor until it is
// answered, and to the caller again until Release.
type Request struct {
	Key     Key
	Command Command
	Once    Once
	Answer  Answer

	done  chan struct{}
	reply func(*Request) // instead of done

	// The actor's own, kept here so that a request costs no more than one
	// object: what is to be stored, and its place in the outbox.
	Buffer WriteBuffer
	Effect Effect
}

// A WriteBuffer is a write, and the memory for what most writes point to.
type WriteBuffer struct {
	Write  Write
	Buf    []byte // the encoded events
	Events [1][]byte
	Own    [1]ID
}

// Command is what a request asks for: one of the types in commands.go.
type Command interface {
	// Weight returns about how many bytes of memory it holds beside itself.
	Weight() int
}

// CallerKeyAge is how long a caller's idempotency key is kept, in milliseconds.
const CallerKeyAge = 24 * 60 * 60 * 1000

// Once makes a write happen once however often it is sent. The zero Once is a
// write that nobody repeats.
type Once struct {
	Key    [16]byte // hash of scope and key
	Digest uint64   // hash of the request; another one under the same key is refused
	Edge   bool     // made at the edge for one request: kept for 2 minutes only
}

// IsZero tells whether o is no key.
func (o Once) IsZero() bool { return o.Key == [16]byte{} }

// CallersOnce returns the Once of a caller's Idempotency-Key: it holds for
// this caller and this request alone.
func CallersOnce(caller, key string, request ...[]byte) Once {
	h := sha256.New()
	h.Write([]byte(caller))
	h.Write([]byte{0})
	h.Write([]byte(key))
	var o Once
	var sum [sha256.Size]byte
	copy(o.Key[:], h.Sum(sum[:0]))
	h.Reset()
	for _, b := range request {
		h.Write(b)
		h.Write([]byte{0})
	}
	o.Digest = binary.BigEndian.Uint64(h.Sum(sum[:0]))
	return o
}

// EdgeOnce returns the Once of a request without a key: its repeats are those
// of the router alone.
func EdgeOnce(id ID) Once { return Once{Key: id, Edge: true} }

// Answer is what comes back. Only what the command's doc names is set.
type Answer struct {
	Err      *Error  // why nothing was done, or that its outcome is unknown
	ID       ID      // the message
	Rev      uint64  // the user's rev after it
	Outcome  Outcome // of a publish
	Reason   string  // of Filtered and Held: the rule
	Replayed bool    // the key was known: nothing was done again
	Cursor   Cursor  // where the user stands
	Counts   []byte  // the counts as a JSON object; valid until Release
	Unknown  []ID    // ids that are not in the inbox
	Body     []byte  // the answer of a query, as JSON
	More     bool    // Replay: there is more after Body

	Session  *SessionState   // OpenSession: what there is of it; nil: it is new
	Epoch    uint64          // OpenSession: by which its other commands name it; 0: it ends with its connection
	Messages []*TopicMessage // of Retained, FetchWaiting
	N        int             // of QueueMessage: how many sessions took it
}

// Outcome says what became of a published message.
type Outcome uint8

// The outcomes of a publish.
const (
	Delivered Outcome = iota + 1 // it is in the inbox
	Held                         // it waits for a rule
	Scheduled                    // it waits for its time
	Filtered                     // a rule refused it
)

// String returns the outcome's name in the API.
func (o Outcome) String() string {
	return [...]string{"", "delivered", "held", "scheduled", "filtered"}[o]
}

var requests = sync.Pool{New: func() any { return &Request{done: make(chan struct{}, 1)} }}

// NewRequest returns a request for the actor key.
func NewRequest(key Key, c Command) *Request {
	r := requests.Get().(*Request)
	r.Key, r.Command = key, c
	return r
}

// OnReply makes the answer call fn, in the goroutine of whoever answers,
// instead of waking Wait. fn must not block.
func (r *Request) OnReply(fn func(*Request)) { r.reply = fn }

// Wait waits for the answer. If ctx ends first the request is lost to the
// caller: its outcome is unknown, and it must not be released.
func (r *Request) Wait(ctx context.Context) error {
	select {
	case <-r.done:
		return nil
	default:
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return &Error{Code: Unavailable, Detail: "no answer in time; the outcome is unknown, repeat under the same key", Cause: context.Cause(ctx)}
	}
}

// Respond hands the request back to its caller. The actor and everybody else
// between it and the caller has done with it.
func (r *Request) Respond() {
	if fn := r.reply; fn != nil {
		r.reply = nil
		fn(r)
		return
	}
	r.done <- struct{}{}
}

// Fail answers the request with err.
func (r *Request) Fail(err *Error) {
	r.Answer = Answer{Err: err}
	r.Respond()
}

// Refused implements Refusable.
func (r *Request) Refused(_ *Home, err *Error) { r.Fail(err) }

// Release gives the request's memory back. Only the caller of an answered request
// may do so, once, and must not touch it or its Answer afterwards. One that was
// answered Unavailable is left to the garbage collector: its outcome is unknown, and
// whoever did not come to answer it may hold it still.
func (r *Request) Release() {
	if err := r.Answer.Err; err != nil && err.Code == Unavailable {
		return
	}
	counts, buf := r.Answer.Counts[:0], r.Buffer.Buf[:0]
	if cap(buf) > 16<<10 {
		buf = nil
	}
	*r = Request{done: r.done}
	r.Answer.Counts, r.Buffer.Buf = counts, buf
	requests.Put(r)
}

// Stamp lets e carry the key under which it was asked for.
func (o Once) Stamp(e *Event) {
	if o.IsZero() || e.Kind == Kind_ACCEPTED && o.Edge && o.Key == [16]byte(e.Message.Id) {
		return // the message's own id is the key
	}
	e.Once, e.Digest, e.Edge = o.Key[:], o.Digest, o.Edge
}

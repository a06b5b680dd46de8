package actors

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Home is what actors need of the node that they live on.
type Home struct {
	System  *actor.ActorSystem
	Journal Journal
	Lookup  Lookup
	Records Records // nil: what sessions follow is not found again after a restart
	Router  Router
	Topics  Topics
	// Broadcasts is what the node knows of broadcast logs.
	Broadcasts Broadcasts
	Limits     Limits // with its defaults
	Log        *slog.Logger
	Metrics    *Metrics
	Now        func() int64  // unix milliseconds
	Random     func() uint64 // for lineages
	// Fence returns the fence by which this node may write to the actor; false
	// if it has none. It is asked before the actor's state is read.
	Fence func(Key) (Fence, bool)
	// History returns the id of the store's history (Historian), by which the
	// cursors of one that was lost are told apart. Nil: there is only one.
	History func() uint64
	// HoldsLease tells whether nobody else can have taken the actor's shard: what is
	// read from memory is answered only then, for the store is not asked. Nil:
	// always.
	HoldsLease func(Key) bool
	// Fenced is told that the store refused a write under a fence that is no
	// longer its shard's. It may be told often; nil: nobody is.
	Fenced func(Fence)
	// Linked tells whether the link to another node is up, or the node is this
	// one. After it has said so, a link that breaks is told to every actor
	// (NodeLost). Nil: there is one node.
	Linked func(node string) bool
	// Load runs a job that reads the disk in a goroutine of its own, a
	// bounded number at a time, and returns at once.
	Load func(job func())
	// Forget takes the activation out of the node's directory: from then on
	// messages to key wake another one.
	Forget func(key Key, pid *actor.PID)

	// Awake is how many users may keep their inboxes in memory though nothing
	// has happened since they were woken. Beyond, those with connections let go
	// of them at once instead of after a while.
	Awake int64

	// Listeners are the users here who are told of broadcasts at once.
	Listeners Listeners

	// Funnels is how many users here broadcasts were written to, until it is written down.
	Funnels Funnels

	// Traces are told what happens here.
	Traces Traces

	// Delay calls fn in a while, in a goroutine of its own.
	Delay func(d time.Duration, fn func())
	// Grace is how long a session whose connection may still be there waits to
	// be asked for again, when its user's actor has ended or the way between
	// them is broken, before it is taken for closed.
	Grace time.Duration

	// Presence says whether it is told who is online.
	Presence PresenceEvents

	// Kinds says which kinds of actors there are. They don't know each other.
	Kinds Kinds

	// Exchange is the actor that knows which sessions are connected here while
	// their users live on other nodes. Nil: there is none.
	Exchange *actor.PID

	turns atomic.Uint64 // by which sessions were made known to other nodes

	unread   Throttle     // that an actor can't be read
	InMemory atomic.Int64 // users whose inbox is in memory
	once     sync.Once
	props    map[byte]*actor.Props // by kind
	spawned  atomic.Uint64         // activations so far
}

// Kinds are the kinds of persistent actors, by the byte that tells them in a Key:
// how an actor of each is made.
type Kinds map[byte]func(*Home) actor.Actor

// Spawn starts the actor of a key; false if there is no such kind of actor. It
// takes messages only from when its mailbox is resumed, so that whoever makes it
// under a lock has released that before.
func (h *Home) Spawn(key Key) (*actor.PID, bool) {
	h.once.Do(func() {
		h.props = make(map[byte]*actor.Props, len(h.Kinds))
		for kind, produce := range h.Kinds {
			h.props[kind] = h.kind(func() actor.Actor { return produce(h) })
		}
	})
	props := h.props[key.Kind()]
	if props == nil {
		return nil, false
	}
	pid, err := h.System.Root.SpawnNamed(props, activationID(key, h.spawned.Add(1)))
	return pid, err == nil
}

// kind returns how all actors of a kind are made. There are very many actors,
// and Props are large.
func (h *Home) kind(produce func() actor.Actor) *actor.Props {
	return actor.PropsFromProducer(produce, actor.WithMailbox(func() actor.Mailbox { return &mailbox{host: h, suspended: true} }))
}

// activationID names one activation of the actor of a key for protoactor, of
// which there may be several that have not stopped yet.
func activationID(key Key, n uint64) string {
	b := make([]byte, 0, len(key)+8)
	b = append(append(b, key...), 0)
	return string(strconv.AppendUint(b, n, 36))
}

// keyOf returns the key in an activation's id.
func keyOf(id string) Key {
	key, _, _ := strings.Cut(id, "\x00")
	return Key(key)
}

// Bounced implements MailboxHost.
func (h *Home) Bounced(id string, m any) { h.bounce(keyOf(id), m) }

// Panicked implements MailboxHost.
func (h *Home) Panicked(id string, reason any, stack []byte) {
	h.Metrics.Panics.Inc()
	h.Log.Error("actor panicked and was stopped; its next message recovers it from the journal",
		"actor", string(keyOf(id)), "reason", reason, "stack", string(stack))
}

// ForOne is a message that is meant for one activation of an actor alone: what
// it tells itself, and what a node tells it.
type ForOne interface{ ForOne() }

// bounce sends what came too late to the next activation of the actor.
func (h *Home) bounce(key Key, m any) {
	switch m.(type) {
	case ForOne, actor.SystemMessage, actor.AutoReceiveMessage:
	default:
		h.Router.Send(key, m)
	}
}

// Refusable is a message whose sender wants to hear that no actor could take it.
type Refusable interface{ Refused(h *Home, err *Error) }

// Refuse answers a message that no actor can take.
func (h *Home) Refuse(m any, err *Error) {
	if r, ok := m.(Refusable); ok {
		r.Refused(h, err)
	}
}

// Reaches tells whether the connections behind pid can still be there.
func (h *Home) Reaches(pid *actor.PID) bool { return h.Linked == nil || h.Linked(pid.Address) }

// ConnPanicked counts and logs the end of a connection that panicked.
func (h *Home) ConnPanicked(key Key, reason any, stack []byte) {
	h.Metrics.Panics.Inc()
	h.Log.Error("a connection panicked and was ended", "user", string(key), "reason", reason, "stack", string(stack))
}

// Send sends m to the actor behind pid.
func (h *Home) Send(pid *actor.PID, m any) { h.System.Root.Send(pid, m) }

// Moment returns what a decision may know of the world.
func (h *Home) Moment() Moment { return Moment{Now: h.Now(), Random: h.Random()} }

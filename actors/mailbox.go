package actors

import (
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox runs an actor's turns in the goroutine of whoever sends to it while
// nobody else does; else the message waits until that one comes to it, or hands
// over. It holds a queue only while there is something in it. So a turn must not
// block, and a sender must hold no lock.
//
// Unlike the mailboxes of protoactor it loses nothing: what comes after the
// actor has stopped goes to its host. An actor that panics is told so (panicked),
// and not restarted with an empty state.
type mailbox struct {
	mu        sync.Mutex
	running   bool
	suspended bool
	stopped   bool
	failed    bool
	waits     *waiting // nil: nothing
	invoker   actor.MessageInvoker
	host      MailboxHost
}

// waiting are the messages that have come while the actor was busy, the oldest
// first.
type waiting struct{ user, sys []any }

// A MailboxHost hears what happens to an activation, by its id.
type MailboxHost interface {
	// Bounced takes a message that came after the actor had stopped.
	Bounced(id string, m any)
	// Panicked is told why a turn did not come to its end.
	Panicked(id string, reason any, stack []byte)
}

// WithMailbox gives an actor that does not stop a mailbox of ours.
func WithMailbox(h MailboxHost) actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return &mailbox{host: h} })
}

// turnsAtOnce is how many messages of others a sender works off before a goroutine of
// the mailbox takes over, which yields as often. A sender may be one for whom many wait,
// like the store's writer: without a bound, whoever sends without pause holds it.
const turnsAtOnce = 32

// RegisterHandlers implements actor.Mailbox.
func (b *mailbox) RegisterHandlers(i actor.MessageInvoker, _ actor.Dispatcher) { b.invoker = i }

// Start implements actor.Mailbox.
func (b *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (b *mailbox) UserMessageCount() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waits == nil {
		return 0
	}
	return len(b.waits.user)
}

// PostUserMessage implements actor.Mailbox.
func (b *mailbox) PostUserMessage(m any) {
	b.mu.Lock()
	if b.running || b.suspended {
		w := b.waiting()
		w.user = append(w.user, m)
		b.mu.Unlock()
		return
	}
	b.running = true
	b.mu.Unlock()
	b.turn(m, false)
	b.run()
}

// PostSystemMessage implements actor.Mailbox.
func (b *mailbox) PostSystemMessage(m any) {
	b.mu.Lock()
	if b.running {
		w := b.waiting()
		w.sys = append(w.sys, m)
		b.mu.Unlock()
		return
	}
	b.running = true
	b.mu.Unlock()
	b.turn(m, true)
	b.run()
}

// waiting returns what waits, to be added to. The caller holds mu.
func (b *mailbox) waiting() *waiting {
	if b.waits == nil {
		b.waits = &waiting{}
	}
	return b.waits
}

// run takes turns until nothing is left, or leaves the rest to a goroutine. The caller
// has set running.
func (b *mailbox) run() {
	if b.some() {
		go func() {
			for b.some() {
				runtime.Gosched()
			}
		}()
	}
}

// some takes some turns. It tells whether there may be more.
func (b *mailbox) some() bool {
	for range turnsAtOnce {
		m, sys, ok := b.next()
		if !ok {
			return false
		}
		b.turn(m, sys)
	}
	return true
}

// next takes the next message out, or ends the run.
func (b *mailbox) next() (m any, sys, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.waits
	switch {
	case w != nil && len(w.sys) > 0:
		m, w.sys = pop(w.sys)
		return m, true, true
	case w != nil && len(w.user) > 0 && !b.suspended:
		m, w.user = pop(w.user)
		return m, false, true
	case w != nil && len(w.user) == 0:
		b.waits = nil
	}
	b.running = false
	return nil, false, false
}

// pop takes the oldest out of a queue.
func pop(q []any) (any, []any) {
	m := q[0]
	q[0] = nil
	if q = q[1:]; len(q) == 0 {
		q = nil
	}
	return m, q
}

// turn lets the actor have one message. Only the runner calls it.
func (b *mailbox) turn(m any, sys bool) {
	if b.stopped && !sys {
		b.host.Bounced(b.id(), m)
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			b.fail(reason)
		}
	}()
	if !sys {
		b.invoker.InvokeUserMessage(m)
		if _, ok := m.(*Panicked); ok {
			b.failed = false // it knows now
		}
		return
	}
	switch m.(type) {
	case *actor.SuspendMailbox:
		b.suspended = true
	case *actor.ResumeMailbox:
		b.suspended = false
	case *actor.Stop:
		b.stop()
	default:
		b.invoker.InvokeSystemMessage(m)
	}
}

func (b *mailbox) stop() {
	defer func() { b.stopped = true }()
	b.invoker.InvokeSystemMessage(&actor.Stop{})
}

// fail tells an actor that it has panicked, before anything else; one that
// panics again is stopped.
func (b *mailbox) fail(reason any) {
	b.host.Panicked(b.id(), reason, debug.Stack())
	b.mu.Lock()
	again := b.failed
	b.failed = true
	if !again {
		w := b.waiting()
		w.user = append([]any{&Panicked{}}, w.user...)
	}
	b.mu.Unlock()
	if !again {
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			b.host.Panicked(b.id(), reason, debug.Stack())
		}
	}()
	if !b.stopped {
		b.stop()
	}
}

// id returns the activation's id; "" if the invoker has none.
func (b *mailbox) id() string {
	if c, ok := b.invoker.(interface{ Self() *actor.PID }); ok {
		return c.Self().GetId()
	}
	return ""
}

package actors

import (
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox runs an actor's turns in the goroutine of whoever sends to it while
// nobody else does; else the message waits until that one comes to it. It
// holds a queue only while there is something in it. So a turn must not
// block, and a sender must hold no lock.
//
// Unlike the mailboxes of protoactor it loses nothing: what comes after the
// actor has stopped goes to bounce. An actor that panics is told so (panicked),
// and not restarted with an empty state.
type mailbox struct {
	mu        sync.Mutex
	running   bool
	suspended bool
	stopped   bool
	failed    bool
	user, sys []any
	invoker   actor.MessageInvoker
	bounce    func(m any)
	panicked  func(reason any, stack []byte)
}

// turnsAtOnce is how many messages one sender works off before it lets other
// goroutines run.
const turnsAtOnce = 300

// RegisterHandlers implements actor.Mailbox.
func (b *mailbox) RegisterHandlers(i actor.MessageInvoker, _ actor.Dispatcher) { b.invoker = i }

// Start implements actor.Mailbox.
func (b *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (b *mailbox) UserMessageCount() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.user)
}

// PostUserMessage implements actor.Mailbox.
func (b *mailbox) PostUserMessage(m any) {
	b.mu.Lock()
	if b.running || b.suspended || len(b.sys) > 0 {
		b.user = append(b.user, m)
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
	b.sys = append(b.sys, m)
	if b.running {
		b.mu.Unlock()
		return
	}
	b.running = true
	b.mu.Unlock()
	b.run()
}

// run takes turns until nothing is left. The caller has set running.
func (b *mailbox) run() {
	for n := 1; ; n++ {
		m, sys, ok := b.next()
		if !ok {
			return
		}
		b.turn(m, sys)
		if n%turnsAtOnce == 0 {
			runtime.Gosched()
		}
	}
}

// next takes the next message out, or ends the run.
func (b *mailbox) next() (m any, sys, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.sys) > 0:
		m, b.sys = pop(b.sys)
		return m, true, true
	case len(b.user) > 0 && !b.suspended:
		m, b.user = pop(b.user)
		return m, false, true
	}
	b.running = false
	return nil, false, false
}

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
		b.bounce(m)
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			b.fail(reason)
		}
	}()
	if !sys {
		b.invoker.InvokeUserMessage(m)
		if _, ok := m.(*panicked); ok {
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
	b.panicked(reason, debug.Stack())
	b.mu.Lock()
	again := b.failed
	b.failed = true
	if !again {
		b.user = append([]any{&panicked{}}, b.user...)
	}
	b.mu.Unlock()
	if !again {
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			b.panicked(reason, debug.Stack())
		}
	}()
	if !b.stopped {
		b.stop()
	}
}

package actors

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// A boxed is what stands on both ends of a mailbox: the actor and its host. It notes
// what reaches it.
type boxed struct {
	mailbox
	got   []string
	turns map[string]func() // what the actor does with a message
	depth int
}

func newBoxed() *boxed {
	b := &boxed{turns: map[string]func(){}}
	b.host = b
	b.RegisterHandlers(b, nil)
	return b
}

// note is a turn.
func (b *boxed) note(kind string, m any) {
	if b.depth++; b.depth > 1 {
		b.got = append(b.got, "NESTED")
	}
	defer func() { b.depth-- }()
	name := fmt.Sprint(m)
	if name = strings.TrimPrefix(name, "&{}"); name == "" {
		name = strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", m), "*"))
	}
	b.got = append(b.got, kind+name)
	if fn := b.turns[name]; fn != nil {
		fn()
	}
}

func (b *boxed) InvokeUserMessage(m any)   { b.note("", m) }
func (b *boxed) InvokeSystemMessage(m any) { b.note("system ", m) }
func (b *boxed) EscalateFailure(any, any)  {}

func (b *boxed) Bounced(_ string, m any) { b.got = append(b.got, fmt.Sprint("bounced ", m)) }
func (b *boxed) Panicked(_ string, reason any, stack []byte) {
	if !strings.Contains(string(stack), "boxed") {
		reason = "no stack"
	}
	b.got = append(b.got, fmt.Sprint("panicked ", reason))
}

func (b *boxed) post(list ...string) {
	for _, m := range list {
		b.PostUserMessage(m)
	}
}

func (b *boxed) want(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(b.got, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	b.got = nil
}

// What comes during a turn waits for its end, the oldest first, and behind what the
// system says.
func TestMailboxTakesTurns(t *testing.T) {
	b := newBoxed()
	b.turns["a"] = func() {
		b.post("b", "c")
		b.PostSystemMessage("s")
		if n := b.UserMessageCount(); n != 2 {
			t.Errorf("%d messages wait, want 2", n)
		}
	}
	b.turns["b"] = func() { b.post("d") }
	b.post("a")
	b.want(t, "a, system s, b, c, d")
	if b.UserMessageCount() != 0 || b.waits != nil {
		t.Error("an idle mailbox holds a queue")
	}
}

// An actor that is made under a lock runs no turn before it is resumed.
func TestMailboxIsSuspended(t *testing.T) {
	b := newBoxed()
	b.PostSystemMessage(&actor.SuspendMailbox{})
	b.post("a", "b")
	b.PostSystemMessage("s")
	b.want(t, "system s")
	if n := b.UserMessageCount(); n != 2 {
		t.Errorf("%d messages wait, want 2", n)
	}
	b.PostSystemMessage(&actor.ResumeMailbox{})
	b.post("c")
	b.want(t, "a, b, c")
}

// Nothing vanishes behind an actor's end: it goes to the host, which finds the next
// activation.
func TestMailboxLosesNothing(t *testing.T) {
	b := newBoxed()
	b.turns["a"] = func() {
		b.post("b")
		b.PostSystemMessage(&actor.Stop{})
		b.post("c")
	}
	b.post("a", "d")
	b.PostSystemMessage("s")
	b.want(t, "a, system actor.stop, bounced b, bounced c, bounced d, system s")
}

// An actor that panics is told so before anything else, each time, and goes on.
func TestMailboxTellsOfPanics(t *testing.T) {
	b := newBoxed()
	b.turns["bad"] = func() {
		b.post("next")
		panic("oh")
	}
	b.turns["next"] = func() { b.PostSystemMessage("s") }
	b.turns["s"] = func() { panic("no") }
	b.post("bad")
	b.want(t, "bad, panicked oh, actors.panicked, next, system s, panicked no, actors.panicked")
	b.post("bad again")
	b.want(t, "bad again")
}

// An actor that panics when it is told of its panic is stopped, even if its end
// panics too.
func TestMailboxStopsWhatPanicsAgain(t *testing.T) {
	for _, end := range []string{"", "panicked last, "} {
		b := newBoxed()
		b.turns["bad"] = func() {
			b.post("next")
			panic("one")
		}
		b.turns["actors.panicked"] = func() { panic("two") }
		b.turns["actor.stop"] = func() {
			if end != "" {
				panic("last")
			}
		}
		b.post("bad", "late")
		b.want(t, "bad, panicked one, actors.panicked, panicked two, system actor.stop, "+end+"bounced next, bounced late")
	}
}

// A sender does not do the work of others without end: it comes back although something
// waits all the time.
func TestMailboxLetsSendersGo(t *testing.T) {
	b := newBoxed()
	back, over := make(chan struct{}), make(chan struct{})
	turns := 0
	b.RegisterHandlers(counting{b, func(any) {
		switch turns++; turns {
		case 2 * turnsAtOnce:
			<-back
			close(over)
		default:
			b.post("next")
		}
	}}, nil)
	b.post("first")
	close(back)
	<-over
}

// Of very many senders each is heard in its order, one turn at a time.
func TestMailboxOfManySenders(t *testing.T) {
	const senders, each = 8, 2 * turnsAtOnce
	b := newBoxed()
	last, turns := map[int]int{}, 0
	count := func(m any) {
		var sender, n int
		if _, err := fmt.Sscan(m.(string), &sender, &n); err != nil || n != last[sender]+1 {
			t.Errorf("sender %d: %d after %d, %v", sender, n, last[sender], err)
		}
		last[sender], turns = n, turns+1 // the race detector sees two turns at once
	}
	b.RegisterHandlers(counting{b, count}, nil)
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := range each {
				b.post(fmt.Sprint(s, " ", n+1))
				if n%100 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	for b.mu.Lock(); b.running; b.mu.Lock() {
		b.mu.Unlock()
		runtime.Gosched()
	}
	defer b.mu.Unlock()
	if turns != senders*each || b.running || b.waits != nil {
		t.Errorf("%d turns of %d; running %v, waiting %v", turns, senders*each, b.running, b.waits)
	}
}

type counting struct {
	*boxed
	fn func(any)
}

func (c counting) InvokeUserMessage(m any) { c.fn(m) }

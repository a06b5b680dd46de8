package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// What comes too late goes to the next activation, but for what is meant for one
// alone.
func TestBounce(t *testing.T) {
	p := newPost(t)
	r := NewRequest("udefault/alice", &Counts{})
	id := activationID("udefault/alice", 35*36+1)
	for _, m := range []any{r, &Committed{}, &Panicked{}, &Unowned{}, &Passivate{}, &Doze{}, &Move{}, &NodeLost{}, &Described{}, &actor.Stop{}, &actor.PoisonPill{}, &TimeUp{At: 3}, &Detach{}} {
		p.home.Bounced(id, m)
	}
	if len(p.sent) != 3 || p.sent[0] != r || p.sent[1].(*TimeUp).At != 3 {
		t.Errorf("sent on: %v", p.sent)
	}
	if keyOf(id) != "udefault/alice" || id != "udefault/alice\x00z1" || keyOf("udefault/alice") != "udefault/alice" {
		t.Errorf("the key of %q is %q", id, keyOf(id))
	}
}

// Whoever wants to hear that no actor could take its message hears it; the others
// are dropped.
func TestRefuse(t *testing.T) {
	p := newPost(t)
	gate := p.home.System.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *Greeting:
			p.got = append(p.got, fmt.Sprintf("greeting %d.%d %v", m.Conn, m.Turn, m.Refused))
		case *PageRead:
			p.got = append(p.got, fmt.Sprintf("page %d.%d %v", m.Conn, m.Turn, m.Push))
		}
	}, WithMailbox(p.home)))
	r := NewRequest("udefault/alice", &Counts{})
	for _, m := range []any{&Attach{Gate: gate, Conn: 4, Turn: 1}, &Pull{Gate: gate, Conn: 5, Turn: 2}, &Detach{Gate: gate}, &TimeUp{}, r} {
		p.home.Refuse(m, ErrNotOwner)
	}
	p.want(t, "greeting 4.1 failed", "page 5.2 <nil>")
	if err := r.Wait(context.Background()); err != nil || r.Answer.Err != ErrNotOwner {
		t.Errorf("the request: %v, %v", err, r.Answer.Err)
	}
}

// Nobody else may ever send to a user that a crash has left sessions of: waking it is
// tried again, in growing pauses, and then it is said.
func TestRecoverIsTriedAgain(t *testing.T) {
	p := newPost(t)
	var log strings.Builder
	p.home.Log = slog.New(slog.NewTextHandler(&log, nil))
	var pauses []time.Duration
	p.home.Delay = func(d time.Duration, fn func()) {
		pauses = append(pauses, d)
		fn()
	}
	m := &Recover{Key: "udefault/alice"}
	for n := 1; ; n++ {
		p.home.Refuse(m, ErrNotOwner)
		if len(p.sent) < n {
			break
		}
		m = p.sent[n-1].(*Recover)
	}
	if fmt.Sprint(pauses) != "[1s 2s 4s 8s 16s 32s 1m4s 2m8s]" || m.Key != "udefault/alice" {
		t.Errorf("tried again after %v", pauses)
	}
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "user=udefault/alice") {
		t.Errorf("said: %s", log.String())
	}
}

// holed is a journal with a hole, and the records of what was kept aside.
type holed struct {
	Journal
	Records
	events map[uint64][]byte
	put    []string
	err    error
}

func (h *holed) Events(_ context.Context, _ Key, first, last uint64, fn func(uint64, []byte) bool) error {
	shared := make([]byte, 0, 8) // valid during the call only
	for seq := first; seq <= min(last, 100); seq++ {
		if e := h.events[seq]; e != nil && !fn(seq, append(shared, e...)) {
			return nil
		}
	}
	return nil
}

func (h *holed) PutRecord(_ context.Context, kind, key string, value []byte) error {
	h.put = append(h.put, fmt.Sprintf("%s %s %s", kind, key, value))
	return h.err
}

// What lies beyond a hole is kept aside before it is given up; what can't be kept
// stays where it is.
func TestReadBeyondAHole(t *testing.T) {
	p := newPost(t)
	h := &holed{events: map[uint64][]byte{8: []byte("h"), 9: []byte("i"), 12: []byte("l")}}
	p.home.Journal, p.home.Records = h, h
	gap := fmt.Errorf("load: %w", &Gap{Key: "udefault/alice", After: 5, Next: 8})
	load := func(context.Context) error { return gap }
	b, err := p.home.Read("udefault/alice", load)
	if err != nil || b == nil || fmt.Sprint(b.Runs) != "[{8 12}]" {
		t.Errorf("to be deleted: %v, %v", b, err)
	}
	want := `aside udefault/alice/0000000000000008 {"key":"udefault/alice","after":5,"first":8,"last":12,"at":"1970-01-01T00:16:40Z","events":["aA==","aQ==","bA=="]}`
	if len(h.put) != 1 || h.put[0] != want {
		t.Errorf("kept aside:\n%q\nwant\n%q", h.put, want)
	}

	// A record holds so much; more is in the next one.
	h.put, h.events[9] = nil, make([]byte, asideBytes)
	if b, err = p.home.Read("udefault/alice", load); err != nil || fmt.Sprint(b.Runs) != "[{8 9} {12 12}]" || len(h.put) != 3 {
		t.Errorf("of large events: %v in %d records, %v", b.Runs, len(h.put), err)
	}
	h.err = errors.New("no room")
	if b, err = p.home.Read("udefault/alice", load); b != nil || !errors.Is(err, h.err) {
		t.Errorf("what can't be kept aside: %v, %v", b, err)
	}
	p.home.Records = nil
	if b, err = p.home.Read("udefault/alice", load); b != nil || !errors.Is(err, gap) {
		t.Errorf("without records: %v, %v", b, err)
	}
	if b, err = p.home.Read("udefault/alice", func(context.Context) error { return nil }); b != nil || err != nil {
		t.Errorf("a whole journal: %v, %v", b, err)
	}
}

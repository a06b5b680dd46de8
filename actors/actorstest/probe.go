package actorstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/gateway"
)

// Patience is how long Want and Until wait for what they are told to expect.
const Patience = 20 * time.Second

// Probe is a connection that records the events that it is sent.
type Probe struct {
	conn *gateway.Conn

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	events  []Event
	read    int // events that Want has seen
	ended   bool
	end     actors.End
	pending int // bytes that are not drained
	most    int // pending was never more
	hold    bool
}

// Event is one event as the probe got it.
type Event struct {
	Type    string
	Cursor  actors.Cursor
	ID      string   // of the message, if there is one
	IDs     []string // state, retract
	Gone    []string // the messages that had to leave for this one
	State   string   // of the message, or of IDs
	Content string   // the message's title
	Rev     uint64   // the counts'
	Unread  int
	Unseen  int
	Counts  string // all of them, as JSON
	Size    int    // bytes of JSON
}

// String describes the event: «message rev=1 unread=1».
func (e Event) String() string {
	s := e.Type
	if e.Type == "state" {
		s += " " + e.State
	}
	return fmt.Sprintf("%s rev=%d unread=%d", s, e.Rev, e.Unread)
}

// SetVisible says whether somebody sees what the probe shows.
func (p *Probe) SetVisible(yes bool) { p.conn.SetVisible(yes, false) }

// Attach attaches a probe to a user of the default app. with changes what it
// says of itself.
func Attach(t testing.TB, hub gateway.Hub, user string, with ...func(*actors.Attachment)) *Probe {
	t.Helper()
	p := New(user, with...)
	t.Cleanup(func() { p.conn.Close(actors.EndGone) })
	p.Attach(hub)
	return p
}

// New returns a probe that is not attached yet.
func New(user string, with ...func(*actors.Attachment)) *Probe {
	p := &Probe{changed: make(chan struct{})}
	a := actors.Attachment{
		Key: actors.UserKey(actors.DefaultApp, user), Format: format{}, Sink: p, Since: time.Now().UnixMilli(),
	}
	for _, fn := range with {
		fn(&a)
	}
	p.conn = gateway.NewConn(a)
	return p
}

// After lets a probe resume from a cursor.
func After(c actors.Cursor) func(*actors.Attachment) {
	return func(a *actors.Attachment) { a.After = &c }
}

// Attach attaches the probe.
func (p *Probe) Attach(hub gateway.Hub) { hub.Attach(p.conn) }

// Close ends the probe as a client that goes away does.
func (p *Probe) Close() { p.conn.Close(actors.EndGone) }

// Hold lets the probe read nothing: what it is sent stays pending until Drain.
func (p *Probe) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = true
}

// Drain reads what is pending, as a slow client does at last.
func (p *Probe) Drain() {
	p.mu.Lock()
	had := p.pending > 0
	p.pending = 0
	p.mu.Unlock()
	if had {
		p.conn.Drained()
	}
}

// Pending returns how many bytes wait for Drain, and the most that ever did.
func (p *Probe) Pending() (now, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending, p.most
}

// Send implements actors.Sink.
func (p *Probe) Send(frames []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range bytes.Lines(frames) {
		p.events = append(p.events, parse(line))
	}
	if p.hold {
		p.pending += len(frames)
		p.most = max(p.most, p.pending)
	}
	p.change()
	return p.pending, nil
}

// End implements actors.Sink.
func (p *Probe) End(why actors.End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		panic("a sink was ended twice")
	}
	p.ended, p.end = true, why
	p.change()
}

func (p *Probe) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Events returns all that the probe got so far.
func (p *Probe) Events() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events[:len(p.events):len(p.events)]
}

// Last returns the newest event; the zero Event if there is none.
func (p *Probe) Last() Event {
	if es := p.Events(); len(es) > 0 {
		return es[len(es)-1]
	}
	return Event{}
}

// Ended tells whether and why the probe was ended.
func (p *Probe) Ended() (actors.End, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end, p.ended
}

// Want waits for the next events, which must be these.
func (p *Probe) Want(t testing.TB, want ...string) {
	t.Helper()
	for _, w := range want {
		p.Until(t, w, func() bool { return p.read < len(p.events) })
		p.mu.Lock()
		got := p.events[p.read].String()
		p.read++
		p.mu.Unlock()
		if got != w {
			t.Fatalf("got %q, want %q", got, w)
		}
	}
}

// WantNothing holds that the probe got nothing that Want has not seen. It does
// not wait: the caller knows when nothing more can come.
func (p *Probe) WantNothing(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if rest := p.events[p.read:]; len(rest) > 0 {
		t.Fatalf("got %v, want nothing", rest)
	}
}

// WantEnd waits for the end, for this reason.
func (p *Probe) WantEnd(t testing.TB, why actors.End) {
	t.Helper()
	p.Until(t, "end "+why.String(), func() bool { return p.ended })
	if got, _ := p.Ended(); got != why {
		t.Fatalf("ended with %v, want %v", got, why)
	}
}

// WaitRev waits until the probe's counts stand at rev.
func (p *Probe) WaitRev(t testing.TB, rev uint64) {
	t.Helper()
	p.Until(t, fmt.Sprintf("rev %d", rev), func() bool {
		return len(p.events) > 0 && p.events[len(p.events)-1].Rev >= rev && p.events[len(p.events)-1].Type != ""
	})
}

// Until waits until ok, which is called with the probe's lock held.
func (p *Probe) Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	late := time.After(Patience)
	for {
		p.mu.Lock()
		done, changed := ok(), p.changed
		p.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("waited in vain for %s; got %s", what, p.story())
		}
	}
}

// story is what happened last.
func (p *Probe) story() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	from := max(0, len(p.events)-5)
	fmt.Fprintf(&b, "%d events", len(p.events))
	for _, e := range p.events[from:] {
		fmt.Fprintf(&b, ", %v", e)
	}
	if p.ended {
		fmt.Fprintf(&b, ", end %v", p.end)
	}
	return b.String()
}

func parse(line []byte) Event {
	var v struct {
		Type, Cursor, State string
		IDs                 []string `json:"ids"`
		Replaces, Dropped   []string
		Message             struct{ ID, State, Title string }
		Counts              json.RawMessage
	}
	var counts struct {
		Rev            uint64
		Unread, Unseen int
	}
	err := json.Unmarshal(line, &v)
	if err == nil && v.Counts != nil {
		err = json.Unmarshal(v.Counts, &counts)
	}
	if err != nil {
		panic(fmt.Sprintf("%s: %v", line, err))
	}
	e := Event{
		Type: v.Type, ID: v.Message.ID, IDs: v.IDs, Gone: append(v.Replaces, v.Dropped...), State: v.State, Content: v.Message.Title,
		Rev: counts.Rev, Unread: counts.Unread, Unseen: counts.Unseen, Counts: string(v.Counts), Size: len(line),
	}
	if e.ID != "" {
		e.State = v.Message.State
	}
	if e.Cursor, err = actors.ParseCursor(v.Cursor); err != nil {
		panic(fmt.Sprintf("%s: %v", line, err))
	}
	return e
}

// format is one event's JSON a line. It takes a legacy form for its own:
// a probe must not stand beside one of those.
type format struct{}

// form is the wire form of probes.
var form = actors.NewForm()

// Form implements actors.Format.
func (format) Form() actors.Form { return form }

// AppendPush implements actors.Format.
func (format) AppendPush(b []byte, p *actors.Push) []byte {
	for i := range p.Events {
		b = append(append(b, p.Events[i].JSON...), '\n')
	}
	return b
}

// AppendBeat implements actors.Format.
func (format) AppendBeat(b []byte) []byte { return b }

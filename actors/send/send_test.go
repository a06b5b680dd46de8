package send_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cockroachdb/datadriven"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/send"
)

// TestSend runs the transcripts in testdata: what a send journals, whom it asks for
// what, and what it answers, in this order. To take in a wanted change:
// go test ./actors/send -run '^TestSend$' -rewrite, then read the diff.
//
// Times are those since the transcript began. All runs in the goroutines of the test
// and of the journal, so that a step is over when the journal has nothing left.
func TestSend(t *testing.T) {
	datadriven.Walk(t, "testdata/send", func(t *testing.T, path string) {
		s := newScript(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.run(t, d)
			s.journal.Flush()
			return s.told()
		})
	})
}

// sendID is the id of the transcripts' message. Its second half, by which sends are
// spread over time, is zero.
var sendID = actors.ID{6: 0x70}

// script is a transcript under way: a node whose users answer as it says.
type script struct {
	journal *actorstest.Journal
	clock   *actorstest.Clock
	node    *actorstest.Node
	key     actors.Key
	began   int64
	delays  []func()

	mu      sync.Mutex
	out     strings.Builder
	answers map[string]*actors.Error // how users answer who do not do as they are told
	late    bool                     // they answer when the script says so
	waiting []func()
}

func newScript(t *testing.T) *script {
	s := &script{
		journal: actorstest.NewJournal(), clock: actorstest.NewClock(),
		key: actors.SendKey(actors.DefaultApp, sendID), answers: map[string]*actors.Error{},
	}
	s.began = 1_700_000_000_000
	s.clock.Advance(time.UnixMilli(s.began).Sub(time.UnixMilli(s.clock.Now())))
	s.start(t)
	t.Cleanup(func() {
		s.node.Stop()
		s.journal.Close()
	})
	return s
}

func (s *script) start(t *testing.T) {
	s.node = actorstest.NewNode(t, s.journal, s.clock, actors.Limits{InboxLimits: actors.InboxLimits{InboxBytes: 100}}, func(n *actorstest.Node) {
		n.Home.Load = func(job func()) { job() }
		n.Home.Router = &crowd{n, s}
		n.Home.Journal = &scribe{n.Home.Journal, s}
		forget, ended := n.Home.Forget, map[string]bool{}
		n.Home.Forget = func(key actors.Key, pid *actor.PID) { // it may come twice
			if key == s.key && !ended[pid.Id] {
				ended[pid.Id] = true
				s.say("the activation ends")
			}
			forget(key, pid)
		}
		n.Home.Delay = func(d time.Duration, fn func()) {
			s.say("pause %v", d)
			s.delays = append(s.delays, fn)
		}
	})
}

func (s *script) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.out, format+"\n", args...)
}

func (s *script) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.out.Reset()
	return s.out.String()
}

// since returns a time as one since the beginning.
func (s *script) since(at int64) string {
	if at == 0 {
		return "never"
	}
	return (time.Duration(at-s.began) * time.Millisecond).String()
}

// A crowd is a Router which stands for all users.
type crowd struct {
	*actorstest.Node
	s *script
}

func (c *crowd) Send(key actors.Key, m any) {
	r, ok := m.(*actors.Request)
	if !ok || key.Kind() != actors.KindUser {
		c.Node.Send(key, m)
		return
	}
	what := ""
	switch cmd := r.Command.(type) {
	case *actors.Publish:
		what = fmt.Sprintf("publish {%s}", cmd.Message.Content)
		if !cmd.Message.Shared {
			what += ", not as one of many"
		}
	case *actors.Edit:
		what = fmt.Sprintf("edit %s", cmd.Patch)
	case *actors.Retract:
		what = "retract"
	}
	once := int(r.Once.Key[6]^sendID[6])<<8 | int(r.Once.Key[7]^sendID[7])
	c.s.say("ask %s to %s, once %d", key.Name(), what, once)
	c.s.mu.Lock()
	err, late := c.s.answers[key.Name()], c.s.late
	answer := func() {
		r.Answer.Err = err
		r.Respond()
	}
	if late {
		c.s.waiting = append(c.s.waiting, answer)
	}
	c.s.mu.Unlock()
	if !late {
		answer()
	}
}

// A scribe is a journal that says what is written.
type scribe struct {
	actors.Journal
	s *script
}

func (j *scribe) Append(w *actors.Write) error {
	text := j.s.describe(w)
	err := j.Journal.Append(w)
	if err != nil {
		text = fmt.Sprintf("refused (%s): %s", actors.AsError(err).Code, text)
	}
	j.s.say("%s", text)
	return err
}

func (s *script) describe(w *actors.Write) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "write after %d:", w.After)
	for _, raw := range w.Events {
		e, err := send.DecodeEvent(raw)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(b, " %s", strings.TrimPrefix(e.Kind.String(), "SEND_"))
		if e.Kind == actors.SendKind_SEND_PROGRESS {
			fmt.Fprintf(b, " step %d done %v failed %d", e.Step, e.Done, e.Failed)
		}
	}
	if w.Snapshot != nil {
		fmt.Fprintf(b, " snapshot")
	}
	for _, r := range w.Delete {
		fmt.Fprintf(b, " delete %d-%d", r.First, r.Last)
	}
	if w.Forget > 0 {
		fmt.Fprintf(b, " forget snapshots below %d", w.Forget)
	}
	for _, n := range []struct {
		name string
		n    int
	}{{"own", len(w.Own)}, {"disown", len(w.Disown)}, {"untally", len(w.Untally)}} {
		if n.n > 0 {
			fmt.Fprintf(b, " %s", n.name)
		}
	}
	for _, y := range w.Tally {
		fmt.Fprintf(b, " tally %d %+d", y.Kind, y.N)
	}
	if w.Wake.New != w.Wake.Old {
		fmt.Fprintf(b, " wake at %s", s.since(w.Wake.New))
	}
	return b.String()
}

// ask asks the send for something. What it answers is told when it does.
func (s *script) ask(d *datadriven.TestData, c actors.Command) {
	r := actors.NewRequest(s.key, c)
	for _, a := range d.CmdArgs {
		if a.Key == "once" {
			r.Once = actors.CallersOnce("server", a.Vals[0], []byte(d.Cmd+d.Input))
		}
	}
	r.OnReply(func(r *actors.Request) {
		switch a := r.Answer; {
		case a.Err != nil:
			s.say("answer %s: %s", a.Err.Code, a.Err.Detail)
		case len(a.Body) > 0:
			s.say("answer %s", a.Body)
		case a.Replayed:
			s.say("answer ok, a repeat")
		default:
			s.say("answer ok")
		}
	})
	s.node.Send(s.key, r)
}

func (s *script) run(t *testing.T, d *datadriven.TestData) {
	switch d.Cmd {
	case "start":
		s.startSend(t, d)
	case "edit":
		s.ask(d, &actors.Edit{ID: sendID, Patch: []byte(d.Input)})
	case "retract":
		s.ask(d, &actors.Retract{ID: sendID})
	case "find":
		s.ask(d, &actors.Find{ID: sendID})
	case "counts":
		s.ask(d, &actors.Counts{})
	case "answers":
		s.setAnswers(d)
	case "release":
		s.release()
	case "wait":
		s.wait(t, d.CmdArgs[0].Key)
	case "unpause":
		delays := s.delays
		s.delays = nil
		for _, fn := range delays {
			fn()
		}
	case "passivate":
		s.node.Send(s.key, &actors.Passivate{})
	case "journal":
		s.journalDoes(d)
	case "restart":
		s.node.Stop()
		s.delays, s.waiting = nil, nil
		s.journal.Flush()
		s.told()
		s.start(t)
	default:
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
}

func (s *script) startSend(t *testing.T, d *datadriven.TestData) {
	c := &actors.StartSend{Message: &actors.Message{Id: sendID[:], Category: "news", Content: []byte(`"title":"x"`)}}
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "users":
			c.Users = a.Vals
		case "expires":
			d, err := time.ParseDuration(a.Vals[0])
			if err != nil {
				t.Fatal(err)
			}
			c.Message.ExpiresAt = s.began + d.Milliseconds()
		}
	}
	s.ask(d, c)
}

// setAnswers sets how users answer from now on.
func (s *script) setAnswers(d *datadriven.TestData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range d.CmdArgs {
		switch {
		case a.Key == "late":
			s.late = true
		case a.Vals[0] == "ok":
			delete(s.answers, a.Key)
		default:
			s.answers[a.Key] = actors.Errorf(actors.Code(a.Vals[0]), "as the script says")
		}
	}
}

// release lets users answer who were late.
func (s *script) release() {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting, s.late = nil, false
	s.mu.Unlock()
	for _, fn := range waiting {
		fn()
	}
}

// wait lets time go by, and wakes the send if its time has come.
func (s *script) wait(t *testing.T, d string) {
	n, err := time.ParseDuration(d)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(n)
	s.node.Fire()
}

// journalDoes lets the journal refuse or hold what is written.
func (s *script) journalDoes(d *datadriven.TestData) {
	switch d.CmdArgs[0].Key {
	case "busy":
		s.journal.Refuse(actors.Errorf(actors.Busy, "as the script says"))
	case "works":
		s.journal.Refuse(nil)
	case "fails":
		s.journal.Fail(actors.Errorf(actors.Unavailable, "as the script says"))
	case "stored":
		_, err := s.journal.Owner(context.Background(), sendID)
		begun, _ := s.journal.Begun(s.key)
		_, funnels, wakes := s.journal.Sizes()
		s.say("there is a journal: %v, of %d events; %d funnels, %d wake-ups, the message has an owner: %v",
			begun, s.journal.Stored(s.key), funnels, wakes, err == nil)
	}
}

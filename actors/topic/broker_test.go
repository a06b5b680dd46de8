package topic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"reddot/actors"
)

// TestBroker runs the transcripts in testdata: who is given what is published, in
// the order in which the broker says so. To take in a wanted change:
// go test ./actors/topic -run '^TestBroker$' -rewrite, then read the diff.
func TestBroker(t *testing.T) {
	datadriven.Walk(t, "testdata/broker", func(t *testing.T, path string) {
		s := newScript()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.out.Reset()
			s.run(t, d)
			return s.out.String()
		})
	})
}

// script is a transcript under way: a broker with the actors and the nodes around it,
// which say what they are asked and answer as the transcript has it.
type script struct {
	actors.Router
	broker *Broker
	out    strings.Builder
	subs   map[string]*Subscription
	took   map[string]int           // by whom it is asked: a user, a node, "retained"; 1 where it names none
	fails  map[string]*actors.Error // likewise
	late   []func()                 // answers that are held back
	hold   bool
}

func newScript() *script {
	s := &script{subs: map[string]*Subscription{}, took: map[string]int{}, fails: map[string]*actors.Error{}}
	s.broker = New(&actors.Home{Router: s, Metrics: actors.NewMetrics(nil), Now: func() int64 { return 5000 }})
	return s
}

func (s *script) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// answer says what one who is asked answers, at once or when the script says so.
func (s *script) answer(who string, done func(took int, err *actors.Error)) {
	n, ok := s.took[who]
	if !ok {
		n = 1
	}
	fn := func() { done(n, s.fails[who]) }
	if s.hold {
		s.late = append(s.late, fn)
	} else {
		fn()
	}
}

// Send implements actors.Router: it stands for users and for what topics retain.
func (s *script) Send(key actors.Key, m any) {
	r := m.(*actors.Request)
	who := "retained"
	switch c := r.Command.(type) {
	case *actors.QueueMessage:
		who = key.Name()
		for _, of := range []string{c.Client, c.Filter} {
			if of != "" {
				who += " " + of
			}
		}
		s.say("queue for %s%s", who, map[bool]string{true: " once"}[!r.Once.IsZero()])
		who = key.Name()
	case *actors.Retain:
		s.say("retain %s %q", c.Message.Topic, c.Message.Payload)
		if c.Message.At != 0 {
			s.say("at %d, expires at %d", c.Message.At, c.Message.ExpiresAt)
		}
	}
	s.answer(who, func(n int, err *actors.Error) {
		r.Answer.N, r.Answer.Err = n, err
		r.Respond()
	})
}

// Announce implements Nodes.
func (s *script) Announce(done func()) {
	s.say("announce")
	if done != nil {
		done()
	}
}

// Interest implements Nodes.
func (s *script) Interest(user actors.Key, record []byte, done func()) {
	s.say("tell nodes that %s wants %q", user.Name(), record)
	done()
}

// Publish implements Nodes.
func (s *script) Publish(node string, m *actors.TopicMessage, share string, done func(int, *actors.Error)) {
	s.say("%s", strings.TrimSpace("send to node "+node+" "+share))
	if done != nil {
		s.answer(node, done)
	}
}

// A scriptSession is a session user/client that is connected here.
type scriptSession struct {
	s    *script
	name string
}

func (c scriptSession) Deliver(p *Push, subs []*Subscription) {
	for _, m := range p.Messages {
		var by []string
		for _, sub := range subs {
			if sub.Brings(m) {
				by = append(by, sub.Filter)
			}
		}
		c.s.say("deliver to %s by %s", c.name, strings.Join(by, " "))
	}
}

func (c scriptSession) Is(user, client string) bool { return c.name == user+"/"+client }

func (s *script) run(t *testing.T, d *datadriven.TestData) {
	switch d.Cmd {
	case "cluster":
		s.broker.Join(s)
	case "answers":
		s.answers(d)
	case "release":
		for _, fn := range s.late {
			fn()
		}
		s.late, s.hold = nil, false
	case "subscribe", "unsubscribe":
		s.subscribe(t, d)
	case "interest":
		s.interest(t, d)
	case "other":
		var list []FilterCount
		for line := range strings.Lines(d.Input) {
			filter, n, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			list = append(list, FilterCount{"app", filter, number(t, n)})
		}
		s.broker.SetOther(d.CmdArgs[0].Key, list, d.HasArg("anew"))
	case "changed":
		s.filters(s.broker.Changed())
	case "filters":
		s.filters(s.broker.Filters())
	case "limit":
		s.broker.home.Limits.TopicBytes = option(t, d, "bytes")
	case "keep":
		before := s.broker.Interests()
		s.interest(t, d) // is heard of while the records are read
		s.broker.KeepInterests(before, map[actors.Key]bool{actors.UserKey("app", d.CmdArgs[1].Key): true})
	case "forget":
		s.broker.ForgetInterests()
	case "sessions":
		s.say("%+v", s.broker.SessionsOf("app"))
	case "users":
		var all actors.ShardSet
		for i := range all {
			all[i] = ^uint64(0)
		}
		for _, user := range s.broker.Users(&all) {
			s.say("%s %+v", user.Name(), s.broker.InterestOf(user))
		}
	case "empty":
		s.say("%v", s.broker.apps["app"].empty())
	default:
		s.publish(t, d)
	}
}

// answers sets what who is asked answers from now on.
func (s *script) answers(d *datadriven.TestData) {
	for _, a := range d.CmdArgs {
		switch n, err := strconv.Atoi(slices.Concat(a.Vals, []string{""})[0]); {
		case a.Key == "late":
			s.hold = true
		case err == nil:
			s.took[a.Key] = n
			delete(s.fails, a.Key)
		default:
			s.took[a.Key] = 0
			s.fails[a.Key] = actors.Errorf(actors.Code(a.Vals[0]), "as the script says")
		}
	}
}

// subscribe runs «subscribe user/client filter» and its contrary.
func (s *script) subscribe(t *testing.T, d *datadriven.TestData) {
	name, filter := d.CmdArgs[0].Key, d.CmdArgs[1].Key
	if d.Cmd == "unsubscribe" {
		s.broker.Unsubscribe("app", s.subs[name+filter], d.HasArg("stays"))
		return
	}
	sub := &Subscription{Filter: filter, NoLocal: d.HasArg("nolocal"), Durable: d.HasArg("durable"), Subscriber: scriptSession{s, name}}
	sub.QoS = uint8(option(t, d, "qos"))
	s.subs[name+filter] = sub
	user, client, _ := strings.Cut(name, "/")
	key := actors.Key("")
	if sub.Durable {
		key = actors.UserKey("app", user)
	}
	s.broker.Subscribe("app", sub, key, client)
	if d.HasArg("announce") {
		s.broker.Announce(func() { s.say("all know") })
	}
}

// interest runs «interest user filters=(…) shares=(client:filter) seq=n»; a record is
// the input.
func (s *script) interest(t *testing.T, d *datadriven.TestData) {
	key := actors.UserKey("app", d.CmdArgs[0].Key)
	if d.HasArg("record") {
		if err := s.broker.LoadInterest(actors.Record{Key: string(key), Value: []byte(d.Input)}); err != nil {
			s.say("%v", err)
		}
		return
	}
	now := &actors.Interest{Seq: uint64(option(t, d, "seq")), Sessions: option(t, d, "sessions"), Any: !d.HasArg("none")}
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "filters":
			now.Filters = a.Vals
		case "shares":
			for _, v := range a.Vals {
				client, filter, _ := strings.Cut(v, ":")
				now.Shares = append(now.Shares, actors.SharedInterest{Client: client, Filter: filter})
			}
		}
	}
	s.broker.NoteInterest(key, now, []byte("r"), func() { s.say("known") })
}

// publish runs what gives a message to subscribers.
func (s *script) publish(t *testing.T, d *datadriven.TestData) {
	m := &actors.TopicMessage{App: "app", Payload: []byte("x"), Qos: uint32(option(t, d, "qos")), Retain: d.HasArg("retain"), Topic: d.CmdArgs[0].Key}
	var from, filter, not, text string
	if d.MaybeScanArgs(t, "text", &text); text != "" {
		m.Payload = []byte(text)
	}
	d.MaybeScanArgs(t, "app", &m.App)
	d.MaybeScanArgs(t, "from", &from)
	d.MaybeScanArgs(t, "by", &filter)
	d.MaybeScanArgs(t, "not", &not)
	m.User, m.Client, _ = strings.Cut(from, "/")
	if d.HasArg("once") {
		m.Once = make([]byte, 16)
		m.Once[0] = 1
	}
	done := func(took int, err *actors.Error) {
		if err != nil {
			s.say("took %d, %s", took, err.Code)
		} else {
			s.say("took %d", took)
		}
	}
	user, client, _ := strings.Cut(not, "/")
	switch d.Cmd {
	case "publish":
		s.broker.Publish(m, done)
	case "will":
		m.ExpiresAt = int64(option(t, d, "expires"))
		s.broker.PublishWill(&actors.Will{Message: m}, done)
		s.say("the will itself: at %d, expires at %d", m.At, m.ExpiresAt)
	case "here":
		s.broker.PublishHere(m, filter, done)
	case "republish":
		s.broker.Republish(m, filter)
	case "reassign":
		s.broker.Reassign(m, filter, actors.ShareMember{User: actors.UserKey("app", user), Client: client}, d.HasArg("anybody"), func(ok bool) { s.say("reassigned %v", ok) })
	default:
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
}

func (s *script) filters(list []FilterCount) {
	var lines []string
	for _, f := range list {
		lines = append(lines, fmt.Sprintf("%s %d\n", f.Filter, f.N))
	}
	slices.Sort(lines)
	s.out.WriteString(strings.Join(lines, ""))
}

func option(t *testing.T, d *datadriven.TestData, name string) (n int) {
	d.MaybeScanArgs(t, name, &n)
	return n
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

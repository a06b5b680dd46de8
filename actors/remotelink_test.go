package actors

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// A post is a home whose actors note what they are sent, each as one line.
type post struct {
	home *Home
	got  []string
	sent []any // to Router
}

func newPost(t *testing.T) *post {
	p := &post{}
	quiet := slog.New(slog.DiscardHandler)
	p.home = &Home{
		System: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet })),
		Router: p, Log: quiet, Metrics: NewMetrics(nil), Now: func() int64 { return 1_000_000 }, Forget: func(Key, *actor.PID) {},
	}
	t.Cleanup(p.home.System.Shutdown)
	return p
}

// Ask implements Router; nobody asks.
func (p *post) Ask(context.Context, *Request) error { panic("nobody asks") }

// Send implements Router.
func (p *post) Send(_ Key, m any) { p.sent = append(p.sent, m) }

// actor starts an actor that notes what it is sent.
func (p *post) actor(t *testing.T, name string) *actor.PID {
	t.Helper()
	pid, err := p.home.System.Root.SpawnNamed(actor.PropsFromFunc(func(c actor.Context) {
		if m := c.Message(); !isAuto(m) {
			p.got = append(p.got, name+": "+p.line(m))
		}
	}, WithMailbox(p.home)), name)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func isAuto(m any) bool {
	switch m.(type) {
	case actor.SystemMessage, actor.AutoReceiveMessage:
		return true
	}
	return false
}

func (p *post) line(m any) string {
	switch m := m.(type) {
	case *Register:
		return fmt.Sprintf("register %d of %s on %s, turn %d", m.Link.ID(), m.Key, m.Node, m.Turn)
	case *Unregister:
		return fmt.Sprintf("unregister %d", m.ID)
	case *Notice:
		return fmt.Sprintf("notice %d of link %d, turn %d: kind %d, %d queued", m.N, m.Link, m.Turn, m.Kind, len(m.Queued))
	}
	return fmt.Sprintf("%T", m)
}

func (p *post) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(p.got, want) {
		t.Errorf("got  %q\nwant %q", p.got, want)
	}
	p.got = nil
}

// A hereLink is a session that is connected to this node.
type hereLink struct{ id uint64 }

func (hereLink) Client() string         { return "c" }
func (l hereLink) ID() uint64           { return l.id }
func (hereLink) Queued([]QueuedMessage) {}
func (hereLink) Replaced()              {}
func (hereLink) Lost()                  {}

// What a user tells a session on another node is numbered, so that a lost notice is
// noticed.
func TestRemoteLinkNumbersNotices(t *testing.T) {
	p := newPost(t)
	l := NewRemoteLink(p.actor(t, "exchange"), 7, "c", 3)
	l.Home = p.home
	l.Queued([]QueuedMessage{{}, {}})
	l.Lost()
	l.Replaced()
	if l.Client() != "c" || l.ID() != 7 {
		t.Errorf("it is %s %d", l.Client(), l.ID())
	}
	p.want(t, "exchange: notice 1 of link 7, turn 3: kind 0, 2 queued", "exchange: notice 2 of link 7, turn 3: kind 2, 0 queued", "exchange: notice 3 of link 7, turn 3: kind 1, 0 queued")
}

// The exchange knows a session that is connected here as long as a user elsewhere
// does, and each request that makes it known has a turn of its own.
func TestSessionsAreRegistered(t *testing.T) {
	p := newPost(t)
	key := UserKey(DefaultApp, "alice")
	p.home.Exchange = p.actor(t, "exchange")
	open := NewRequest(key, &OpenSession{Client: "c", Link: hereLink{4}})
	p.home.RegisterSession(open, "far")
	p.home.RegisterSession(open, "other") // it is sent once more, to where the user is now
	if c := open.Command.(*OpenSession); c.Exchange != p.home.Exchange || c.Turn != 2 {
		t.Errorf("it goes with exchange %v, turn %d", c.Exchange, c.Turn)
	}
	p.home.UnregisterSession(open)
	closing := NewRequest(key, &CloseSession{Client: "c", Link: hereLink{4}})
	p.home.RegisterSession(closing, "far")
	p.home.UnregisterSession(closing)
	p.want(t, "exchange: register 4 of udefault/alice on far, turn 1", "exchange: register 4 of udefault/alice on other, turn 2", "exchange: unregister 4", "exchange: unregister 4")

	// One from another node is that node's, and other requests are no sessions.
	far := NewRemoteLink(actor.NewPID("far", "exchange"), 9, "c", 5)
	passed := &OpenSession{Client: "c", Link: far, Exchange: far.Exchange, Turn: 5}
	for _, c := range []Command{passed, &CloseSession{Link: far}, &CloseSession{}, &Counts{}} {
		r := NewRequest(key, c)
		p.home.RegisterSession(r, "far")
		p.home.UnregisterSession(r)
	}
	if passed.Exchange != far.Exchange || passed.Turn != 5 {
		t.Errorf("a session of another node is known as %v, turn %d", passed.Exchange, passed.Turn)
	}
	p.want(t)
	p.home.Exchange = nil
	p.home.Unregister(hereLink{4}) // there is one node
	p.want(t)
}

// Two ways are one if they lead to one session of one node.
func TestSameLink(t *testing.T) {
	far := func(node string, id uint64) *RemoteLink {
		return NewRemoteLink(actor.NewPID(node, "exchange"), id, "c", id)
	}
	here := hereLink{1}
	for name, c := range map[string]struct {
		a, b SessionLink
		want bool
	}{
		"one":                   {here, here, true},
		"two here":              {here, hereLink{2}, false},
		"two ways to one":       {far("far", 1), far("far", 1), true},
		"two of a node":         {far("far", 1), far("far", 2), false},
		"an id, on two nodes":   {far("far", 1), far("other", 1), false},
		"an id, here and there": {here, far("far", 1), false},
	} {
		if SameLink(c.a, c.b) != c.want || SameLink(c.b, c.a) != c.want {
			t.Errorf("%s: same is %v", name, !c.want)
		}
	}
	if !Behind(far("far", 1), "far") || Behind(far("far", 1), "other") || Behind(here, "far") || Behind(nil, "far") {
		t.Error("a session is taken to be where it is not")
	}
}

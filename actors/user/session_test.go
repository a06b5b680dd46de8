package user_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// far is the other node, on which a session's connection is.
const far = "far"

// away is a session whose client is gone with the node it was connected to, and
// whose will is to be published.
type away struct {
	t     *testing.T
	j     *actorstest.Journal
	node  *actorstest.Node
	key   actors.Key
	cut   atomic.Bool // the link to that node is
	epoch uint64
	wills chan string
}

func newAway(t *testing.T) *away {
	a := &away{t: t, j: actorstest.NewJournal(), key: actors.UserKey(actors.DefaultApp, "alice"), wills: make(chan string, 10)}
	t.Cleanup(a.j.Close)
	a.start()
	r := a.open(&actors.OpenSession{Client: "c", Expiry: 1 << 40, Will: &actors.Will{Message: &actors.TopicMessage{App: actors.DefaultApp, Topic: "gone", Payload: []byte("will")}}})
	if r.Answer.Err != nil {
		t.Fatal(r.Answer.Err)
	}
	a.epoch = r.Answer.Epoch
	return a
}

// start starts the user's node on the journal.
func (a *away) start() {
	a.node = actorstest.NewNode(a.t, a.j, actorstest.NewClock(), actors.Limits{}, func(n *actorstest.Node) {
		n.Home.Linked = func(node string) bool { return node != far || !a.cut.Load() }
		n.Subscribe("gone", func(m *actors.TopicMessage) { a.wills <- string(m.Payload) })
	})
	a.t.Cleanup(a.node.Stop)
}

// open asks for the session as the other node does.
func (a *away) open(c *actors.OpenSession) *actors.Request {
	a.t.Helper()
	c.Link = actors.NewRemoteLink(actor.NewPID(far, "exchange"), 7, "c", 1)
	r := actors.NewRequest(a.key, c)
	a.node.Send(a.key, r)
	if err := r.Wait(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	return r
}

// want holds that the will is published.
func (a *away) want() {
	a.t.Helper()
	select {
	case got := <-a.wills:
		if got != "will" {
			a.t.Errorf("got %q", got)
		}
	case <-time.After(actorstest.Patience):
		a.t.Fatal("the will was not published")
	}
}

// TestLinkBreaksBeforeSessionIsThere: a session asks for itself again, and its
// node is gone before the user's next activation comes to that.
func TestLinkBreaksBeforeSessionIsThere(t *testing.T) {
	a := newAway(t)
	a.node.Send(a.key, &actors.Move{})
	a.cut.Store(true)
	if r := a.open(&actors.OpenSession{Client: "c", Again: true, Epoch: a.epoch}); r.Answer.Err == nil || r.Answer.Err.Code != actors.Unavailable {
		t.Errorf("got %v, want unavailable", r.Answer.Err)
	}
	a.want()
}

// TestRousedAgain: the journal can't be read when a user is woken after a crash.
func TestRousedAgain(t *testing.T) {
	a := newAway(t)
	a.node.Stop()
	a.cut.Store(true)
	a.j.Unreadable(errors.New("the disk is gone"))
	a.start()
	a.want()
}

// TestFailsBeforeSessionIsClosed: the user's activation fails while it waits for a
// connection to ask for its session, or when it closes that.
func TestFailsBeforeSessionIsClosed(t *testing.T) {
	for name, wait := range map[string]bool{"waits": false, "closes": true} {
		t.Run(name, func(t *testing.T) {
			a := newAway(t)
			a.j.Fail(errors.New("the disk is gone"))
			a.cut.Store(true)
			a.node.Send(a.key, &actors.NodeLost{Node: far})
			if !wait {
				a.publish()
			}
			a.want()
		})
	}
}

// publish lets a write fail.
func (a *away) publish() {
	a.t.Helper()
	id := actors.NewID()
	r := actors.NewRequest(a.key, &actors.Publish{Message: &actors.Message{Id: id[:], Category: "default", Content: []byte(`"title":"x"`)}})
	r.Once = actors.EdgeOnce(id)
	a.node.Send(a.key, r)
	if err := r.Wait(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

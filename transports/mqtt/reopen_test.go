package mqtt_test

import (
	"fmt"
	"strings"
	"testing"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// moving is a user whose actor ends again and again, as when its shard moves, and two
// sessions of hers: one that outlives its connection, and one that does not.
type moving struct {
	*world
	key         actors.Key
	kept, clean *client
}

func newMoving(t *testing.T) *moving {
	m := &moving{world: newWorld(t, mqtt.Config{}, func(w *world) {
		w.grace = actorstest.Patience // no connection is so slow that it is given up
	})}
	m.key = actors.UserKey(actors.DefaultApp, "alice")
	m.kept, m.clean = m.as("kept"), m.as("clean")
	m.subscribe(m.kept, m.clean)
	return m
}

func (m *moving) subscribe(list ...*client) {
	m.t.Helper()
	for _, c := range list {
		c.subscribe("users/me/messages", 1)
	}
}

// as connects as one of the two, and takes the session over that is there.
func (m *moving) as(id string) *client {
	c := m.dial()
	c.connect(id, func(p *packet.Connect) {
		p.Username, p.CleanStart = []byte("alice"), id == "clean"
		if id == "kept" {
			p.Properties.SetUint(packet.SessionExpiryInterval, 60)
		}
	})
	return c
}

// end ends the user's actor.
func (m *moving) end() { m.node.Send(m.key, &actors.Move{}) }

// tell publishes a message, which both are given as a new one, and acknowledge. The one
// that is kept may be given the message again before, if it is not "".
func (m *moving) tell(title, again string) {
	m.t.Helper()
	m.publish("alice", title)
	for _, c := range []*client{m.kept, m.clean} {
		p, ok := c.read().(*packet.Publish)
		if ok && c == m.kept && again != "" && brings(p, again) {
			c.send(&packet.Puback{ID: p.ID})
			p, ok = c.read().(*packet.Publish)
		}
		if !ok || !brings(p, title) || p.Dup {
			m.t.Fatalf("got %v for %s", p, title)
		}
		c.send(&packet.Puback{ID: p.ID})
	}
}

// settle waits until it is written down what was acknowledged.
func (m *moving) settle() {
	m.t.Helper()
	until(m.t, "what was acknowledged is written down", func() bool {
		s, there := m.session("alice", "kept")
		return there && s.Waiting+s.Outgoing == 0
	})
}

func brings(p *packet.Publish, title string) bool {
	return strings.Contains(string(p.Payload), fmt.Sprintf("%q", title))
}

// takeOver lets other connections take both sessions.
func (m *moving) takeOver() {
	m.t.Helper()
	for id, c := range map[string]**client{"kept": &m.kept, "clean": &m.clean} {
		old := *c
		*c = m.as(id)
		old.wantDisconnect(packet.SessionTakenOver)
	}
}

// TestUserEnds ends a user's actor again and again: its sessions go on with the next
// activation, and their clients get everything once and notice nothing. A
// connection that takes a session over meanwhile has it.
func TestUserEnds(t *testing.T) {
	m := newMoving(t)
	for n := range 30 {
		m.end()
		m.tell(fmt.Sprint("message ", n), "")
	}
	m.settle()
	m.end()
	m.takeOver()
	for _, c := range []*client{m.kept, m.clean} {
		c.send(&packet.Pingreq{})
		if p := c.read(); p == nil || p.Type() != packet.TypePingresp {
			t.Errorf("got %v", p)
		}
	}
}

// TestTakenOverAtOnce takes sessions over while it is being written down that the last
// message was sent and acknowledged. A client of QoS 1 may be given that one again, and
// nothing else, before what is new.
func TestTakenOverAtOnce(t *testing.T) {
	m := newMoving(t)
	for n := range 10 {
		title := fmt.Sprint("message ", n)
		m.tell(title, "")
		if n%2 == 0 {
			m.end()
		}
		m.takeOver()
		m.subscribe(m.clean)
		m.tell(fmt.Sprint("behind ", n), title)
		m.settle()
	}
}

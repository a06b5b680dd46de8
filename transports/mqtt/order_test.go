package mqtt_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"reddot/actors"
	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// A holdingRouter keeps the first change of a session that says a message was
// sent, until it is told what becomes of it.
type holdingRouter struct {
	actors.Router

	mu   sync.Mutex
	held *actors.Request
	done bool
}

func (h *holdingRouter) Send(key actors.Key, m any) {
	if r, ok := m.(*actors.Request); ok {
		if c, ok := r.Command.(*actors.ChangeSession); ok && len(c.Change.Sent) > 0 && h.hold(r) {
			return
		}
	}
	h.Router.Send(key, m)
}

func (h *holdingRouter) Ask(ctx context.Context, r *actors.Request) error {
	return h.Router.Ask(ctx, r)
}

func (h *holdingRouter) hold(r *actors.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return false
	}
	h.held, h.done = r, true
	return true
}

func (h *holdingRouter) isHolding() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held != nil
}

// TestWrittenInOrder lets what says that a first message was sent not be written down,
// with a second one behind it, as when the store is away for a moment, and the connection
// end before that or with it: the client gets both of them in their order
// [MQTT-4.6.0-6].
func TestWrittenInOrder(t *testing.T) {
	for name, hangsUp := range map[string]bool{"ended by it": false, "ended before": true} {
		t.Run(name, func(t *testing.T) {
			holding := &holdingRouter{}
			w := newWorld(t, mqtt.Config{}, func(w *world) {
				w.router = func(r actors.Router) actors.Router {
					holding.Router = r
					return holding
				}
			})
			connect := func() *client {
				c := w.dial()
				c.connect("phone", func(p *packet.Connect) {
					p.Username, p.CleanStart = []byte("alice"), false
					p.Properties.SetUint(packet.SessionExpiryInterval, 60)
				})
				return c
			}
			c := connect()
			c.subscribe("users/me/messages", 2)
			w.publish("alice", "first")
			until(t, "the change", holding.isHolding)
			w.publish("alice", "second")
			c.send(&packet.Pingreq{})
			if p := c.read(); p == nil || p.Type() != packet.TypePingresp {
				t.Fatalf("got %v", p)
			}
			if hangsUp {
				_ = c.conn.Close()
				until(t, "the end", func() bool { return w.streams.Places() == 0 })
			}
			holding.held.Fail(actors.Errorf(actors.Unavailable, "the store can't be reached"))
			until(t, "the end", func() bool { s, _ := w.session("alice", "phone"); return !s.Connected })
			c = connect()
			for _, title := range []string{"first", "second"} {
				p, ok := c.read().(*packet.Publish)
				if !ok || !strings.Contains(string(p.Payload), title) {
					t.Fatalf("got %v, want %s", p, title)
				}
				c.send(&packet.Pubrec{ID: p.ID})
			}
		})
	}
}

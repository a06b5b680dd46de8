package mqtt_test

import (
	"fmt"
	"strings"
	"testing"

	"reddot/actors"
	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// TestUserEnds ends a user's actor again and again, as when its shard moves:
// its sessions, of both kinds, go on with the next activation, and their clients
// get everything once and notice nothing. A connection that takes a session over
// meanwhile has it.
func TestUserEnds(t *testing.T) {
	w := newWorld(t, mqtt.Config{})
	key := actors.UserKey(actors.DefaultApp, "alice")
	as := func(id string, expiry uint32) *client {
		c := w.dial()
		c.connect(id, func(p *packet.Connect) {
			p.Username, p.CleanStart = []byte("alice"), expiry == 0
			if expiry > 0 {
				p.Properties.SetUint(packet.SessionExpiryInterval, expiry)
			}
		})
		return c
	}
	kept, clean := as("kept", 60), as("clean", 0)
	kept.subscribe("users/me/messages", 1)
	clean.subscribe("users/me/messages", 1)
	for n := range 30 {
		w.node.Send(key, &actors.Move{})
		w.publish("alice", fmt.Sprint("message ", n))
		for _, c := range []*client{kept, clean} {
			p, ok := c.read().(*packet.Publish)
			if !ok || !strings.Contains(string(p.Payload), fmt.Sprintf(`"message %d"`, n)) || p.Dup {
				t.Fatalf("got %v for message %d", p, n)
			}
			c.send(&packet.Puback{ID: p.ID})
		}
	}
	w.node.Send(key, &actors.Move{})
	for id, old := range map[string]*client{"kept": kept, "clean": clean} {
		expiry := uint32(0)
		if id == "kept" {
			expiry = 60
		}
		fresh := as(id, expiry)
		old.wantDisconnect(packet.SessionTakenOver)
		fresh.send(&packet.Pingreq{})
		p := fresh.read()
		for m, ok := p.(*packet.Publish); ok && m.Dup; m, ok = p.(*packet.Publish) {
			p = fresh.read() // its acknowledgement was not written down in time
		}
		if p == nil || p.Type() != packet.TypePingresp {
			t.Errorf("%s: got %v", id, p)
		}
	}
}

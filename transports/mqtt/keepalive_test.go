package mqtt_test

import (
	"testing"
	"time"

	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// TestKeepAlive has a client fall silent, and one that does not: the former is
// gone after one and a half times its keep alive [MQTT-3.1.2-22], and its will
// is published. One that wants none gets the longest that there may be.
func TestKeepAlive(t *testing.T) {
	w := newWorld(t, mqtt.Config{KeepAlive: 2 * time.Second})
	watch := w.dial()
	watch.connect("watch")
	watch.subscribe("gone", 0)
	began := time.Now()
	silent := w.dial()
	silent.connect("silent", func(p *packet.Connect) {
		p.KeepAlive = 1
		p.Will = &packet.Will{Topic: []byte("gone"), Payload: []byte("silent")}
	})
	old := w.dial()
	old.send(&packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("old"), KeepAlive: 1})
	if p, ok := old.read().(*packet.Connack); !ok || p.Reason != packet.Success {
		t.Fatalf("got %v", p)
	}
	endless := w.dial()
	endless.send(&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("endless")})
	if p := endless.read().(*packet.Connack); p.Properties.Uint(packet.ServerKeepAlive) != 2 {
		t.Errorf("got %v", p)
	}
	pings := make(chan struct{})
	go func() {
		defer close(pings)
		for time.Since(began) < 4*time.Second {
			_, _ = watch.conn.Write((&packet.Pingreq{}).Append(nil, packet.V5))
			time.Sleep(300 * time.Millisecond) // that is what keeping alive is
		}
	}()
	silent.wantDisconnect(packet.KeepAliveTimeout)
	if took := time.Since(began); took < 1400*time.Millisecond {
		t.Errorf("it was gone after %v", took)
	}
	if p := old.read(); p != nil {
		t.Errorf("got %v, want the end: 3.1.1 has no words for it", p)
	}
	if m := watch.skip(packet.TypePingresp).(*packet.Publish); string(m.Payload) != "silent" {
		t.Errorf("got %v", m)
	}
	endless.wantDisconnect(packet.KeepAliveTimeout)
	<-pings
	watch.send(&packet.Unsubscribe{ID: 1, Filters: [][]byte{[]byte("gone")}})
	if p, ok := watch.skip(packet.TypePingresp).(*packet.Unsuback); !ok {
		t.Errorf("the one that is not silent: got %v", p)
	}
}

// skip reads the next packet of another type.
func (c *client) skip(t packet.Type) packet.Packet {
	c.t.Helper()
	for {
		if p := c.read(); p == nil || p.Type() != t {
			return p
		}
	}
}

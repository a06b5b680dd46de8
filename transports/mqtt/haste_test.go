package mqtt_test

import (
	"fmt"
	"testing"

	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// TestHangUp has clients that publish with QoS 0 as soon as CONNECT is answered,
// and hang up without a word: what was sent is taken.
func TestHangUp(t *testing.T) {
	w := newWorld(t, mqtt.Config{PublishesPerSecond: -1})
	sub := w.dial()
	sub.connect("sub")
	sub.subscribe("t", 0)
	for i := range 200 {
		c := w.dial()
		c.connect(fmt.Sprint("c", i%7))
		c.send(&packet.Publish{Topic: []byte("t"), Payload: fmt.Append(nil, i)})
		if err := c.conn.Close(); err != nil {
			t.Fatal(err)
		}
		if m, ok := sub.read().(*packet.Publish); !ok || string(m.Payload) != fmt.Sprint(i) {
			t.Fatalf("got %v, want message %d", m, i)
		}
	}
}

// TestAtOnce has clients that send everything without waiting for an answer, as
// the standard lets them (MQTT 5, 3.1.4): each packet is answered in its turn.
func TestAtOnce(t *testing.T) {
	w := newWorld(t, mqtt.Config{PublishesPerSecond: -1})
	for i := range 200 {
		c := w.dial()
		b := (&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: fmt.Append(nil, "c", i%7), KeepAlive: 60}).Append(nil, packet.V5)
		first := len(b)
		b = (&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: []byte("t"), QoS: 1}}}).Append(b, packet.V5)
		b = (&packet.Publish{QoS: 1, ID: 2, Topic: []byte("t"), Payload: []byte("x")}).Append(b, packet.V5)
		b = (&packet.Pingreq{}).Append(b, packet.V5)
		c.version = packet.V5
		if i%2 == 0 {
			c.write(b)
		} else { // the rest comes while CONNECT is being answered
			c.write(b[:first])
			c.write(b[first:])
		}
		for _, want := range []packet.Type{packet.TypeConnack, packet.TypeSuback, packet.TypePublish, packet.TypePuback, packet.TypePingresp} {
			if p := c.read(); p == nil || p.Type() != want {
				t.Fatalf("client %d: got %v, want %v", i, p, want)
			}
		}
		if err := c.conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

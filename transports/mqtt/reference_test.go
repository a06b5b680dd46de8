package mqtt_test

import (
	"testing"

	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// TestServerReference tells clients of MQTT 5, and only those, where to go when
// the server goes down.
func TestServerReference(t *testing.T) {
	const elsewhere = "b.example.com:1883 c.example.com:1883"
	w := newWorld(t, mqtt.Config{ServerReference: elsewhere})
	phone, small, old := w.dial(), w.dial(), w.dial()
	phone.connect("phone")
	small.connect("small", func(p *packet.Connect) { p.Properties.SetUint(packet.MaximumPacketSize, 30) })
	old.version = packet.V311
	old.connect("old", func(p *packet.Connect) { p.Version = packet.V311 })
	drained := make(chan error, 1)
	go func() { drained <- w.streams.Drain(t.Context(), 0) }()
	if p, ok := phone.read().(*packet.Disconnect); !ok || p.Reason != packet.UseAnotherServer || string(p.Properties.Bytes(packet.ServerReference)) != elsewhere {
		t.Errorf("got %v", p)
	}
	if p, ok := small.read().(*packet.Disconnect); !ok || p.Reason != packet.UseAnotherServer || p.Properties.Has(packet.ServerReference) {
		t.Errorf("a client that takes only small packets got %v", p)
	}
	if p := old.read(); p != nil {
		t.Errorf("a client of 3.1.1 got %v", p)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if _, err := (mqtt.Config{ServerReference: "a\nb"}).WithDefaults(); err == nil {
		t.Error("a reference of two lines is none")
	}
}

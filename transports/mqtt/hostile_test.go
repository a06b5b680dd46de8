package mqtt_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"reddot/transports"
	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// connect connects a client and takes the answer.
func (c *client) connect(id string, with ...func(*packet.Connect)) {
	c.t.Helper()
	p := &packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte(id), KeepAlive: 60}
	for _, fn := range with {
		fn(p)
	}
	c.send(p)
	if ack, ok := c.read().(*packet.Connack); !ok || ack.Reason != packet.Success {
		c.t.Fatalf("%s: got %v", id, ack)
	}
}

func (c *client) subscribe(filter string, qos packet.QoS) {
	c.t.Helper()
	c.send(&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: []byte(filter), QoS: qos}}})
	if ack, ok := c.read().(*packet.Suback); !ok || ack.Reasons[0].Failed() {
		c.t.Fatalf("%s: got %v", filter, ack)
	}
}

// TestHostile has peers that do what they may not, one after the other, while
// a good one must not notice.
func TestHostile(t *testing.T) {
	w := newWorld(t, mqtt.Config{ConnectTimeout: time.Second, ConnectBytes: 1000, PacketBytes: 2000, PublishesPerSecond: 1e6, PublishBurst: 1e6, QueueMessages: 50},
		func(w *world) { w.sink = transports.SinkConfig{Stall: time.Second} })
	good := w.dial()
	good.connect("good")
	good.subscribe("g", 1)
	publish := func(n int) {
		good.send(&packet.Publish{QoS: 1, ID: 9, Topic: []byte("g"), Payload: fmt.Append(nil, n)})
		for _, want := range []packet.Type{packet.TypePublish, packet.TypePuback} {
			p := good.read()
			if p == nil || p.Type() != want {
				t.Fatalf("the good client got %v, want %v", p, want)
			}
			if m, ok := p.(*packet.Publish); ok {
				good.send(&packet.Puback{ID: m.ID})
			}
		}
	}
	peers := []struct {
		name string
		act  func(*client)
	}{
		{"garbage", func(c *client) { c.write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) }},
		{"a packet that says it is huge", func(c *client) { c.write([]byte{0x10, 0xff, 0xff, 0xff, 0x7f}) }},
		{"a length that never ends", func(c *client) { c.write([]byte{0x10, 0xff, 0xff, 0xff, 0xff, 0xff}) }},
		{"a CONNECT that is too large", func(c *client) { c.write(append([]byte{0x10, 0xe8, 0x07}, make([]byte, 1000)...)) }},
		{"nothing at all", func(*client) {}},
		{"a CONNECT that does not end", func(c *client) { c.write([]byte{0x10, 0x20, 0, 4, 'M'}) }},
		{"a packet above the limit", func(c *client) {
			c.connect("large")
			c.send(&packet.Publish{Topic: []byte("x"), Payload: make([]byte, 3000)})
			c.wantDisconnect(packet.PacketTooLarge)
		}},
		{"a flood of subscriptions", func(c *client) {
			c.connect("many")
			p := &packet.Subscribe{ID: 1}
			for i := range 101 {
				p.Subscriptions = append(p.Subscriptions, packet.Subscription{Filter: fmt.Append(nil, "f/", i)})
			}
			c.send(p)
			if ack := c.read().(*packet.Suback); ack.Reasons[99].Failed() || ack.Reasons[100] != packet.QuotaExceeded {
				t.Errorf("got %v", ack.Reasons[99:])
			}
			c.send(&packet.Auth{Reason: packet.ReAuthenticate, Properties: method()})
			c.wantDisconnect(packet.BadAuthenticationMethod)
		}},
		{"a topic that is too deep", func(c *client) {
			c.connect("deep")
			c.send(&packet.Publish{QoS: 1, ID: 1, Topic: []byte(strings.Repeat("a/", 16) + "a")})
			if ack := c.read().(*packet.Puback); ack.Reason != packet.TopicNameInvalid {
				t.Errorf("got %v", ack.Reason)
			}
			_ = c.conn.Close()
		}},
	}
	for i, peer := range peers {
		c := w.dial()
		began := time.Now()
		peer.act(c)
		publish(i)
		if p := c.read(); p != nil && (p.Type() != packet.TypeConnack || c.read() != nil) {
			t.Errorf("%s: the connection goes on", peer.name)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it lasted %v", peer.name, took)
		}
		_ = c.conn.Close()
	}
	drip := w.dial()
	for _, b := range (&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("drip")}).Append(nil, packet.V5) {
		drip.write([]byte{b})
		time.Sleep(time.Millisecond) // that is what dripping is
	}
	drip.version = packet.V5
	if p, ok := drip.read().(*packet.Connack); !ok || p.Reason != packet.Success {
		t.Errorf("a CONNECT in drops: got %v", p)
	}
	publish(99)
}

func method() (ps packet.Properties) {
	ps.SetString(packet.AuthenticationMethod, "m")
	return ps
}

func (c *client) wantDisconnect(r packet.Reason) {
	c.t.Helper()
	if p, ok := c.read().(*packet.Disconnect); !ok || p.Reason != r {
		c.t.Errorf("got %v, want DISCONNECT with %v", p, r)
	}
}

// TestNeverReads has a subscriber that takes nothing, while another gets all.
// What it does not take is bounded, and its end comes.
func TestNeverReads(t *testing.T) {
	w := newWorld(t, mqtt.Config{QueueMessages: 100, PublishesPerSecond: -1},
		func(w *world) {
			w.sink = transports.SinkConfig{Stall: 500 * time.Millisecond, MaxBytes: 64 << 10, SendBuffer: 8 << 10}
		})
	lazy := w.dial()
	if err := lazy.conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	lazy.connect("lazy")
	lazy.subscribe("t/#", 1)
	keen, pub := w.dial(), w.dial()
	keen.connect("keen")
	keen.subscribe("t/#", 0)
	pub.connect("pub")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	payload := make([]byte, 8<<10)
	for i := range 2000 {
		pub.send(&packet.Publish{Topic: fmt.Append(nil, "t/", i), Payload: payload})
		if m, ok := keen.read().(*packet.Publish); !ok || string(m.Topic) != fmt.Sprint("t/", i) {
			t.Fatalf("got %v, want message %d", m, i)
		}
	}
	for i := range 300 { // with QoS 1 they wait, and then are too many
		pub.send(&packet.Publish{QoS: 1, ID: 1, Topic: []byte("t"), Payload: payload})
		for range 2 {
			if p := pub.reading(keen); p == nil {
				t.Fatalf("message %d: nothing came", i)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	until(t, "the end of the lazy one", func() bool { return w.streams.Open()["mqtt"] == 2 })
}

// reading reads the next packet of c or else of d.
func (c *client) reading(d *client) packet.Packet {
	c.t.Helper()
	for range 2000 {
		for _, one := range []*client{c, d} {
			if frame, rest, err := packet.Split(one.buf, packet.MaxSize); err == nil && frame != nil {
				one.buf = rest
				p, err := packet.Decode(frame, one.version)
				if err != nil {
					c.t.Fatal(err)
				}
				return p
			}
			var b [16 << 10]byte
			_ = one.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			n, _ := one.conn.Read(b[:])
			one.buf = append(one.buf, b[:n]...)
		}
	}
	return nil
}

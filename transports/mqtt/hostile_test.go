package mqtt_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
	"reddot/transports/streams"
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

// A peer is one that does what it may not. It must be gone soon after act, and
// others must not notice.
type peer struct {
	name string
	act  func(*client)
}

var peers = []peer{
	{"garbage", func(c *client) { c.write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) }},
	{"a packet that says it is huge", func(c *client) { c.write([]byte{0x10, 0xff, 0xff, 0xff, 0x7f}) }},
	{"a length that never ends", func(c *client) { c.write([]byte{0x10, 0xff, 0xff, 0xff, 0xff, 0xff}) }},
	{"a CONNECT that is too large", func(c *client) { c.write(append([]byte{0x10, 0xe8, 0x07}, make([]byte, 1000)...)) }},
	{"nothing at all", func(*client) {}},
	{"a CONNECT that does not end", func(c *client) { c.write([]byte{0x10, 0x20, 0, 4, 'M'}) }},
	{"a CONNECT in drops, without an end", func(c *client) {
		whole := (&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: make([]byte, 900)}).Append(nil, packet.V5)
		for i := range whole {
			if _, err := c.conn.Write(whole[i : i+1]); err != nil {
				return // it is over in time, whatever comes
			}
			time.Sleep(20 * time.Millisecond) // that is what dripping is
		}
		c.t.Error("it could go on")
	}},
	{"what a server sends", func(c *client) {
		c.connect("server")
		c.send(&packet.Suback{ID: 1, Reasons: []packet.Reason{0}})
		c.wantDisconnect(packet.ProtocolError)
	}},
	{"garbage behind CONNECT", func(c *client) {
		c.connect("later")
		c.write([]byte{0x36, 0x05, 0, 1, 'a', 0, 1})
		c.wantDisconnect(packet.MalformedPacket)
	}},
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
			c.t.Errorf("got %v", ack.Reasons[99:])
		}
		c.send(&packet.Auth{Reason: packet.ReAuthenticate, Properties: method()})
		c.wantDisconnect(packet.BadAuthenticationMethod)
	}},
	{"a flood of PINGREQ, the answers not read", func(c *client) {
		c.connect("ping")
		c.flood(bytes.Repeat((&packet.Pingreq{}).Append(nil, packet.V5), 300))
	}},
	{"a flood of messages with QoS 2 that are not released", func(c *client) {
		c.connect("release")
		for id := range uint16(65) {
			c.send(&packet.Publish{QoS: 2, ID: id + 1, Topic: []byte("x")})
		}
		for {
			p := c.read()
			if _, ok := p.(*packet.Pubrec); ok {
				continue
			}
			if d, ok := p.(*packet.Disconnect); !ok || d.Reason != packet.ReceiveMaximumExceeded {
				c.t.Errorf("got %v", p)
			}
			return
		}
	}},
	{"a topic that is too deep", func(c *client) {
		c.connect("deep")
		c.send(&packet.Publish{QoS: 1, ID: 1, Topic: []byte(strings.Repeat("a/", 128) + "a")})
		if ack := c.read().(*packet.Puback); ack.Reason != packet.TopicNameInvalid {
			c.t.Errorf("got %v", ack.Reason)
		}
		_ = c.conn.Close()
	}},
}

// rawPeers are some that do not come as far as MQTT.
var rawPeers = map[string][]peer{
	"tls": {
		{"a handshake that does not begin", func(*client) {}},
		{"a handshake that does not end", func(c *client) { c.write([]byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}) }},
		{"MQTT without TLS", func(c *client) {
			c.write((&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("x")}).Append(nil, packet.V5))
		}},
	},
	"websocket": {
		{"a flood of pings, the answers not read", func(c *client) {
			in := bufio.NewReader(c.conn)
			upgrade(c.t, c.conn, in, "Sec-WebSocket-Protocol: mqtt\r\n")
			c.flood(bytes.Repeat(maskedFrame(0x89, make([]byte, 100)), 100))
		}},
		{"a frame that says it is huge", func(c *client) {
			in := bufio.NewReader(c.conn)
			upgrade(c.t, c.conn, in, "Sec-WebSocket-Protocol: mqtt\r\n")
			c.write([]byte{0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4})
			c.write(make([]byte, 5000)) // in it, no CONNECT
		}},
	},
}

// TestHostile has peers that do what they may not, one after the other, by each
// way, while a good one must not notice.
func TestHostile(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			beHostile(t, way)
		})
	}
}

func beHostile(t *testing.T, way string) {
	w := newWorld(t, mqtt.Config{ConnectTimeout: time.Second, ConnectBytes: 1000, PacketBytes: 2000, PublishesPerSecond: 1e6, PublishBurst: 1e6, QueueMessages: 50},
		by(way), func(w *world) {
			w.sink = streams.SinkConfig{Stall: time.Second, MaxBytes: 64 << 10, SendBuffer: 8 << 10}
		})
	good := w.dial()
	good.connect("good")
	good.subscribe("g", 1)
	n := 0
	publish := func() {
		n++
		good.send(&packet.Publish{QoS: 1, ID: 9, Topic: []byte("g"), Payload: fmt.Append(nil, n)})
		// Both come; the standard has no order between them, and a connection that
		// is busy for a moment is acknowledged to first.
		for message, ack := false, false; !message || !ack; {
			switch p := good.read().(type) {
			case *packet.Publish:
				if message || string(p.Payload) != fmt.Sprint(n) {
					t.Fatalf("the good client got %q, want %d", p.Payload, n)
				}
				message = true
				good.send(&packet.Puback{ID: p.ID})
			case *packet.Puback:
				if ack {
					t.Fatal("the good client got a second PUBACK")
				}
				ack = true
			default:
				t.Fatalf("the good client got %v", p)
			}
		}
	}
	meet := func(peer peer, c *client) {
		c.t = t
		began := time.Now()
		peer.act(c)
		publish()
		if !c.closed && !c.ends() {
			t.Errorf("%s: the connection goes on", peer.name)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: it lasted %v", peer.name, took)
		}
		_ = c.conn.Close()
	}
	for _, peer := range peers {
		meet(peer, w.dial())
	}
	for _, peer := range rawPeers[way] {
		meet(peer, w.dialRaw())
	}
	until(t, "all but the good one to leave", func() bool { return w.streams.Open()["mqtt"] == 1 })
	drip := w.dial()
	for _, b := range (&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: []byte("drip")}).Append(nil, packet.V5) {
		drip.write([]byte{b})
	}
	drip.version = packet.V5
	if p, ok := drip.read().(*packet.Connack); !ok || p.Reason != packet.Success {
		t.Errorf("a CONNECT in drops: got %v", p)
	}
	publish()
}

// flood writes b again and again until the server has had enough.
func (c *client) flood(b []byte) {
	late := time.Now().Add(8 * time.Second)
	_ = c.conn.SetWriteDeadline(late)
	for time.Now().Before(late) {
		if _, err := c.conn.Write(b); err != nil {
			var timeout net.Error
			c.closed = !errors.As(err, &timeout) || !timeout.Timeout()
			return
		}
	}
	c.t.Error("it could go on")
}

// ends tells whether the server closes the connection, whatever it says before.
func (c *client) ends() bool {
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := io.Copy(io.Discard, c.conn)
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// TestHalfPackets has many announce large packets and send little of them: the
// server holds what has come and no more.
func TestHalfPackets(t *testing.T) {
	w := newWorld(t, mqtt.Config{})
	const peers = 200
	var before, after runtime.MemStats
	list := make([]*client, peers)
	for i := range list {
		list[i] = w.dial()
		list[i].connect(fmt.Sprint("half", i))
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	whole := (&packet.Publish{QoS: 1, ID: 1, Topic: []byte("x"), Payload: make([]byte, 200<<10)}).Append(nil, packet.V5)
	for _, c := range list {
		c.write(whole[:100])
	}
	other := w.dial()
	other.connect("other")
	for range 100 { // while they wait
		other.send(&packet.Pingreq{})
		if p := other.read(); p.Type() != packet.TypePingresp {
			t.Fatalf("got %v", p)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > peers*5000 {
		t.Errorf("the heap has grown by %d bytes for %d peers", grown, peers)
	}
	for _, c := range list[:10] { // and they were heard
		c.write(whole[100:])
		if p := c.read(); p == nil || p.Type() != packet.TypePuback {
			t.Errorf("got %v", p)
		}
	}
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

// TestNeverReads has a subscriber that takes nothing, while another gets all, by
// each way. What it does not take is bounded, and its end comes.
func TestNeverReads(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) { neverRead(t, way) })
	}
}

func neverRead(t *testing.T, way string) {
	w := newWorld(t, mqtt.Config{QueueMessages: 100, PublishesPerSecond: -1}, by(way),
		func(w *world) {
			w.sink = streams.SinkConfig{Stall: 500 * time.Millisecond, MaxBytes: 64 << 10, SendBuffer: 8 << 10}
		})
	lazy := w.dial()
	if err := lazy.raw.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	lazy.connect("lazy")
	lazy.subscribe("t/#", 1)
	keen, pub := w.dial(), w.dial()
	keen.connect("keen")
	keen.subscribe("t/#", 0)
	pub.connect("pub")
	if c, ok := pub.conn.(*frameConn); ok {
		c.whole = true
	}
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

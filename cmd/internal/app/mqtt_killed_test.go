package app_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"reddot/cmd/internal/app"
	"reddot/transports/mqtt/packet"
)

// mqttPatience is how long a client waits for what must happen.
const mqttPatience = 30 * time.Second

// stubborn is a client of MQTT 3.1.1 that connects again and again, and does
// with QoS 2 exactly what the standard asks for. (paho.mqtt.golang sends a
// PUBLISH again after its PUBREL, and shows a message again that it has not seen
// released.)
type stubborn struct {
	addr, id string
	secure   bool     // by TLS
	password string   // empty: none, which is enough in development
	others   []string // addresses that it tries in turn
	conn     net.Conn
	buf      []byte
}

var errCut = errors.New("the connection was cut")

// connect connects until the server is there.
func (c *stubborn) connect() {
	for {
		if c.conn != nil {
			_ = c.conn.Close()
			if len(c.others) > 0 {
				c.addr, c.others = c.others[0], append(c.others[1:], c.addr)
			}
		}
		var err error
		if c.conn, err = c.dial(); err != nil {
			c.conn = nil
			if len(c.others) > 0 {
				c.addr, c.others = c.others[0], append(c.others[1:], c.addr)
			}
			time.Sleep(5 * time.Millisecond) // until it is started again
			continue
		}
		c.buf = nil
		hello := &packet.Connect{Version: packet.V311, ClientID: []byte(c.id), KeepAlive: 600}
		if c.password != "" {
			hello.Username, hello.Password = []byte(c.id), []byte(c.password)
		}
		if c.send(hello) != nil {
			continue
		}
		if p, err := c.read(); err == nil && p.Type() == packet.TypeConnack {
			return
		}
	}
}

func (c *stubborn) dial() (net.Conn, error) {
	if !c.secure {
		return net.Dial("tcp", c.addr)
	}
	conn, err := tls.Dial("tcp", c.addr, trusting())
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (c *stubborn) send(p packet.Packet) error {
	_, err := c.conn.Write(p.Append(nil, packet.V311))
	return err
}

func (c *stubborn) read() (packet.Packet, error) {
	for {
		frame, rest, err := packet.Split(c.buf, packet.MaxSize)
		if err != nil {
			return nil, err
		}
		if frame != nil {
			c.buf = rest
			return packet.Decode(frame, packet.V311)
		}
		var b [4096]byte
		_ = c.conn.SetReadDeadline(time.Now().Add(mqttPatience))
		n, err := c.conn.Read(b[:])
		if c.buf = append(c.buf, b[:n]...); err != nil {
			return nil, errors.Join(errCut, err)
		}
	}
}

// insist sends p until the answer comes, on as many connections as it takes.
func (c *stubborn) insist(p packet.Packet, answer packet.Type) {
	for {
		if c.send(p) == nil {
			for got, err := c.read(); err == nil; got, err = c.read() {
				if got.Type() == answer {
					return
				}
			}
		}
		c.connect()
		if m, ok := p.(*packet.Publish); ok {
			m.Dup = true
		}
	}
}

// receive takes messages with QoS 2, and gives each of them to got once, until
// got says that it was the last.
func (c *stubborn) receive(got func([]byte) (last bool)) {
	var open []uint16 // received and not released
	for {
		p, err := c.read()
		if err != nil {
			c.connect()
			continue
		}
		switch p := p.(type) {
		case *packet.Publish:
			if !slices.Contains(open, p.ID) {
				open = append(open, p.ID)
				if got(p.Payload) {
					return
				}
			}
			_ = c.send(&packet.Pubrec{ID: p.ID}) // an error shows when it reads
		case *packet.Pubrel:
			open = slices.DeleteFunc(open, func(id uint16) bool { return id == p.ID })
			_ = c.send(&packet.Pubcomp{ID: p.ID})
		}
	}
}

// TestMQTTKilled has clients publish with QoS 1 and 2 while the server is
// killed again and again, and others, which outlive their connections, get
// everything: with QoS 2 exactly once, and in order.
func TestMQTTKilled(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[secure], func(t *testing.T) {
			t.Parallel()
			testMQTTKilled(t, secure)
		})
	}
}

func testMQTTKilled(t *testing.T, secure bool) {
	addr := app.FreeAddr(t)
	s := newProcess(t)
	if secure {
		s.secure(t)
	}
	s.env = append(s.env, map[bool]string{false: "REDDOT_MQTT_LISTEN=", true: "REDDOT_MQTT_LISTEN_TLS="}[secure]+addr)
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	const messages, kills = 400, 8
	var mu sync.Mutex
	var exact []int
	counted := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(exact)
	}
	sub, pub := &stubborn{addr: addr, id: "sub", secure: secure}, &stubborn{addr: addr, id: "pub", secure: secure}
	sub.connect()
	sub.insist(&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: []byte("exact"), QoS: 2}}}, packet.TypeSuback)
	pub.connect()
	var clients sync.WaitGroup
	clients.Go(func() {
		sub.receive(func(payload []byte) bool {
			n, err := strconv.Atoi(string(payload))
			if err != nil {
				t.Errorf("got %q", payload)
			}
			mu.Lock()
			defer mu.Unlock()
			exact = append(exact, n)
			return n == messages-1
		})
	})
	clients.Go(func() {
		for n := range messages {
			id := uint16(n%3 + 1) // used again and again
			pub.insist(&packet.Publish{QoS: 2, ID: id, Topic: []byte("exact"), Payload: fmt.Append(nil, n)}, packet.TypePubrec)
			pub.insist(&packet.Pubrel{ID: id}, packet.TypePubcomp)
		}
	})
	least := atLeast(t, addr, secure)
	for range kills {
		before := counted()
		waitFor(t, "messages between two kills", func() bool { n := counted(); return n > before+messages/(2*kills) || n >= messages })
		s.kill(t)
		s.start(t)
	}
	clients.Wait()
	least()
	for i, n := range exact {
		if i != n {
			t.Fatalf("with QoS 2 message %d came in the place of %d: %v", n, i, exact)
		}
	}
}

// atLeast lets a client of another make publish with QoS 1 to a second one. What
// it returns waits until that has everything.
func atLeast(t *testing.T, addr string, secure bool) (wait func()) {
	t.Helper()
	const messages = 300
	var mu sync.Mutex
	got := map[string]bool{}
	connect := func(id string) paho.Client {
		o := paho.NewClientOptions().AddBroker(map[bool]string{false: "tcp://", true: "ssl://"}[secure] + addr).SetTLSConfig(trusting()).SetClientID(id).SetCleanSession(false).SetAutoReconnect(true).
			SetMaxReconnectInterval(50 * time.Millisecond).SetKeepAlive(5 * time.Second).SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond)
		o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			mu.Lock()
			defer mu.Unlock()
			got[string(m.Payload())] = true
		})
		c := paho.NewClient(o)
		done(t, c.Connect())
		t.Cleanup(func() { c.Disconnect(100) })
		return c
	}
	done(t, connect("least-sub").Subscribe("least", 1, nil))
	pub := connect("least-pub")
	finished := make(chan error, 1)
	go func() {
		for n := range messages {
			if token := pub.Publish("least", 1, false, strconv.Itoa(n)); !token.WaitTimeout(mqttPatience) || token.Error() != nil {
				finished <- fmt.Errorf("message %d: %w", n, token.Error())
				return
			}
		}
		finished <- nil
	}()
	return func() {
		t.Helper()
		if err := <-finished; err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the messages with QoS 1", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(got) == messages
		})
	}
}

func done(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(mqttPatience) {
		t.Fatal("no answer in time")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(mqttPatience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

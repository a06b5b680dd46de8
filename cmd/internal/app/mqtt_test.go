package app

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	pahov5 "github.com/eclipse/paho.golang/paho"
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"reddot/cmd/internal/config"
	"reddot/transports"
)

// mqttClient returns a connected client of MQTT 3.1.1, and what it gets: topic,
// a blank, payload.
func mqttClient(t *testing.T, broker string, with ...func(*paho.ClientOptions)) (paho.Client, <-chan string) {
	t.Helper()
	got := make(chan string, 1000)
	o := paho.NewClientOptions().AddBroker(broker).SetAutoReconnect(false).SetConnectTimeout(patience).SetTLSConfig(trusting())
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { got <- m.Topic() + " " + string(m.Payload()) })
	for _, fn := range with {
		fn(o)
	}
	c := paho.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return c, got
}

func done(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("no answer in time")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// wantMQTT waits for a message that begins so and contains all parts.
func wantMQTT(t *testing.T, got <-chan string, topic string, parts ...string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case m := <-got:
			ok := strings.HasPrefix(m, topic+" ")
			for _, p := range parts {
				ok = ok && strings.Contains(m, p)
			}
			if ok {
				return
			}
		case <-late:
			t.Fatalf("waited in vain for %s with %q", topic, parts)
		}
	}
}

// TestMQTTIsTheSameInbox: what is read on one transport is read on all, on TCP
// and on WebSocket, in both versions of MQTT.
func TestMQTTIsTheSameInbox(t *testing.T) { plainAndTLS(t, mqttIsTheSameInbox) }

func mqttIsTheSameInbox(t *testing.T, cfg config.Config) {
	a, _ := start(t, cfg)
	phone, got := mqttClient(t, mqttURL(a), func(o *paho.ClientOptions) { o.SetUsername("alice") })
	done(t, phone.SubscribeMultiple(map[string]byte{"users/me/messages": 1, "users/me/counts": 2}, nil))
	wantMQTT(t, got, "users/me/counts", `"unread":0`)
	page, fromPage := mqttClient(t, "ws"+strings.TrimPrefix(a.URL(), "http")+"/mqtt", func(o *paho.ClientOptions) { o.SetUsername("alice") })
	done(t, page.Subscribe("users/alice/#", 1, nil))
	wantMQTT(t, fromPage, "users/alice/counts", `"unread":0`)
	events := stream(t, a, "alice", "")
	next(t, events, "counts")

	publish(t, a, "alice", "")
	wantMQTT(t, got, "users/me/messages", `"title":"Hello"`)
	wantMQTT(t, got, "users/me/counts", `"unread":1`)
	wantMQTT(t, fromPage, "users/alice/messages", `"title":"Hello"`)
	wantMQTT(t, fromPage, "users/alice/events", `"type":"message"`)
	next(t, events, "message")
	done(t, phone.Publish("users/me/read", 2, false, `{"all":true}`))
	next(t, events, "state")
	wantMQTT(t, got, "users/me/counts", `"unread":0`)
	if n := unread(t, a, "alice"); n != 0 {
		t.Errorf("got %d unread, want 0", n)
	}

	publish(t, a, "alice", "")
	wantMQTT(t, fromPage, "users/alice/counts", `"unread":1`)
	if status, body := call(t, "POST", a.URL()+"/v1/users/alice/read", "", `{"all":true}`); status != 200 {
		t.Fatalf("read: %d %s", status, body)
	}
	wantMQTT(t, fromPage, "users/alice/events", `"state":"read"`)
	wantMQTT(t, fromPage, "users/alice/counts", `"unread":0`)
	wantMQTT(t, got, "users/me/counts", `"unread":0`)

	done(t, phone.Subscribe("rooms/+", 1, nil))
	if status, body := call(t, "POST", a.URL()+"/v1/topics/rooms/1?retain=true", "", "open"); status != 200 || body != `{"subscribers":1}` {
		t.Errorf("got %d %s", status, body)
	}
	wantMQTT(t, got, "rooms/1", "open")
	done(t, page.Subscribe("#", 0, nil))
	wantMQTT(t, fromPage, "rooms/1", "open")
}

// TestMQTT5 has a client of MQTT 5 ask and be answered.
func TestMQTT5(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	a, _ := start(t, cfg)
	connect := func(id string, got chan<- *pahov5.Publish) *pahov5.Client {
		conn, err := net.Dial("tcp", a.MQTTAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		c := pahov5.NewClient(pahov5.ClientConfig{Conn: conn, ClientID: id, OnPublishReceived: []func(pahov5.PublishReceived) (bool, error){
			func(r pahov5.PublishReceived) (bool, error) { got <- r.Packet; return true, nil }}})
		ack, err := c.Connect(t.Context(), &pahov5.Connect{ClientID: id, CleanStart: true, KeepAlive: 30})
		if err != nil || ack.ReasonCode != 0 {
			t.Fatalf("%v %v", ack, err)
		}
		t.Cleanup(func() { _ = c.Disconnect(&pahov5.Disconnect{}) })
		return c
	}
	asked, answered := make(chan *pahov5.Publish, 10), make(chan *pahov5.Publish, 10)
	device, shop := connect("device", asked), connect("shop", answered)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	subscribe := func(c *pahov5.Client, topic string) {
		if _, err := c.Subscribe(ctx, &pahov5.Subscribe{Subscriptions: []pahov5.SubscribeOptions{{Topic: topic, QoS: 2}}}); err != nil {
			t.Fatal(err)
		}
	}
	subscribe(device, "ask/device")
	subscribe(shop, "answers/shop")
	receive := func(from <-chan *pahov5.Publish) *pahov5.Publish {
		select {
		case p := <-from:
			return p
		case <-ctx.Done():
			t.Fatal("nothing came")
			return nil
		}
	}
	if _, err := shop.Publish(ctx, &pahov5.Publish{Topic: "ask/device", QoS: 2, Payload: []byte("temperature"), Properties: &pahov5.PublishProperties{
		ResponseTopic: "answers/shop", CorrelationData: []byte("17"), User: pahov5.UserProperties{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}}}}); err != nil {
		t.Fatal(err)
	}
	q := receive(asked)
	if string(q.Payload) != "temperature" || len(q.Properties.User) != 2 || q.Properties.User[1].Value != "2" {
		t.Errorf("got %v %v", q, q.Properties)
	}
	if _, err := device.Publish(ctx, &pahov5.Publish{Topic: q.Properties.ResponseTopic, QoS: 1, Payload: []byte("21"), Properties: &pahov5.PublishProperties{
		CorrelationData: q.Properties.CorrelationData}}); err != nil {
		t.Fatal(err)
	}
	if p := receive(answered); string(p.Payload) != "21" || string(p.Properties.CorrelationData) != "17" {
		t.Errorf("got %v", p)
	}
}

// TestMQTTAccess lets in whom a token lets in, as far as it does.
func TestMQTTAccess(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev, cfg.MQTT.Listen = false, "127.0.0.1:0"
	cfg.Token.Secret = transports.NewSecret(secret)
	token, err := IssueToken(cfg, TokenOrder{User: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := start(t, cfg)
	broker := "tcp://" + a.MQTTAddr().String()
	for _, one := range []struct {
		name, user, password string
		why                  error
	}{
		{"no token", "alice", "", packets.ErrorRefusedNotAuthorised},
		{"another user", "bob", token, packets.ErrorRefusedNotAuthorised},
		{"no such token", "alice", "x", packets.ErrorRefusedBadUsernameOrPassword},
	} {
		o := paho.NewClientOptions().AddBroker(broker).SetAutoReconnect(false).SetProtocolVersion(4).SetUsername(one.user).SetPassword(one.password)
		c := paho.NewClient(o)
		if token := c.Connect(); !token.WaitTimeout(patience) || !errors.Is(token.Error(), one.why) {
			t.Errorf("%s: got %v, want %v", one.name, token.Error(), one.why)
		}
		c.Disconnect(0)
	}
	c, got := mqttClient(t, broker, func(o *paho.ClientOptions) { o.SetUsername("alice").SetPassword(token) })
	done(t, c.Subscribe("users/me/counts", 1, nil))
	wantMQTT(t, got, "users/me/counts", `"unread":0`)
	for _, filter := range []string{"#", "news", "users/bob/counts", "users/+/counts"} {
		s := c.Subscribe(filter, 0, nil).(*paho.SubscribeToken)
		if !s.WaitTimeout(patience) || s.Result()[filter] != 0x80 {
			t.Errorf("%s: got %v", filter, s.Result())
		}
	}
}

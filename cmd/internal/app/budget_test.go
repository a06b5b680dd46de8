package app

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/transports/mqtt/packet"
)

// TestOneBudgetForAllWays publishes by one key, in every way that there is: what
// each spends, all have spent, and beyond it each refuses in its own words.
func TestOneBudgetForAllWays(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev, cfg.MQTT.Listen = false, "127.0.0.1:0"
	log := slog.New(slog.DiscardHandler)
	key := func() string {
		_, text, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Scopes: []string{"read", "publish"}}, log)
		if err != nil {
			t.Fatal(err)
		}
		return text.Reveal()
	}
	spender, other := key(), key()
	ways := waysToPublish(t)
	cfg.Limits.PublishesPerKey, cfg.Limits.PublishBurst = 0.0001, len(ways)
	a, _ := start(t, cfg)
	for name, publish := range ways {
		if got := publish(t, a, spender); got != "" {
			t.Errorf("%s: refused within the budget: %s", name, got)
		}
	}
	for name, publish := range ways {
		want := "429"
		switch {
		case strings.HasPrefix(name, "WebSocket"):
			want = "too_many"
		case strings.HasPrefix(name, "MQTT 3.1.1 will"):
			want = packet.ServerUnavailable.String()
		case strings.HasPrefix(name, "MQTT 3.1.1"):
			want = "closed"
		case strings.HasSuffix(name, "QoS 0"):
			want = packet.MessageRateTooHigh.String()
		case strings.HasPrefix(name, "MQTT"):
			want = packet.QuotaExceeded.String()
		}
		if got := publish(t, a, spender); got != want {
			t.Errorf("%s: beyond the budget: got %q, want %q", name, got, want)
		}
		if got := publish(t, a, other); got != "" {
			t.Errorf("%s: another key is refused: %s", name, got)
		}
	}
}

// waysToPublish are by name: each publishes one message by the key, and returns
// how that was refused; empty: it was taken.
func waysToPublish(t *testing.T) map[string]func(*testing.T, *App, string) string {
	t.Helper()
	ways := map[string]func(*testing.T, *App, string) string{}
	for path, body := range map[string]string{
		"/v1/users/alice/messages": `{"body":"x"}`, "/v1/messages": `{"to":{"user":"alice"},"body":"x"}`, "/v1/topics/news": "x",
	} {
		ways["HTTP "+path] = func(t *testing.T, a *App, key string) string {
			t.Helper()
			switch status, answer := call(t, "POST", a.URL()+path, key, body); {
			case status == http.StatusTooManyRequests && strings.Contains(answer, "retry_after"):
				return "429"
			case status >= 300:
				return answer
			}
			return ""
		}
	}
	ways["WebSocket"] = func(t *testing.T, a *App, key string) string {
		t.Helper()
		ws := dialFrames(t, a.URL()+"/v1/users/alice/ws", "Authorization", "Bearer "+key)
		got := ws.ask(t, `{"type":"publish","topic":"news","payload":"x"}`)
		if got.Code != "" && got.RetryAfter < 1 {
			t.Errorf("got %+v, want a time to wait", got)
		}
		return got.Code
	}
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		name := map[packet.Version]string{packet.V311: "MQTT 3.1.1 ", packet.V5: "MQTT 5 "}[v]
		for qos, end := range []string{"QoS 0", "QoS 1", "QoS 2"} {
			ways[name+end] = func(t *testing.T, a *App, key string) string {
				t.Helper()
				return publishBy(t, a.MQTTAddr(), v, packet.QoS(qos), key)
			}
		}
		ways[name+"will"] = func(t *testing.T, a *App, key string) string {
			t.Helper()
			c := dialPackets(t, a.MQTTAddr(), v, &packet.Connect{Version: v, CleanStart: true, KeepAlive: 30, Username: []byte("alice"), Password: []byte(key),
				Will: &packet.Will{Topic: []byte("news"), Payload: []byte("x")}})
			return c.connected(t)
		}
	}
	return ways
}

// publishBy publishes one message with the QoS by a connection of its own.
func publishBy(t *testing.T, addr net.Addr, v packet.Version, qos packet.QoS, key string) string {
	t.Helper()
	c := dialPackets(t, addr, v, &packet.Connect{Version: v, CleanStart: true, KeepAlive: 30, Username: []byte("alice"), Password: []byte(key)})
	if got := c.connected(t); got != "" {
		t.Fatalf("CONNECT: %s", got)
	}
	p := &packet.Publish{QoS: qos, Topic: []byte("news"), Payload: []byte("x")}
	if qos > 0 {
		p.ID = 1
	}
	c.send(t, p)
	c.send(t, &packet.Pingreq{}) // nothing answers a PUBLISH with QoS 0
	switch p := c.next(t).(type) {
	case nil:
		return "closed"
	case *packet.Disconnect:
		return p.Reason.String()
	case *packet.Puback:
		return told(p.Reason)
	case *packet.Pubrec:
		return told(p.Reason)
	}
	return ""
}

func told(r packet.Reason) string {
	if !r.Failed() {
		return ""
	}
	return r.String()
}

// dialPackets opens a connection with a CONNECT of either version.
func dialPackets(t *testing.T, addr net.Addr, v packet.Version, connect *packet.Connect) *packetClient {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &packetClient{conn: conn, version: v}
	c.send(t, connect)
	return c
}

// connected reads the answer to CONNECT and returns why it was refused.
func (c *packetClient) connected(t *testing.T) string {
	t.Helper()
	ack, ok := c.next(t).(*packet.Connack)
	if !ok {
		return "closed"
	}
	return told(ack.Reason)
}

package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"reddot/transports"
	"reddot/transports/mqtt/packet"
)

// What anybody may do, by whichever way in: each cell stands for the same
// command by each transport that has it.
var rights = []struct {
	name               string
	scopes             transports.Scopes // 0: alice's token
	watch, mark        bool
	ownTopic, allTopic bool // publish to users/alice/cmd and to news
	publish, support   bool
	govern, operate    bool
	browse, author     bool
}{
	{name: "token", watch: true, mark: true, ownTopic: true},
	{name: "read", scopes: transports.ScopeRead, watch: true, browse: true},
	{name: "author", scopes: transports.ScopeAuthor, browse: true, author: true},
	{name: "approve", scopes: transports.ScopeApprove, browse: true},
	{name: "publish", scopes: transports.ScopePublish, mark: true, ownTopic: true, allTopic: true, publish: true},
	{name: "read and publish", scopes: transports.ScopeRead | transports.ScopePublish, watch: true, mark: true, ownTopic: true, allTopic: true, publish: true, browse: true},
	{name: "support", scopes: transports.ScopeSupport, support: true},
	{name: "admin", scopes: transports.ScopeAdmin, support: true, govern: true, browse: true, author: true},
	{name: "operator", scopes: transports.ScopeOperator, operate: true},
}

// TestEveryWayIsEquallyStrict asks for everything, by HTTP, WebSocket and MQTT,
// with each kind of credential.
func TestEveryWayIsEquallyStrict(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev, cfg.MQTT.Listen = false, "127.0.0.1:0"
	cfg.Token.Secret = transports.NewSecret(secret)
	texts := map[string]string{}
	for _, r := range rights {
		if r.scopes == 0 {
			continue
		}
		_, text, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Scopes: r.scopes.Names()}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		texts[r.name] = text.Reveal()
	}
	token, err := IssueToken(cfg, TokenOrder{User: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	texts["token"] = token
	a, _ := start(t, cfg)
	_, published := call(t, "POST", a.URL()+"/v1/users/alice/messages", texts["publish"], `{"body":"x"}`)
	var message struct{ ID string }
	if err := json.Unmarshal([]byte(published), &message); err != nil {
		t.Fatalf("%s: %v", published, err)
	}
	id := message.ID
	for _, r := range rights {
		t.Run(r.name, func(t *testing.T) {
			text := texts[r.name]
			const u = "/v1/users/alice"
			for _, c := range []struct {
				method, path, body string
				may                bool
			}{
				{"GET", u + "/counts", "", r.watch},
				{"GET", u + "/messages", "", r.watch},
				{"GET", u + "/connections", "", r.watch},
				{"POST", u + "/read", `{"all":true}`, r.mark},
				{"POST", u + "/seen", `{"all":true}`, r.mark},
				{"POST", u + "/archive", `{"all":true}`, r.mark},
				{"POST", u + "/messages", `{"body":"x"}`, r.publish},
				{"POST", "/v1/messages", `{"to":{"users":["alice"]},"body":"x"}`, r.publish},
				{"POST", "/v1/topics/news", `x`, r.allTopic},
				{"GET", u + "/journal", "", r.support},
				{"GET", u + "/explain?message=" + id, "", r.support || r.name == "token"},
				{"GET", u + "/export", "", r.govern},
				{"GET", "/v1/keys", "", r.govern || r.operate},
				{"GET", "/v1/segments", "", r.browse},
				{"PUT", "/v1/segments/vips", `{"where":"'vip' in tags"}`, r.author},
				{"GET", "/v1/cluster", "", r.operate},
			} {
				status, body := call(t, c.method, a.URL()+c.path, text, c.body)
				if (status < 300) != c.may || !c.may && status != http.StatusForbidden {
					t.Errorf("%s %s: got %d %s; may: %v", c.method, c.path, status, body, c.may)
				}
			}
			rightsByWebSocket(t, a.URL(), text, r.watch, map[string]bool{
				`{"type":"read","id":1,"all":true}`:                                    r.mark,
				`{"type":"seen","id":1,"all":true}`:                                    r.mark,
				`{"type":"archive","id":1,"all":true}`:                                 r.mark,
				`{"type":"subscribe","id":1,"topic":"users/alice/cmd"}`:                r.watch,
				`{"type":"publish","id":1,"topic":"users/alice/cmd","payload":"x"}`:    r.ownTopic,
				`{"type":"publish","id":1,"topic":"users/me/cmd","payload":"x"}`:       r.ownTopic,
				`{"type":"publish","id":1,"topic":"news","payload":"x"}`:               r.allTopic,
				`{"type":"publish","id":1,"topic":"users/alice/counts","payload":"x"}`: false,
			})
			rightsByMQTT(t, a.MQTTAddr(), text, r.watch, map[string]bool{
				"users/alice/read": r.mark, "users/me/read": r.mark,
				"users/alice/cmd": r.ownTopic, "news": r.allTopic, "users/alice/counts": false,
			})
		})
	}
}

// rightsByWebSocket sends each frame and compares whether it was carried out. A
// caller that may not watch gets no connection.
func rightsByWebSocket(t *testing.T, base, text string, connects bool, frames map[string]bool) {
	t.Helper()
	c, r, err := websocket.Dial(t.Context(), strings.Replace(base, "http", "ws", 1)+"/v1/users/alice/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + text}}})
	if (err == nil) != connects {
		t.Fatalf("WebSocket: got %v; may: %v", err, connects)
	}
	if err != nil {
		if r == nil || r.StatusCode != http.StatusForbidden {
			t.Errorf("WebSocket: got %v, want 403", err)
		}
		return
	}
	defer func() { _ = c.CloseNow() }()
	for frame, may := range frames {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(frame)); err != nil {
			t.Fatal(err)
		}
		for {
			_, text, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Type, Code string }
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if got.Type != "ok" && got.Type != "error" {
				continue
			}
			if got.Type == "ok" != may || !may && got.Code != "forbidden" {
				t.Errorf("WebSocket %s: got %s; may: %v", frame, text, may)
			}
			break
		}
	}
}

// rightsByMQTT publishes to each topic and compares whether that was taken.
func rightsByMQTT(t *testing.T, addr net.Addr, text string, connects bool, topics map[string]bool) {
	t.Helper()
	c := dialMQTT(t, addr, "alice", text)
	defer func() { _ = c.conn.Close() }()
	switch ack, ok := c.next(t).(*packet.Connack); {
	case !ok || (ack.Reason == packet.Success) != connects || !connects && ack.Reason != packet.NotAuthorized:
		t.Fatalf("MQTT: got %+v; may: %v", ack, connects)
	case !connects:
		return
	}
	id := uint16(0)
	for topic, may := range topics {
		payload := "x"
		if strings.HasSuffix(topic, "/read") {
			payload = `{"all":true}`
		}
		id++
		c.send(t, &packet.Publish{QoS: packet.AtLeastOnce, ID: id, Topic: []byte(topic), Payload: []byte(payload)})
		ack, ok := c.next(t).(*packet.Puback)
		if !ok || ack.Reason.Failed() == may || !may && ack.Reason != packet.NotAuthorized {
			t.Errorf("MQTT %s: got %+v; may: %v", topic, ack, may)
		}
	}
}

// A packetClient is a client of MQTT, packet by packet.
type packetClient struct {
	conn    net.Conn
	buf     []byte
	id      uint16 // of its last message
	why     string // and what was said of that
	version packet.Version
}

func dialMQTT(t *testing.T, addr net.Addr, user, password string) *packetClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	c := &packetClient{conn: conn, version: packet.V5}
	c.send(t, &packet.Connect{Version: packet.V5, CleanStart: true, KeepAlive: 30, Username: []byte(user), Password: []byte(password)})
	return c
}

func (c *packetClient) send(t *testing.T, p packet.Packet) {
	t.Helper()
	if _, err := c.conn.Write(p.Append(nil, c.version)); err != nil {
		t.Fatal(err)
	}
}

// next returns the next packet; nil: the server has closed.
func (c *packetClient) next(t *testing.T) packet.Packet {
	t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		frame, rest, err := packet.Split(c.buf, packet.MaxSize)
		if err != nil {
			t.Fatal(err)
		}
		if frame != nil {
			c.buf = rest
			p, err := packet.Decode(frame, c.version)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		var b [4096]byte
		n, err := c.conn.Read(b[:])
		if err != nil {
			return nil
		}
		c.buf = append(c.buf, b[:n]...)
	}
}

// TestRevokedWhileTheyConnect revokes keys while clients come in by them: none
// lives on, by no transport.
func TestRevokedWhileTheyConnect(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev, cfg.MQTT.Listen = false, "127.0.0.1:0"
	log := slog.New(slog.DiscardHandler)
	_, admin, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Scopes: []string{"admin"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := start(t, cfg)
	for round := range 15 {
		status, body := call(t, "POST", a.URL()+"/v1/keys", admin.Reveal(), `{"scopes":["read"]}`)
		var key struct{ ID, Key string }
		if err := json.Unmarshal([]byte(body), &key); err != nil || status != http.StatusCreated {
			t.Fatalf("got %d %s", status, body)
		}
		user := fmt.Sprintf("user-%d", round)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				c := dialMQTT(t, a.MQTTAddr(), user, key.Key)
				t.Cleanup(func() { _ = c.conn.Close() })
			})
			all.Go(func() {
				c, err := net.Dial("tcp", a.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { _ = c.Close() })
				_, _ = fmt.Fprintf(c, "GET /v1/users/%s/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", user, key.Key)
			})
		}
		if status, body := call(t, "DELETE", a.URL()+"/v1/keys/"+key.ID, admin.Reveal(), ""); status != http.StatusOK {
			t.Fatalf("revoke: %d %s", status, body)
		}
		all.Wait()
	}
	eventually(t, "the connections of revoked keys end", func() bool {
		open := a.streams.Open()
		return open["mqtt"]+open["sse"] == 0
	})
}

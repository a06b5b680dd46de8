package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/r3labs/sse/v2"

	"reddot/cmd/internal/config"
	"reddot/transports"
)

// heard is an event of a topic.
type heard struct {
	Type, Topic, Code, Cursor string
	Payload                   json.RawMessage
	Retained                  bool
	Subscribers               *int
}

func (h heard) String() string {
	switch {
	case h.Type == "error":
		return "error " + h.Code
	case h.Subscribers != nil:
		return fmt.Sprintf("ok %d", *h.Subscribers)
	case h.Retained:
		return h.Topic + " " + string(h.Payload) + " retained"
	}
	return strings.TrimSpace(h.Type + " " + h.Topic + " " + string(h.Payload))
}

// wantHeard waits for what a client hears next of topics.
func wantHeard(t *testing.T, who string, got <-chan string, want string) {
	t.Helper()
	select {
	case h := <-got:
		if h != want {
			t.Fatalf("%s: got %s, want %s", who, h, want)
		}
	case <-time.After(patience):
		t.Fatalf("%s: waited in vain for %s", who, want)
	}
}

// topicsByWS returns a WebSocket of github.com/coder/websocket.
func topicsByWS(t *testing.T, a *App, token string) (send func(string), got <-chan string) {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), strings.Replace(a.URL(), "http", "ws", 1)+"/v1/users/me/ws?token="+token,
		&websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	lines := make(chan string, 100)
	go func() {
		for {
			_, text, err := c.Read(context.Background())
			if err != nil {
				return
			}
			var h heard
			if err := json.Unmarshal(text, &h); err != nil {
				t.Errorf("%v in %s", err, text)
			}
			if h.Type != "hello" {
				lines <- h.String()
			}
		}
	}()
	return func(line string) {
		t.Helper()
		if err := c.Write(t.Context(), websocket.MessageText, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}, lines
}

// topicsBySSE returns a stream of github.com/r3labs/sse.
func topicsBySSE(t *testing.T, a *App, token string, topics url.Values) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c := sse.NewClient(a.URL() + "/v1/users/me/stream?" + topics.Encode())
	c.Headers["Authorization"] = "Bearer " + token
	lines := make(chan string, 100)
	go func() {
		_ = c.SubscribeWithContext(ctx, "", func(m *sse.Event) {
			var h heard
			if len(m.Data) == 0 {
				return
			}
			if err := json.Unmarshal(m.Data, &h); err != nil || h.Type != string(m.Event) || h.Cursor != string(m.ID) && h.Type != "topic" {
				t.Errorf("event %s, id %s, data %s: %v", m.Event, m.ID, m.Data, err)
			}
			lines <- h.String()
		})
	}()
	wantHeard(t, "stream", lines, "counts")
	return lines
}

// TestTopicsOnEveryWayIn: what is published by MQTT, HTTP or WebSocket reaches
// who listens by MQTT, SSE or WebSocket, as far as the tokens allow it.
func TestTopicsOnEveryWayIn(t *testing.T) {
	for name, noLoop := range map[string]bool{"loop": false, "portable": true} {
		t.Run(name, func(t *testing.T) {
			plainAndTLS(t, func(t *testing.T, cfg config.Config) { topicsOnEveryWayIn(t, cfg, noLoop) })
		})
	}
}

func topicsOnEveryWayIn(t *testing.T, cfg config.Config, noLoop bool) {
	cfg.Dev, cfg.WebSocket.Compression = false, true
	cfg.Token.Secret = transports.NewSecret(secret)
	issue := func(user string, read, write []string) string {
		token, err := IssueToken(cfg, TokenOrder{User: user, TTL: time.Hour, Read: read, Write: write})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	_, key, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Name: "back end", Scopes: []string{"publish"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := startWith(t, cfg, forTests{noLoop: noLoop})
	alice, bob := issue("alice", []string{"home/#"}, []string{"home/#"}), issue("bob", []string{"home/lamp"}, nil)
	device, atDevice := mqttClient(t, mqttURL(a), func(o *paho.ClientOptions) { o.SetUsername("alice").SetPassword(alice) })
	done(t, device.Subscribe("home/+", 1, nil))
	done(t, device.Publish("home/door", 1, true, "shut"))
	wantMQTT(t, atDevice, "home/door", "shut")
	send, page := topicsByWS(t, a, alice)
	send(`{"type":"subscribe","topics":["home/#","users/me/note"]}`)
	wantHeard(t, "page", page, "ok")
	wantHeard(t, "page", page, `home/door "shut" retained`)
	listener := topicsBySSE(t, a, bob, url.Values{"topic": {"home/lamp"}})
	wantHeard(t, "stream", topicsBySSE(t, a, alice, url.Values{"topic": {"home/lamp", "home/+"}}), `home/door "shut" retained`)

	done(t, device.Publish("home/lamp", 0, false, "on"))
	wantMQTT(t, atDevice, "home/lamp", "on")
	wantHeard(t, "page", page, `topic home/lamp "on"`)
	wantHeard(t, "stream", listener, `topic home/lamp "on"`)
	if status, body := call(t, "POST", a.URL()+"/v1/topics/home/lamp", alice, `{"on": false}`); status != 200 || body != `{"subscribers":4}` {
		t.Errorf("got %d %s", status, body)
	}
	wantMQTT(t, atDevice, "home/lamp", `{"on": false}`)
	wantHeard(t, "page", page, `topic home/lamp {"on": false}`)
	wantHeard(t, "stream", listener, `topic home/lamp {"on": false}`)
	long := `"` + strings.Repeat("again ", 100) + `"`
	send(`{"type":"publish","topic":"home/lamp","payload":` + long + `}`)
	wantMQTT(t, atDevice, "home/lamp", "again again")
	wantHeard(t, "page", page, "topic home/lamp "+long)
	wantHeard(t, "page", page, "ok 4")
	wantHeard(t, "stream", listener, "topic home/lamp "+long)
	send(`{"type":"publish","topic":"users/me/note","payload":["mine"]}`)
	wantHeard(t, "page", page, `topic users/alice/note ["mine"]`)
	wantHeard(t, "page", page, "ok 1")

	// The inbox goes on beside it, and its cursor knows nothing of topics.
	publish(t, a, "alice", key.Reveal())
	wantHeard(t, "page", page, "message")

	strange, other := topicsByWS(t, a, bob)
	for line, want := range map[string]string{
		`{"type":"subscribe","topic":"home/#"}`:                    "error forbidden",
		`{"type":"subscribe","topic":"users/alice/note"}`:          "error forbidden",
		`{"type":"publish","topic":"home/lamp","payload":"spoof"}`: "error forbidden",
		`{"type":"subscribe","topic":"home/lamp"}`:                 "ok",
	} {
		strange(line)
		wantHeard(t, line, other, want)
	}
	for query, status := range map[string]int{"home/+": 403, "a/%23/b": 400, "home/lamp&topic=home/lamp": 200} {
		res, err := http.Get(a.URL() + "/v1/users/me/stream?token=" + bob + "&topic=" + query)
		if err != nil || res.StatusCode != status {
			t.Errorf("%s: got %v, %v; want %d", query, res, err, status)
		}
		_ = res.Body.Close()
	}
}

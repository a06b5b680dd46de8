package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/cmd/internal/config"

	"github.com/coder/websocket"
	paho "github.com/eclipse/paho.mqtt.golang"
)

// What very many topics retain comes to a new subscription in full, by every way
// in, to a reader that is slow as well, and far beyond what may wait for one.
func TestManyRetained(t *testing.T) { plainAndTLS(t, manyRetained) }

func manyRetained(t *testing.T, cfg config.Config) {
	const topics, size = 1200, 4 << 10
	cfg.MQTT.Retained, cfg.MQTT.RetainedOfUser = 4*topics, 64<<20
	a, _ := start(t, cfg)
	var publishers sync.WaitGroup
	for p := range 8 {
		publishers.Go(func() {
			for i := p; i < topics; i += 8 {
				if status, body := call(t, "POST", fmt.Sprintf("%s/v1/topics/many/%04d?retain=true", a.URL(), i), "", strings.Repeat("x", size)); status != http.StatusOK {
					t.Errorf("retain: %d %s", status, body)
					return
				}
			}
		})
	}
	publishers.Wait()
	for name, read := range map[string]func(t *testing.T, a *App, heard func(topic string) bool){
		"sse": retainedBySSE, "ws": retainedByWS,
		"mqtt 0":          func(t *testing.T, a *App, heard func(string) bool) { retainedByMQTT(t, a, 0, true, heard) },
		"mqtt 1":          func(t *testing.T, a *App, heard func(string) bool) { retainedByMQTT(t, a, 1, true, heard) },
		"mqtt 2":          func(t *testing.T, a *App, heard func(string) bool) { retainedByMQTT(t, a, 2, true, heard) },
		"mqtt 1, lasting": func(t *testing.T, a *App, heard func(string) bool) { retainedByMQTT(t, a, 1, false, heard) },
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			seen := map[string]bool{}
			all := make(chan struct{})
			began := time.Now()
			go read(t, a, func(topic string) bool {
				mu.Lock()
				defer mu.Unlock()
				if seen[topic] {
					t.Errorf("%s came twice", topic)
				}
				if seen[topic] = true; len(seen) == topics {
					close(all)
				}
				if len(seen)%300 == 0 {
					time.Sleep(30 * time.Millisecond) // the buffers fill meanwhile
				}
				return len(seen) < topics
			})
			select {
			case <-all:
			case <-time.After(2 * patience):
				mu.Lock()
				defer mu.Unlock()
				t.Fatalf("got %d of %d in %v", len(seen), topics, time.Since(began))
			}
		})
	}
}

func retainedBySSE(t *testing.T, a *App, heard func(string) bool) {
	res, err := http.Get(a.URL() + "/v1/users/alice/stream?topic=many/%23")
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	for in := bufio.NewReader(res.Body); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Errorf("the stream ended: %v", err)
			return
		}
		if _, rest, ok := strings.Cut(line, `"topic":"many/`); ok && !heard(rest[:4]) {
			return
		}
	}
}

func retainedByWS(t *testing.T, a *App, heard func(string) bool) {
	c, _, err := websocket.Dial(context.Background(), strings.Replace(a.URL(), "http", "ws", 1)+"/v1/users/alice/ws", nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(1 << 20)
	if err := c.Write(context.Background(), websocket.MessageText, []byte(`{"type":"subscribe","topic":"many/+"}`)); err != nil {
		t.Error(err)
	}
	for {
		_, text, err := c.Read(context.Background())
		if err != nil {
			t.Errorf("closed: %v", err)
			return
		}
		var e struct{ Topic string }
		if err := json.Unmarshal(text, &e); err != nil {
			t.Error(err)
		}
		if rest, ok := strings.CutPrefix(e.Topic, "many/"); ok && !heard(rest) {
			return
		}
	}
}

func retainedByMQTT(t *testing.T, a *App, qos byte, clean bool, heard func(string) bool) {
	o := paho.NewClientOptions().AddBroker(mqttURL(a)).SetTLSConfig(trusting()).SetUsername("alice").SetAutoReconnect(false).
		SetClientID(fmt.Sprint("reader-", qos, clean)).SetCleanSession(clean).SetOrderMatters(true)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		heard(strings.TrimPrefix(m.Topic(), "many/"))
	})
	c := paho.NewClient(o)
	for _, token := range []paho.Token{c.Connect(), nil} {
		if token == nil {
			token = c.Subscribe("many/#", qos, nil)
		}
		if token.Wait(); token.Error() != nil {
			t.Error(token.Error())
			return
		}
	}
	t.Cleanup(func() { c.Disconnect(100) })
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// MQTT follows a user's events by MQTT, from Watch.Broker.
const MQTT Transport = "mqtt"

// The topics of a user's own inbox.
const (
	eventsTopic = "users/me/events"
	countsTopic = "users/me/counts"
)

// brokerSchemes are those of URLs of brokers.
var brokerSchemes = map[string]bool{"mqtt": true, "mqtts": true, "ws": true, "wss": true}

// checkBroker tells what is wrong with the URL of a broker.
func checkBroker(raw string) error {
	if u, err := url.Parse(raw); err != nil || !brokerSchemes[u.Scheme] || u.Host == "" {
		return fmt.Errorf("%q is no URL for MQTT; write mqtt://127.0.0.1:1883", raw)
	}
	return nil
}

// An mqttEvent is what a broker has sent, or why it sends nothing more.
type mqttEvent struct {
	topic   string
	payload []byte
	lost    error
}

// followMQTT is one connection by MQTT 3.1.1. There are no cursors to resume
// from: what was missed since the last connection comes by one poll over HTTP,
// while new events wait.
func (c *Client) followMQTT(ctx context.Context, w *watcher) error {
	if err := checkBroker(w.Broker); err != nil {
		return &Problem{Status: http.StatusBadRequest, Detail: err.Error()}
	}
	came := make(chan mqttEvent)
	over, end := context.WithCancel(ctx)
	defer end()
	tell := func(e mqttEvent) {
		select {
		case came <- e:
		case <-over.Done():
		}
	}
	conn, err := c.dialMQTT(w, tell)
	if err != nil {
		return err
	}
	defer conn.Disconnect(100)
	defer end() // before: the library waits for those who tell
	seen := map[string]bool{}
	if w.After != "" {
		if err := c.catchUp(ctx, w, seen); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-came:
			if e.lost != nil {
				return e.lost
			}
			if err := w.takeMQTT(e, seen); err != nil {
				return err
			}
		}
	}
}

// dialMQTT connects and subscribes.
func (c *Client) dialMQTT(w *watcher, tell func(mqttEvent)) (paho.Client, error) {
	o := paho.NewClientOptions().AddBroker(w.Broker).SetUsername(w.User).SetPassword(c.cfg.Key).
		SetClientID(fmt.Sprintf("%s-%08x", strings.ReplaceAll(c.cfg.Agent, "/", "-"), rand.Uint32())).
		SetAutoReconnect(false).SetConnectTimeout(c.cfg.Timeout).SetKeepAlive(silence / 2).SetPingTimeout(c.cfg.Timeout).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { tell(mqttEvent{topic: m.Topic(), payload: m.Payload()}) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) { go tell(mqttEvent{lost: err}) })
	conn := paho.NewClient(o)
	if token := conn.Connect(); !token.WaitTimeout(c.cfg.Timeout) || token.Error() != nil {
		conn.Disconnect(0)
		return nil, refusedMQTT(w.Broker, token.Error())
	}
	s, ok := conn.SubscribeMultiple(map[string]byte{eventsTopic: 0, countsTopic: 0}, nil).(*paho.SubscribeToken)
	if !ok || !s.WaitTimeout(c.cfg.Timeout) || s.Error() != nil {
		conn.Disconnect(0)
		return nil, &UnreachableError{URL: w.Broker, Cause: context.DeadlineExceeded}
	}
	for _, code := range s.Result() {
		if code > 2 {
			conn.Disconnect(0)
			return nil, &Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: "the user's events may not be subscribed to"}
		}
	}
	return conn, nil
}

// refusedMQTT is why there is no connection.
func refusedMQTT(broker string, err error) error {
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return &Problem{Status: http.StatusUnauthorized, Code: "unauthorized", Detail: "MQTT: " + err.Error()}
	case err == nil:
		err = context.DeadlineExceeded
	}
	return &UnreachableError{URL: broker, Cause: err}
}

// catchUp takes what has happened since w.After, and notes the cursors.
func (c *Client) catchUp(ctx context.Context, w *watcher, seen map[string]bool) error {
	for more := true; more; {
		was := w.Event
		w.Event = func(e Event) error {
			seen[e.Cursor] = true
			return was(e)
		}
		var err error
		more, err = c.poll(ctx, w, 0)
		w.Event = was
		if err != nil {
			return err
		}
	}
	return nil
}

// takeMQTT passes on an event that was not seen before. Of the counts only the
// first are told, where the watch begins with them.
func (w *watcher) takeMQTT(e mqttEvent, seen map[string]bool) error {
	switch e.topic {
	case countsTopic:
		var at struct {
			Cursor string `json:"cursor"`
		}
		if w.After != "" || json.Unmarshal(e.payload, &at) != nil {
			return nil
		}
		greeting, err := json.Marshal(map[string]any{"type": "counts", "cursor": at.Cursor, "counts": json.RawMessage(e.payload)})
		if err != nil {
			return err
		}
		return w.take(greeting)
	case eventsTopic:
		var at struct {
			Cursor string `json:"cursor"`
		}
		if err := json.Unmarshal(e.payload, &at); err == nil && seen[at.Cursor] {
			return nil
		}
		return w.take(e.payload)
	}
	return nil
}

package app_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// mqttPatience is how long a client waits for what must happen.
const mqttPatience = 30 * time.Second

// killedClient returns a connected client of MQTT 3.1.1.
func killedClient(t *testing.T, broker string, with ...func(*paho.ClientOptions)) paho.Client {
	t.Helper()
	o := paho.NewClientOptions().AddBroker(broker).SetConnectTimeout(mqttPatience)
	for _, fn := range with {
		fn(o)
	}
	c := paho.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return c
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

// TestMQTTKilled has a client publish with QoS 1 and 2 while the server is
// killed again and again, and another, which outlives its connections, get
// everything: with QoS 2 exactly once, and in order.
func TestMQTTKilled(t *testing.T) {
	addr := freeAddr(t)
	s := newProcess(t, "REDDOT_MQTT_LISTEN="+addr)
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	patient := func(id string) func(*paho.ClientOptions) {
		return func(o *paho.ClientOptions) {
			o.SetClientID(id).SetCleanSession(false).SetAutoReconnect(true).SetMaxReconnectInterval(50 * time.Millisecond).SetKeepAlive(5 * time.Second)
			o.SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond)
		}
	}
	var mu sync.Mutex
	var exact []int
	var last uint16 // the packet identifier of the newest of them
	least := map[int]bool{}
	sub := killedClient(t, "tcp://"+addr, patient("sub"), func(o *paho.ClientOptions) {
		o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			n, err := strconv.Atoi(string(m.Payload()))
			if err != nil {
				t.Errorf("got %q", m.Payload())
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case m.Topic() == "exact" && len(exact) > 0 && exact[len(exact)-1] == n && m.Duplicate() && m.MessageID() == last:
				// This client shows again what it has not seen released, though
				// it says by DUP and its packet identifier that it is the same.
			case m.Topic() == "exact":
				exact, last = append(exact, n), m.MessageID()
			default:
				least[n] = true
			}
		})
	})
	done(t, sub.SubscribeMultiple(map[string]byte{"exact": 2, "least": 1}, nil))
	pub := killedClient(t, "tcp://"+addr, patient("pub"))
	const messages, kills = 300, 6
	finished := make(chan error, 1)
	go func() {
		for n := range messages {
			for topic, qos := range map[string]byte{"exact": 2, "least": 1} {
				if token := pub.Publish(topic, qos, false, strconv.Itoa(n)); !token.WaitTimeout(mqttPatience) || token.Error() != nil {
					finished <- fmt.Errorf("%s %d: %v", topic, n, token.Error())
					return
				}
			}
		}
		finished <- nil
	}()
	for range kills {
		mu.Lock()
		before := len(exact)
		mu.Unlock()
		waitFor(t, "messages between two kills", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(exact) > before+messages/(3*kills) || len(exact) == messages
		})
		s.kill(t)
		s.start(t)
	}
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the last messages", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(exact) >= messages && len(least) >= messages
	})
	mu.Lock()
	defer mu.Unlock()
	for i, n := range exact {
		if i != n {
			b, _ := json.Marshal(exact)
			t.Fatalf("with QoS 2 message %d came in the place of %d: %s", n, i, b)
		}
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

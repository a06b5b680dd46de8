package app

import (
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"reddot/actors"
)

// TestPresenceEvents lets a WebSocket and an MQTT client hear who comes and goes, and whom
// somebody sees, once each, and lets nobody else tell it.
func TestPresenceEvents(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	cfg.Presence = actors.PresenceEvents{Events: true, OfflineAfter: 300 * time.Millisecond}
	a, _ := start(t, cfg)
	c, mqttHeard := mqttClient(t, "tcp://"+a.MQTTAddr().String(), func(o *paho.ClientOptions) { o.SetUsername("watcher") })
	done(t, c.Subscribe("$presence/#", 1, nil))
	watcher := openSocket(t, a, "watcher")
	watcher.read("hello")
	watcher.write(`{"type":"subscribe","id":1,"topic":"$presence/alice"}`)
	watcher.read("ok")
	for range 2 {
		alice := openSocket(t, a, "alice")
		alice.read("hello")
		wantMQTT(t, mqttHeard, "$presence/alice", `"online":true`, `"visible":true`, `"transports":["ws"]`, `"since":"`, `"rev":`)
		if got := watcher.read("topic"); !strings.Contains(got, `"topic":"$presence/alice","payload":{"online":true,"visible":true,"transports":["ws"],"since":"`) {
			t.Errorf("got %s", got)
		}
		for _, seen := range []string{"false", "true"} {
			alice.write(`{"type":"visible","id":1,"visible":` + seen + `}`)
			alice.read("ok")
			if got := watcher.read("topic"); !strings.Contains(got, `{"online":true,"visible":`+seen+`,"transports":["ws"],"since":"`) {
				t.Errorf("got %s", got)
			}
			wantMQTT(t, mqttHeard, "$presence/alice", `"visible":`+seen)
		}
		if err := alice.conn.CloseNow(); err != nil {
			t.Fatal(err)
		}
		wantMQTT(t, mqttHeard, "$presence/alice", `"online":false,"visible":false,"transports":[]`)
		if got := watcher.read("topic"); !strings.Contains(got, `"online":false`) {
			t.Errorf("got %s", got)
		}
	}
	if status, body := call(t, "POST", a.URL()+"/v1/topics/$presence%2Falice", "", `{"online":false}`); status != 403 {
		t.Errorf("somebody else tells who is online: %d %s", status, body)
	}
}

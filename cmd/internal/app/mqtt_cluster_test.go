//go:build unix

package app

import (
	"fmt"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// startMQTTCluster starts servers on one database that take MQTT.
func startMQTTCluster(t *testing.T, servers int) []*App {
	t.Helper()
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	return startCluster(t, cfg, servers)
}

// as makes a client one of a user's, whose session outlives its connection.
func as(user, client string) func(*paho.ClientOptions) {
	return func(o *paho.ClientOptions) {
		o.SetUsername(user).SetClientID(client).SetCleanSession(false)
	}
}

func brokerOf(a *App) string { return "tcp://" + a.MQTTAddr().String() }

// TestMQTTAcrossServers has sessions on servers that do not own their users:
// they get what is published anywhere, outlive their connections and go on at
// another server, which the first connection is told if it is still there; and
// a server that leaves disconnects none but its own.
func TestMQTTAcrossServers(t *testing.T) {
	all := startMQTTCluster(t, 3)
	type one struct {
		user  string
		phone paho.Client
		got   <-chan string
	}
	var list []*one
	for i := range 6 {
		u := &one{user: fmt.Sprintf("user%d", i)}
		u.phone, u.got = mqttClient(t, brokerOf(all[i%3]), as(u.user, "phone"))
		done(t, u.phone.Subscribe("users/me/messages", 1, nil))
		list = append(list, u)
	}
	for i, u := range list {
		publish(t, all[(i+1)%3], u.user, "")
		wantMQTT(t, u.got, "users/me/messages", `"title":"Hello"`)
	}
	for i, u := range list {
		u.phone.Disconnect(100)
		publish(t, all[i%3], u.user, "")
		u.phone, u.got = mqttClient(t, brokerOf(all[(i+2)%3]), as(u.user, "phone"))
		wantMQTT(t, u.got, "users/me/messages", `"title":"Hello"`)
	}
	for i, u := range list {
		gone := make(chan error, 1)
		old, _ := mqttClient(t, brokerOf(all[0]), as(u.user, "phone"), func(o *paho.ClientOptions) {
			o.SetConnectionLostHandler(func(_ paho.Client, err error) { gone <- err })
		})
		u.phone, u.got = mqttClient(t, brokerOf(all[1+i%2]), as(u.user, "phone"), func(o *paho.ClientOptions) {
			o.SetConnectionLostHandler(func(_ paho.Client, err error) { t.Errorf("%s: %v", u.user, err) })
		})
		select {
		case <-gone:
		case <-time.After(patience):
			t.Fatalf("%s: the first connection stays, %v", u.user, old.IsConnected())
		}
	}
	if status, body := call(t, "POST", all[0].URL()+"/v1/cluster/drain", "", ""); status != 202 {
		t.Fatalf("drain: %d %s", status, body)
	}
	<-all[0].Drained()
	stop(t, all[0])
	for i, u := range list {
		publish(t, all[1+i%2], u.user, "")
		wantMQTT(t, u.got, "users/me/messages", `"title":"Hello"`)
		u.phone.Disconnect(100)
	}
}

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

// TestTopicsAcrossServers publishes on each of three servers to subscribers on
// all of them, of both kinds, by MQTT and by HTTP; retains and wills reach the
// others; and of those who share a subscription one gets each message.
func TestTopicsAcrossServers(t *testing.T) {
	all := startMQTTCluster(t, 3)
	var kept, publishers []paho.Client
	var got []<-chan string
	for i, a := range all {
		c, ch := mqttClient(t, brokerOf(a), func(o *paho.ClientOptions) { o.SetUsername(fmt.Sprint("clean", i)) })
		done(t, c.Subscribe("rooms/+/news", 2, nil))
		got = append(got, ch)
		k, ch := mqttClient(t, brokerOf(a), as(fmt.Sprint("kept", i), "phone"))
		done(t, k.Subscribe("rooms/#", 1, nil))
		kept, got = append(kept, k), append(got, ch)
		p, _ := mqttClient(t, brokerOf(a), as(fmt.Sprint("publisher", i), "p"))
		publishers = append(publishers, p)
	}
	page := streamOf(t, all[1].URL()+"/v1/users/page/stream?topic=rooms/%2B/news", "")
	next(t, page, "counts")
	for i, p := range publishers {
		for qos := range byte(3) {
			payload := fmt.Sprintf("from %d with %d", i, qos)
			done(t, p.Publish("rooms/1/news", qos, false, payload))
			for _, ch := range got {
				wantMQTT(t, ch, "rooms/1/news", payload)
			}
			next(t, page, "topic")
		}
		status, body := call(t, "POST", all[i].URL()+"/v1/topics/rooms/2/news?retain=true", "", fmt.Sprint("open ", i))
		if status != 200 || body != `{"subscribers":7}` {
			t.Errorf("got %d %s", status, body)
		}
		for _, ch := range got {
			wantMQTT(t, ch, "rooms/2/news", fmt.Sprint("open ", i))
		}
		next(t, page, "topic")
	}
	for i, a := range all {
		c, ch := mqttClient(t, brokerOf(a), func(o *paho.ClientOptions) { o.SetUsername(fmt.Sprint("late", i)) })
		done(t, c.Subscribe("rooms/2/#", 1, nil))
		wantMQTT(t, ch, "rooms/2/news", "open 2")
	}

	// What a session misses waits for it, wherever it comes again.
	for i, k := range kept {
		k.Disconnect(100)
		done(t, publishers[(i+1)%3].Publish("rooms/1/news", 1, false, "missed"))
		_, ch := mqttClient(t, brokerOf(all[(i+2)%3]), as(fmt.Sprint("kept", i), "phone"))
		wantMQTT(t, ch, "rooms/1/news", "missed")
	}

	// A will is published everywhere.
	watcher, seen := mqttClient(t, brokerOf(all[1]), func(o *paho.ClientOptions) { o.SetUsername("watcher") })
	done(t, watcher.Subscribe("gone/+", 1, nil))
	second := func(o *paho.ClientOptions) { o.SetWill("gone/d", "d", 1, false) }
	mqttClient(t, brokerOf(all[0]), as("doomed", "d"), second)
	mqttClient(t, brokerOf(all[2]), as("doomed", "d"), second) // takes over
	wantMQTT(t, seen, "gone/d", "d")
}

// TestSharesAcrossServers lets sessions on three servers share a subscription.
func TestSharesAcrossServers(t *testing.T) {
	all := startMQTTCluster(t, 3)
	var got []<-chan string
	var workers []paho.Client
	for i, a := range all {
		c, ch := mqttClient(t, brokerOf(a), as(fmt.Sprint("worker", i), "w"))
		done(t, c.Subscribe("$share/g/jobs/+", 1, nil))
		workers, got = append(workers, c), append(got, ch)
	}
	p, _ := mqttClient(t, brokerOf(all[0]), as("boss", "b"))
	seen := map[string]int{}
	each := make([]int, 3)
	for i := range 30 {
		done(t, p.Publish("jobs/1", 1, false, fmt.Sprint(i)))
	}
	take := func(most int) {
		for late := time.After(patience); most > 0; most-- {
			select {
			case m := <-got[0]:
				seen[m]++
				each[0]++
			case m := <-got[1]:
				seen[m]++
				each[1]++
			case m := <-got[2]:
				seen[m]++
				each[2]++
			case <-late:
				t.Fatalf("%d are missing; got %v", most, each)
			}
		}
	}
	take(30)
	if len(seen) != 30 || each[0] != 10 || each[1] != 10 || each[2] != 10 {
		t.Errorf("got %d messages, %v", len(seen), each)
	}
	workers[1].Disconnect(100)
	workers[2].Disconnect(100)
	for i := range 10 { // they prefer whoever is connected
		done(t, p.Publish("jobs/2", 1, false, fmt.Sprint(i)))
	}
	before := each[0]
	take(10)
	if each[0] != before+10 {
		t.Errorf("got %v", each)
	}
}

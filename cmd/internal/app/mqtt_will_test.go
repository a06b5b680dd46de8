//go:build unix

package app

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/config"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// leaves lets a client with a will come, say goodbye, and come again at once,
// elsewhere, again and again. It says goodbye before it knows that it is gone.
func leaves(t *testing.T, rounds int, clean bool, dial ...func() (net.Conn, error)) {
	t.Helper()
	user := fmt.Sprint("leaver-", clean)
	for round := range rounds {
		conn, err := dial[round%len(dial)]()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(patience))
		c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
		c.ProtocolName, c.ProtocolVersion, c.CleanSession, c.ClientIdentifier = "MQTT", 4, clean, "phone"
		c.UsernameFlag, c.Username = true, user
		c.WillFlag, c.WillTopic, c.WillMessage = true, "gone/"+user, fmt.Append(nil, round)
		if err := c.Write(conn); err != nil {
			t.Fatal(err)
		}
		if _, err := packets.ReadPacket(conn); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := packets.NewControlPacket(packets.Disconnect).Write(conn); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			_ = conn.Close()
		}
	}
}

// wantNoWill tells that a watcher has got none.
func wantNoWill(t *testing.T, watcher paho.Client, got <-chan string) {
	t.Helper()
	done(t, watcher.Publish("gone/nobody", 1, false, "the end"))
	if m := <-got; m != "gone/nobody the end" {
		t.Errorf("got the will %q of a client that has said goodbye", m)
	}
}

// TestNoWillBehindGoodbye has clients that come again by another connection, of
// which the server may read the CONNECT before it reads the DISCONNECT.
func TestNoWillBehindGoodbye(t *testing.T) {
	plainAndTLS(t, func(t *testing.T, cfg config.Config) {
		a, _ := start(t, cfg)
		watcher, got := mqttClient(t, mqttURL(a), func(o *paho.ClientOptions) { o.SetUsername("watcher") })
		done(t, watcher.Subscribe("gone/+", 1, nil))
		dial := func() (net.Conn, error) {
			if way, address, _ := strings.Cut(mqttURL(a), "://"); way != "tcp" {
				return tls.Dial("tcp", address, trusting())
			}
			return net.Dial("tcp", a.MQTTAddr().String())
		}
		leaves(t, 100, true, dial)
		leaves(t, 100, false, dial)
		wantNoWill(t, watcher, got)
	})
}

// TestNoWillBehindGoodbyeElsewhere lets them come again at another server, while
// their user's actor is at a third one, or moves.
func TestNoWillBehindGoodbyeElsewhere(t *testing.T) {
	all := startMQTTCluster(t, 3)
	watcher, got := mqttClient(t, brokerOf(all[1]), func(o *paho.ClientOptions) { o.SetUsername("watcher") })
	done(t, watcher.Subscribe("gone/+", 1, nil))
	var dial []func() (net.Conn, error)
	for _, a := range all {
		dial = append(dial, func() (net.Conn, error) { return net.Dial("tcp", a.MQTTAddr().String()) })
	}
	leaves(t, 60, true, dial...)
	leaves(t, 60, false, dial...)
	if status, body := call(t, "POST", all[0].URL()+"/v1/cluster/drain", "", ""); status != 202 {
		t.Fatalf("drain: %d %s", status, body)
	}
	leaves(t, 60, false, dial[1:]...)
	<-all[0].Drained()
	wantNoWill(t, watcher, got)
}

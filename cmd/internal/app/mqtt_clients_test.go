package app_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"reddot/cmd/internal/app"
	"reddot/transports/mqtt/packet"
)

// MQTT clients that are not ours, each a device of a user of its own, live
// through one story at the same time: they get what a topic retains and what is
// published, in order and once, publish with each QoS, read their inbox, lose
// the server to SIGKILL and to a stop, and come back to what waits for them.

// heard is a line of a client.
type heard struct {
	Subscribed bool          `json:"subscribed"`
	Message    *mqttReceived `json:"message"`
	Published  int           `json:"published"`
	Closed     int           `json:"closed"` // the reason code of a DISCONNECT
	Fault      string        `json:"fault"`
}

type mqttReceived struct {
	Topic   string `json:"topic"`
	Payload string `json:"payload"`
	QoS     int    `json:"qos"`
	Retain  bool   `json:"retain"`
}

// mqttOrder is what a client is to publish.
type mqttOrder struct {
	ID      int    `json:"id"`
	Topic   string `json:"topic"`
	Payload string `json:"payload"`
	QoS     int    `json:"qos"`
}

// A device is one client, and what it has shown.
type device struct {
	name     string
	v5       bool
	deaf     bool // it passes over a DISCONNECT without properties
	repeats  bool // it may show a message with QoS 2 again after the connection was lost
	lines    chan heard
	publish  func(mqttOrder)
	shown    []string // of to/NAME/n
	kept     int      // of what is retained; some subscribe again with each connection
	inbox    []string
	farewell bool // it was told that the server shuts down
}

// next waits for what is, and takes in what comes before.
func (d *device) next(t *testing.T, what string, is func(heard) bool) {
	t.Helper()
	timeout := time.After(mqttPatience)
	for {
		select {
		case l, ok := <-d.lines:
			if !ok {
				t.Fatalf("%s: the client has ended before %s", d.name, what)
			}
			d.take(t, l)
			if is(l) {
				return
			}
		case <-timeout:
			t.Fatalf("%s: no %s in time; shown: %d messages", d.name, what, len(d.shown))
		}
	}
}

// until waits for what is shown.
func (d *device) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	if !is() {
		d.next(t, what, func(heard) bool { return is() })
	}
}

func (d *device) take(t *testing.T, l heard) {
	t.Helper()
	if l.Fault != "" {
		t.Errorf("%s: %s", d.name, l.Fault)
	}
	if l.Closed == int(packet.ServerShuttingDown) {
		d.farewell = true
	}
	m := l.Message
	switch {
	case m == nil:
	case m.Topic == "users/me/messages":
		if !slices.Contains(d.inbox, m.Payload) { // QoS 1
			d.inbox = append(d.inbox, m.Payload)
		}
	case m.Topic == "to/"+d.name+"/kept":
		d.kept++
		if !m.Retain || m.Payload != "kept" || m.QoS != 1 {
			t.Errorf("%s: got %+v", d.name, m)
		}
	case m.Topic != "to/"+d.name+"/n" || m.Retain || m.QoS != 2:
		t.Errorf("%s: got %+v", d.name, m)
	case d.repeats && slices.Contains(d.shown, m.Payload):
	default:
		d.shown = append(d.shown, m.Payload)
	}
}

func (d *device) wantShown(t *testing.T, bodies []string) {
	t.Helper()
	d.until(t, "last message", func() bool { return len(d.shown) >= len(bodies) })
	for i, want := range bodies {
		if d.shown[i] != want {
			t.Fatalf("%s: message %d is %.60q, want %.60q", d.name, i, d.shown[i], want)
		}
	}
}

// mqttStory is the server, and what is published on it.
type mqttStory struct {
	*steps
	teller  *stubborn
	bodies  []string
	devices []*device
}

// open starts the clients, and waits until they have shown what is retained.
func (s *mqttStory) open(t *testing.T, web, addr, ca, password string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	s.devices = openDevices(t, mqttPlace{host, port, web, ca, password}, func(name string) {
		s.teller.insist(&packet.Publish{QoS: 1, ID: 2, Retain: true, Topic: []byte("to/" + name + "/kept"), Payload: []byte("kept")}, packet.TypePuback)
	})
	for _, d := range s.devices {
		d.until(t, "what is retained", func() bool { return d.kept > 0 })
	}
}

func (s *mqttStory) tell(bodies ...string) {
	for _, body := range bodies {
		for _, d := range s.devices {
			s.teller.insist(&packet.Publish{QoS: 2, ID: 1, Topic: []byte("to/" + d.name + "/n"), Payload: []byte(body)}, packet.TypePubrec)
			s.teller.insist(&packet.Pubrel{ID: 1}, packet.TypePubcomp)
		}
	}
	s.bodies = append(s.bodies, bodies...)
}

func (s *mqttStory) wantShown(t *testing.T) {
	t.Helper()
	for _, d := range s.devices {
		d.wantShown(t, s.bodies)
	}
}

// mqttBodies are those of uglyBodies that are text for every client.
func mqttBodies() []string {
	return slices.DeleteFunc(slices.Clone(uglyBodies), func(s string) bool { return strings.Contains(s, "\x00") })
}

func TestRealMQTTClients(t *testing.T) {
	s := &mqttStory{steps: startSteps(t)}
	s.teller = &stubborn{addr: s.addr, id: "teller"}
	s.teller.connect()
	listener := s.keeper(t, "from/#", 2, "")
	s.open(t, s.url, s.addr, "", "")
	s.tell(mqttBodies()...)
	s.wantShown(t)
	publishFrom(t, listener, s.devices)
	readInbox(t, s)

	s.again(t)
	s.tell("while they come back", "and again")
	s.wantShown(t)

	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server: %v\n%s", err, s.out)
	}
	s.start(t)
	s.tell("after the stop")
	s.wantShown(t)
	for _, d := range s.devices {
		if d.v5 && !d.deaf && !d.farewell {
			t.Errorf("%s: was not told that the server shuts down", d.name)
		}
		if len(d.shown) != len(s.bodies) {
			t.Errorf("%s: shows %d messages, want %d", d.name, len(d.shown), len(s.bodies))
		}
	}
}

// publishFrom lets each client publish with each QoS.
func publishFrom(t *testing.T, listener *keeper, devices []*device) {
	t.Helper()
	listener.acks = true
	for _, d := range devices {
		for qos := range 3 {
			o := mqttOrder{ID: qos + 1, Topic: "from/" + d.name, Payload: fmt.Sprintf("%s: QoS %d, 你好", d.name, qos), QoS: qos}
			d.publish(o)
			d.next(t, "answer to its PUBLISH", func(l heard) bool { return l.Published == o.ID })
			for listener.got[o.Payload] == 0 {
				listener.next()
			}
		}
	}
}

// readInbox lets each client get a message of its user's inbox, and read it.
func readInbox(t *testing.T, s *mqttStory) {
	t.Helper()
	for i, d := range s.devices {
		url := s.url + "/v1/users/" + d.name
		res, err := http.Post(url+"/messages", "application/json", strings.NewReader(`{"title":"for `+d.name+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		d.until(t, "message of the inbox", func() bool { return len(d.inbox) == 1 })
		if !strings.Contains(d.inbox[0], `"title":"for `+d.name+`"`) {
			t.Errorf("%s: got %s", d.name, d.inbox[0])
		}
		d.publish(mqttOrder{ID: 10 + i, Topic: "users/me/read", Payload: `{"all":true}`, QoS: 1})
		d.next(t, "answer to its reading", func(l heard) bool { return l.Published == 10+i })
		var counts struct{ Unread int }
		res, err = http.Get(url + "/counts")
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(res.Body).Decode(&counts)
		_ = res.Body.Close()
		if err != nil || counts.Unread != 0 {
			t.Errorf("%s: %d unread, %v", d.name, counts.Unread, err)
		}
	}
}

// TestRealMQTTClientsByTLS has the same clients by TLS, for one message each way.
func TestRealMQTTClientsByTLS(t *testing.T) { realClientsByTLS(t, "", nil) }

// TestRealMQTTClientsByPassword has them as devices with user names and passwords.
func TestRealMQTTClientsByPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwords")
	const password = "open sesame, 芝麻"
	for _, name := range []string{"teller", "sub"} {
		setPassword(t, file, name, password)
	}
	for _, c := range realClients {
		setPassword(t, file, c.name, password)
	}
	realClientsByTLS(t, password, []string{"--dev=false", "--set", "mqtt.password_file=" + file, "--set", "mqtt.password_topics=to/#,from/#"})
}

func setPassword(t *testing.T, file, name, password string) {
	t.Helper()
	if _, _, err := app.SetPassword(file, name, "", []byte(password)); err != nil {
		t.Fatal(err)
	}
}

func realClientsByTLS(t *testing.T, password string, args []string) {
	addr, secure := app.FreeAddr(t), app.FreeAddr(t)
	files := writeMQTTCertificate(t)
	s := &mqttStory{steps: &steps{newProcess(t, "REDDOT_MQTT_LISTEN="+addr, "REDDOT_MQTT_LISTEN_TLS="+secure, "REDDOT_TLS_CERT="+files.cert, "REDDOT_TLS_KEY="+files.key), addr}}
	s.args = args
	s.launch(t)
	s.teller = &stubborn{addr: addr, id: "teller", password: password}
	s.teller.connect() // as soon as the server is there
	listener := s.keeper(t, "from/#", 2, password)
	s.open(t, "https"+strings.TrimPrefix(s.url, "http"), secure, files.cert, password)
	s.tell("by TLS", strings.Repeat("long ", 20_000))
	s.wantShown(t)
	publishFrom(t, listener, s.devices)
}

package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	pahov5 "github.com/eclipse/paho.golang/paho"
	paho "github.com/eclipse/paho.mqtt.golang"
)

// mqttPlace is where clients connect to.
type mqttPlace struct {
	host, port string
	web        string // the address of HTTP
	ca         string // the file of the certificate to trust; empty: no TLS
	password   string // of everybody; empty: none
}

// address returns the URL of MQTT with a scheme without TLS or one with.
func (p mqttPlace) address(plain, secure string) string {
	if p.ca != "" {
		plain = secure
	}
	return plain + "://" + net.JoinHostPort(p.host, p.port)
}

// tls returns what a Go client trusts; nil: no TLS.
func (p mqttPlace) tls(t *testing.T) *tls.Config {
	t.Helper()
	if p.ca == "" {
		return nil
	}
	text, err := os.ReadFile(p.ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool}
}

// realClients are the clients that are not ours.
var realClients = []struct {
	name    string
	v5      bool
	repeats bool
	run     func(*testing.T, *device, mqttPlace) error
}{
	{"mosquitto_sub", false, false, runMosquitto},
	{"mqtt.js-tcp", true, false, runMQTTjs(false)},
	{"mqtt.js-websocket", false, false, runMQTTjs(true)},
	{"python3-paho", false, false, runPythonPaho},
	{"python3-paho-v5", true, false, runPythonPaho},
	{"paho.mqtt.golang", false, true, runPaho},
	{"paho.golang", true, false, runPahoV5},
}

// openDevices starts all clients that there are here, and waits until they
// have subscribed. before is told their names first.
func openDevices(t *testing.T, place mqttPlace, before func(name string)) []*device {
	t.Helper()
	var list []*device
	for _, k := range realClients {
		d := &device{name: k.name, v5: k.v5, repeats: k.repeats, deaf: strings.HasPrefix(k.name, "python3-paho"), lines: make(chan heard, 1000)}
		before(d.name)
		if err := k.run(t, d, place); err != nil {
			// A subtest, since the others go on; make test gathers the reasons.
			t.Run(k.name, func(t *testing.T) { t.Skip(err) })
			continue
		}
		list = append(list, d)
	}
	for _, d := range list {
		d.next(t, "SUBACK", func(l heard) bool { return l.Subscribed })
	}
	return list
}

// say passes a line of the client on.
func (d *device) say(l heard) { d.lines <- l }

// runLines starts a client that speaks in lines.
func (d *device) runLines(t *testing.T, cmd *exec.Cmd, place mqttPlace) error {
	cmd.Env = append(os.Environ(), "MQTT_PASSWORD="+place.password)
	raw, err := runProgram(t, d.name, cmd)
	if err != nil {
		return err
	}
	d.publish = func(o mqttOrder) {
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		raw.send(string(text))
	}
	go func() {
		defer close(d.lines)
		for line := range raw.lines {
			var l heard
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				l.Fault = fmt.Sprintf("said %q", line)
			}
			d.lines <- l
		}
	}()
	return nil
}

func runMQTTjs(webSocket bool) func(*testing.T, *device, mqttPlace) error {
	return func(t *testing.T, d *device, place mqttPlace) error {
		if !runs("node", "--version") {
			return errors.New("npm clients: there is no Node here")
		}
		if _, err := os.Stat("../../../transports/client/node_modules/mqtt"); err != nil {
			return errors.New("npm clients: they are not installed (make assets)")
		}
		at := place.address("mqtt", "mqtts")
		if webSocket {
			at = strings.Replace(place.web, "http", "ws", 1) + "/mqtt"
		}
		version := "4"
		if d.v5 {
			version = "5"
		}
		args := []string{"../../../transports/client/test/mqtt.mjs", at, d.name, version}
		if place.ca != "" {
			args = append(args, place.ca)
		}
		return d.runLines(t, exec.Command("node", args...), place)
	}
}

// runPythonPaho starts python3-paho-mqtt by the Python that has it: Debian's
// package is for the system's.
func runPythonPaho(t *testing.T, d *device, place mqttPlace) error {
	version := "4"
	if d.v5 {
		version = "5"
	}
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if runs(python, "-c", "import paho.mqtt.client") {
			args := []string{"testdata/mqtt_client.py", place.host, place.port, d.name, version}
			if place.ca != "" {
				args = append(args, place.ca)
			}
			return d.runLines(t, exec.Command(python, args...), place)
		}
	}
	return errors.New("python3-paho-mqtt is not installed (apt-get install python3-paho-mqtt)")
}

// runMosquitto starts mosquitto_sub, and lets mosquitto_pub publish. The former
// speaks 3.1.1: with MQTT 5 it does not come back after a DISCONNECT.
func runMosquitto(t *testing.T, d *device, place mqttPlace) error {
	for _, name := range []string{"mosquitto_sub", "mosquitto_pub"} {
		if _, err := exec.LookPath(name); err != nil {
			return errors.New("mosquitto's clients are not installed (apt-get install mosquitto-clients)")
		}
	}
	common := []string{"-h", place.host, "-p", place.port, "-u", d.name}
	if place.ca != "" {
		common = append(common, "--cafile", place.ca)
	}
	if place.password != "" {
		common = append(common, "-P", place.password)
	}
	raw, err := runProgram(t, d.name, exec.Command("mosquitto_sub", append(slices.Clone(common), "-V", "mqttv311", "-i", d.name, "-c", "-k", "30", "-d", "-q", "2",
		"-t", "to/"+d.name+"/#", "-t", "users/me/messages", "-F", "%j")...))
	if err != nil {
		return err
	}
	d.publish = func(o mqttOrder) {
		cmd := exec.Command("mosquitto_pub", append(slices.Clone(common), "-V", "mqttv5", "-q", strconv.Itoa(o.QoS), "-t", o.Topic, "-s")...)
		cmd.Stdin = strings.NewReader(o.Payload)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: mosquitto_pub: %v\n%s", d.name, err, out)
		}
		d.say(heard{Published: o.ID})
	}
	go func() {
		defer close(d.lines)
		for line := range raw.lines {
			var m struct {
				Topic   string
				Payload string
				QoS     int
				Retain  int
			}
			switch {
			case strings.HasPrefix(line, "Subscribed "):
				d.say(heard{Subscribed: true})
			case !strings.HasPrefix(line, "{"): // what -d tells beside
			case json.Unmarshal([]byte(line), &m) != nil:
				d.say(heard{Fault: fmt.Sprintf("said %q", line)})
			default:
				if m.Topic == "users/me/messages" {
					m.QoS = 1 // as it is published; the command has one QoS for all it subscribes to
				}
				d.say(heard{Message: &mqttReceived{m.Topic, m.Payload, m.QoS, m.Retain != 0}})
			}
		}
	}()
	return nil
}

// runPaho starts github.com/eclipse/paho.mqtt.golang.
func runPaho(t *testing.T, d *device, place mqttPlace) error {
	o := paho.NewClientOptions().AddBroker(place.address("tcp", "ssl")).SetClientID(d.name).SetUsername(d.name).SetPassword(place.password).SetCleanSession(false).
		SetAutoReconnect(true).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).SetMaxReconnectInterval(50 * time.Millisecond).
		SetKeepAlive(30 * time.Second).SetTLSConfig(place.tls(t))
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		d.say(heard{Message: &mqttReceived{m.Topic(), string(m.Payload()), int(m.Qos()), m.Retained()}})
	})
	c := paho.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	done(t, c.SubscribeMultiple(map[string]byte{"to/" + d.name + "/#": 2, "users/me/messages": 1}, nil))
	d.say(heard{Subscribed: true})
	d.publish = func(o mqttOrder) {
		done(t, c.Publish(o.Topic, byte(o.QoS), false, o.Payload))
		d.say(heard{Published: o.ID})
	}
	return nil
}

// runPahoV5 starts github.com/eclipse/paho.golang.
func runPahoV5(t *testing.T, d *device, place mqttPlace) error {
	at, err := url.Parse(place.address("mqtt", "mqtts"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cfg := autopaho.ClientConfig{
		ServerUrls: []*url.URL{at}, TlsCfg: place.tls(t), KeepAlive: 30, SessionExpiryInterval: 600, ConnectUsername: d.name, ConnectPassword: []byte(place.password),
		ReconnectBackoff: func(int) time.Duration { return 50 * time.Millisecond },
	}
	cfg.ClientID = d.name
	cfg.OnPublishReceived = []func(pahov5.PublishReceived) (bool, error){func(r pahov5.PublishReceived) (bool, error) {
		m := r.Packet
		d.say(heard{Message: &mqttReceived{m.Topic, string(m.Payload), int(m.QoS), m.Retain}})
		return true, nil
	}}
	cfg.OnServerDisconnect = func(p *pahov5.Disconnect) { d.say(heard{Closed: int(p.ReasonCode)}) }
	c, err := autopaho.NewConnection(ctx, cfg)
	if err != nil {
		cancel()
		return err
	}
	t.Cleanup(func() { cancel(); <-c.Done() })
	wait, stop := context.WithTimeout(ctx, mqttPatience)
	defer stop()
	if err := c.AwaitConnection(wait); err != nil {
		return err
	}
	if _, err := c.Subscribe(wait, &pahov5.Subscribe{Subscriptions: []pahov5.SubscribeOptions{{Topic: "to/" + d.name + "/#", QoS: 2}, {Topic: "users/me/messages", QoS: 1}}}); err != nil {
		return err
	}
	d.say(heard{Subscribed: true})
	d.publish = func(o mqttOrder) {
		if _, err := c.Publish(ctx, &pahov5.Publish{Topic: o.Topic, Payload: []byte(o.Payload), QoS: byte(o.QoS)}); err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
		d.say(heard{Published: o.ID})
	}
	return nil
}

type mqttCertificate struct{ cert, key string }

// writeMQTTCertificate makes a certificate for loopback.
func writeMQTTCertificate(t *testing.T) mqttCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := mqttCertificate{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{files.cert: {Type: "CERTIFICATE", Bytes: cert}, files.key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

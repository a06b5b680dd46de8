package app

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"reddot/cmd/internal/config"
	"reddot/transports"
	"reddot/transports/auth"
	"reddot/transports/mqtt/packet"
)

// passwordConfig returns a configuration with these logins, NAME or NAME:USER,
// each with its own name as password, twice.
func passwordConfig(t *testing.T, cfg config.Config, logins ...string) config.Config {
	t.Helper()
	cfg.Dev = false
	cfg.MQTT.PasswordFile = filepath.Join(t.TempDir(), "passwords")
	for _, l := range logins {
		name, user, _ := strings.Cut(l, ":")
		setPassword(t, cfg, name, user, passwordOf(name))
	}
	return cfg
}

func passwordOf(name string) string { return name + name }

func setPassword(t *testing.T, cfg config.Config, name, user, password string) {
	t.Helper()
	if _, _, err := SetPassword(cfg.MQTT.PasswordFile, name, user, []byte(password)); err != nil {
		t.Fatal(err)
	}
}

// TestMosquittoByPassword: clients of mosquitto and, by WebSocket, of Eclipse log in
// by user name and password, as two devices of one user and as somebody of another
// app whose user has the same name.
func TestMosquittoByPassword(t *testing.T) {
	for _, name := range []string{"mosquitto_sub", "mosquitto_pub"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("mosquitto's clients are not installed (apt-get install mosquitto-clients)")
		}
	}
	plainAndTLS(t, func(t *testing.T, cfg config.Config) {
		cfg = passwordConfig(t, cfg, "kitchen-lamp:alice", "bed-lamp:alice", "shop/kitchen-lamp:alice", "mallory")
		cfg.MQTT.Logins.Topics = []string{"home/%u/#"}
		cfg.Token.Secret = transports.NewSecret(secret)
		a, _ := start(t, cfg)
		for _, version := range []string{"mqttv311", "mqttv5"} {
			mosquittoByPassword(t, a, cfg, version)
		}
		webSocketByPassword(t, a, cfg)
	})
}

// mosquitto returns one of mosquitto's commands that logs in.
func mosquitto(t *testing.T, a *App, cfg config.Config, name, version, user, password string, args ...string) *exec.Cmd {
	t.Helper()
	addr := a.MQTTAddr()
	if addr == nil {
		addr = a.MQTTSecureAddr()
		args = append(args, "--cafile", cfg.TLS.Cert, "--insecure")
	}
	_, port, _ := strings.Cut(addr.String(), ":")
	return exec.Command(name, append([]string{"-h", "127.0.0.1", "-p", port, "-V", version, "-u", user, "-P", password}, args...)...)
}

func mosquittoByPassword(t *testing.T, a *App, cfg config.Config, version string) {
	t.Helper()
	topics := []string{"users/alice/lamp", "home/alice/lamp"}
	for _, topic := range topics {
		publishByMosquitto(t, a, cfg, version, "shop/kitchen-lamp", topic, "of another app")
		publishByMosquitto(t, a, cfg, version, "bed-lamp", topic, "on")
		sub := mosquitto(t, a, cfg, "mosquitto_sub", version, "kitchen-lamp", passwordOf("kitchen-lamp"), "-q", "1", "-C", "1", "-W", "20", "-t", topic)
		if out, err := sub.CombinedOutput(); err != nil || string(out) != "on\n" {
			t.Errorf("%s %s: %v: %s", version, topic, err, out)
		}
	}
	for what, c := range map[string][2]string{
		"another's password": {"kitchen-lamp", passwordOf("bed-lamp")}, "of another app": {"kitchen-lamp", passwordOf("shop/kitchen-lamp")},
		"nobody": {"nobody", "some password"}, "a user, no login": {"alice", passwordOf("kitchen-lamp")},
	} {
		out, err := mosquitto(t, a, cfg, "mosquitto_pub", version, c[0], c[1], "-q", "1", "-t", topics[0], "-m", "off").CombinedOutput()
		if err == nil || !strings.Contains(strings.ToLower(string(out)), "bad user") {
			t.Errorf("%s, %s: %v %s", version, what, err, out)
		}
	}
	token, err := IssueToken(cfg, TokenOrder{User: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := mosquitto(t, a, cfg, "mosquitto_pub", version, "alice", token, "-q", "1", "-t", topics[0], "-m", "on").CombinedOutput(); err != nil {
		t.Errorf("%s, by a token: %v %s", version, err, out)
	}
}

func publishByMosquitto(t *testing.T, a *App, cfg config.Config, version, name, topic, message string) {
	t.Helper()
	if out, err := mosquitto(t, a, cfg, "mosquitto_pub", version, name, passwordOf(name), "-q", "1", "-r", "-t", topic, "-m", message).CombinedOutput(); err != nil {
		t.Errorf("%s: %v %s", name, err, out)
	}
}

func webSocketByPassword(t *testing.T, a *App, cfg config.Config) {
	t.Helper()
	connect := func(name, password string) (paho.Client, error) {
		o := paho.NewClientOptions().AddBroker(strings.Replace(a.URL(), "http", "ws", 1) + "/mqtt").SetClientID("ws-" + name).SetUsername(name).SetPassword(password).
			SetTLSConfig(trusting()).SetConnectTimeout(patience).SetAutoReconnect(false)
		c := paho.NewClient(o)
		done := c.Connect()
		done.WaitTimeout(patience)
		return c, done.Error()
	}
	got := make(chan string, 10)
	c, err := connect("kitchen-lamp", passwordOf("kitchen-lamp"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Disconnect(0)
	if s := c.Subscribe("home/alice/lamp", 1, func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) }); !s.WaitTimeout(patience) || s.Error() != nil {
		t.Fatal(s.Error())
	}
	select { // what is retained there
	case m := <-got:
		if m != "on" {
			t.Errorf("got %s", m)
		}
	case <-time.After(patience):
		t.Error("nothing came by WebSocket")
	}
	if _, err := connect("kitchen-lamp", "some password"); err == nil {
		t.Error("a wrong password comes in by WebSocket")
	}
}

// TestPasswordsAreReloaded: who is gone from the file, or has another password or
// user there, is disconnected; others stay; a broken file changes nothing.
func TestPasswordsAreReloaded(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	cfg = passwordConfig(t, cfg, "stays", "other-password", "other-user", "removed", "shop/stays")
	admin, operator := auditKeys(t, cfg.Data, "")
	a, book := start(t, cfg)
	names := []string{"stays", "other-password", "other-user", "removed", "shop/stays"}
	clients := map[string]*packetClient{}
	for _, name := range names {
		clients[name] = logIn(t, a, name, passwordOf(name), packet.Success)
	}
	text, err := os.ReadFile(cfg.MQTT.PasswordFile)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(cfg.MQTT.PasswordFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte("lamp:no hash"))
	if err := a.Reload(cfg); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a broken file is reloaded: %v", err)
	}
	for _, name := range names {
		clients[name].wantPong(t, name)
	}

	write(text)
	setPassword(t, cfg, "other-password", "", "another one")
	setPassword(t, cfg, "other-user", "bob", passwordOf("other-user"))
	setPassword(t, cfg, "fresh", "", passwordOf("fresh"))
	if err := RemovePassword(cfg.MQTT.PasswordFile, "removed"); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stays", "shop/stays"} {
		clients[name].wantPong(t, name)
	}
	for _, name := range []string{"other-password", "other-user", "removed"} {
		if p := clients[name].next(t); p != nil {
			if d, ok := p.(*packet.Disconnect); !ok || d.Reason != packet.NotAuthorized || clients[name].next(t) != nil {
				t.Errorf("%s: got %+v", name, p)
			}
		}
	}
	for _, name := range []string{"other-password", "removed"} {
		logIn(t, a, name, passwordOf(name), packet.BadUsernameOrPassword)
	}
	logIn(t, a, "other-password", "another one", packet.Success)
	logIn(t, a, "fresh", passwordOf("fresh"), packet.Success)
	const changes = "added fresh, changed other-password, changed other-user, removed removed"
	if !strings.Contains(book.String(), changes) {
		t.Errorf("the log does not say what has changed: %s", book)
	}
	if _, body := call(t, "GET", a.URL()+"/v1/audit?action=config.reload", operator, ""); !strings.Contains(body, changes) {
		t.Errorf("the audit log does not say what has changed: %s", body)
	}

	if status, body := call(t, "POST", a.URL()+"/v1/users/stays/disconnect", admin, ""); status >= 300 {
		t.Fatalf("disconnect: %d %s", status, body)
	}
	for clients["stays"].next(t) != nil {
	}
	logIn(t, a, "stays", passwordOf("stays"), packet.BadUsernameOrPassword)
	clients["shop/stays"].wantPong(t, "a user of the same name in another app")
	if status, body := call(t, "DELETE", a.URL()+"/v1/users/stays/disconnect", admin, ""); status >= 300 {
		t.Fatalf("lift: %d %s", status, body)
	}
	logIn(t, a, "stays", passwordOf("stays"), packet.Success)
}

// logIn connects, and wants the answer.
func logIn(t *testing.T, a *App, name, password string, want packet.Reason) *packetClient {
	t.Helper()
	c := dialMQTT(t, a.MQTTAddr(), name, password)
	t.Cleanup(func() { _ = c.conn.Close() })
	if ack, ok := c.next(t).(*packet.Connack); !ok || ack.Reason != want {
		t.Fatalf("%s: got %+v, want %v", name, ack, want)
	}
	return c
}

// wantPong checks that the connection still lives.
func (c *packetClient) wantPong(t *testing.T, who string) {
	t.Helper()
	c.send(t, &packet.Pingreq{})
	if _, ok := c.next(t).(*packet.Pingresp); !ok {
		t.Errorf("%s was disconnected", who)
	}
}

// TestPasswordsChangeWhileTheyConnect: a login is removed, by a reload, while
// clients come in by it: none lives on.
func TestPasswordsChangeWhileTheyConnect(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	cfg.Limits.FailuresPerAddress = -1
	cfg = passwordConfig(t, cfg, "stays")
	a, _ := start(t, cfg)
	for round := range 10 {
		name := "round-" + strconv.Itoa(round)
		setPassword(t, cfg, name, "", passwordOf(name))
		if err := a.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				c := dialMQTT(t, a.MQTTAddr(), name, passwordOf(name))
				t.Cleanup(func() { _ = c.conn.Close() })
				c.next(t) // it came in, or it did not
			})
		}
		time.Sleep(time.Duration(round) * 5 * time.Millisecond) // another moment each time
		if err := RemovePassword(cfg.MQTT.PasswordFile, name); err != nil {
			t.Fatal(err)
		}
		if err := a.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		eventually(t, "the connections of removed logins end", func() bool { return a.streams.Open()["mqtt"] == 0 })
	}
}

// TestPasswordFile: it is made for its owner alone, keeps its owner and group, and
// check warns of one that others can read.
func TestPasswordFile(t *testing.T) {
	cfg := config.Default()
	cfg.HTTP, cfg.TLS = ":1", config.TLS{Cert: "c", Key: "k"}
	dir := t.TempDir()
	cfg.MQTT.PasswordFile = filepath.Join(dir, "link")
	if _, err := cfg.LoadLogins(); err == nil || !strings.Contains(err.Error(), "mqtt.password_file") || !strings.Contains(err.Error(), "reddot passwd set") {
		t.Errorf("without a file: %v", err)
	}
	at := filepath.Join(dir, "passwords")
	cfg.MQTT.PasswordFile = at
	setPassword(t, cfg, "lamp", "", "open sesame")
	if err := os.Symlink("passwords", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	cfg.MQTT.PasswordFile = filepath.Join(dir, "link")
	for _, c := range []struct {
		mode, then os.FileMode
		advice     int
	}{{0o600, 0o600, 0}, {0o640, 0o640, 0}, {0o644, 0o640, 1}, {0o660, 0o640, 1}} {
		if err := os.Chmod(at, c.mode); err != nil {
			t.Fatal(err)
		}
		if got := cfg.Advice(); len(got) != c.advice || c.advice > 0 && !strings.HasPrefix(got[0], "mqtt.password_file: ") {
			t.Errorf("%v: got %q", c.mode, got)
		}
		if os.Geteuid() == 0 {
			if err := os.Chown(at, 65534, 65533); err != nil {
				t.Fatal(err)
			}
		}
		setPassword(t, cfg, "lamp", "alice", "open sesame")
		info, err := os.Lstat(at)
		if err != nil || info.Mode() != c.then {
			t.Errorf("%v becomes %v, %v; want %v", c.mode, info.Mode(), err, c.then)
		}
		if owner := fmt.Sprint(info.Sys()); os.Geteuid() == 0 && (!strings.Contains(owner, "65534") || !strings.Contains(owner, "65533")) {
			t.Errorf("the owner has changed: %s", owner)
		}
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 || list[0].Type()&os.ModeSymlink == 0 {
		t.Errorf("there are %v, %v", list, err)
	}
	if err := RemovePassword(at, "bulb"); err == nil || !strings.Contains(err.Error(), "bulb is not in") {
		t.Errorf("got %v", err)
	}
	if logins, err := Passwords(at); err != nil || len(logins) != 1 || logins[0] != (Login{"lamp", "default", "alice"}) {
		t.Errorf("got %v, %v", logins, err)
	}
	err = editPasswords(at, func(*auth.PasswordFile) error {
		return os.WriteFile(at, []byte("# changed\n"), 0o600)
	})
	if err == nil || !strings.Contains(err.Error(), "meanwhile") {
		t.Errorf("somebody else's change is lost: %v", err)
	}
}

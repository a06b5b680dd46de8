package app

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"reddot/transports/mqtt/packet"
)

// TestSessionsOfApp lets many users of one app have sessions that outlive their
// connections, up to what the app may have: how many, and what waits for them.
func TestSessionsOfApp(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen, cfg.MQTT.SessionsOfApp, cfg.MQTT.SizeOfApp = "127.0.0.1:0", 3, 512<<10
	a, _ := start(t, cfg)
	for n := range 3 {
		if got := openSession(t, a, packet.V5, n, 3600, "jobs"); got != "" {
			t.Fatalf("session %d: %s", n, got)
		}
	}
	full := func(when string) {
		t.Helper()
		if got := openSession(t, a, packet.V5, 3, 3600, ""); got != packet.QuotaExceeded.String() {
			t.Errorf("%s: one more: got %q", when, got)
		}
		if got := openSession(t, a, packet.V311, 3, 3600, ""); got != packet.ServerUnavailable.String() {
			t.Errorf("%s: one more of 3.1.1: got %q", when, got)
		}
		if got := openSession(t, a, packet.V5, 3, 0, ""); got != "" {
			t.Errorf("%s: one that ends with its connection: %s", when, got)
		}
		if got := openSession(t, a, packet.V5, 0, 3600, ""); got != "" {
			t.Errorf("%s: one that is there already: %s", when, got)
		}
	}
	full("at first")
	if n := figure(t, a, `reddot_actors_refused_total{limit="sessions"}`); n != 2 {
		t.Errorf("the metric tells %v", n)
	}

	p := dialPackets(t, a.MQTTAddr(), packet.V5, &packet.Connect{Version: packet.V5, CleanStart: true, KeepAlive: 30, Username: []byte("p")})
	if got := p.connected(t); got != "" {
		t.Fatal(got)
	}
	const size, tries = 32 << 10, 24
	payload := strings.Repeat("x", size)
	taken := 0
	for taken < tries && p.publish(t, "jobs", payload) == packet.Success {
		taken++
	}
	// Three users' sessions are to get each; each user may be a step behind.
	if most := (512<<10 + 3*(64<<10)) / size / 3; taken == 0 || taken > most+1 {
		t.Errorf("%d messages of %d bytes wait for 3 sessions each, want at most %d", taken, size, most+1)
	}
	if n := figure(t, a, `reddot_sessions{app="default"}`); n != 3 {
		t.Errorf("%v sessions are told of", n)
	}
	if n := figure(t, a, `reddot_sessions_bytes{app="default"}`); n < 256<<10 || n > 1<<20 {
		t.Errorf("%v bytes are told of", n)
	}
	dropped := figure(t, a, "reddot_actors_session_messages_dropped_total")
	if dropped < 3 {
		t.Errorf("%v are said to be left out", dropped)
	}
	stop(t, a)

	a, _ = start(t, cfg)
	full("after a restart")
	if got := openSession(t, a, packet.V5, 1, 0, ""); got != "" {
		t.Fatal(got)
	}
	eventually(t, "there is room again", func() bool { return openSession(t, a, packet.V5, 3, 3600, "") == "" })
}

// openSession connects a client of the user with the number, lets it subscribe,
// and leaves without a goodbye. An expiry of 0 ends the session.
func openSession(t *testing.T, a *App, v packet.Version, user int, expiry uint32, filter string) string {
	t.Helper()
	connect := &packet.Connect{Version: v, KeepAlive: 30, ClientID: []byte("c"), Username: fmt.Appendf(nil, "user-%d", user), CleanStart: expiry == 0}
	if v == packet.V5 && expiry > 0 {
		connect.Properties.SetUint(packet.SessionExpiryInterval, expiry)
	}
	c := dialPackets(t, a.MQTTAddr(), v, connect)
	defer func() { _ = c.conn.Close() }()
	if got := c.connected(t); got != "" || filter == "" {
		return got
	}
	c.send(t, &packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: []byte(filter), QoS: packet.AtLeastOnce}}})
	if ack, ok := c.next(t).(*packet.Suback); !ok || ack.Reasons[0].Failed() {
		t.Fatalf("got %+v", ack)
	}
	return ""
}

// figure returns a figure as /metrics tells it; 0: it does not.
func figure(t *testing.T, a *App, name string) float64 {
	t.Helper()
	status, body := call(t, "GET", a.URL()+"/metrics", "", "")
	if status != http.StatusOK {
		t.Fatalf("got %d", status)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(bytes.TrimSpace([]byte(body)))
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/config"
)

// from returns a client that calls from another loopback address.
func from(address string) *http.Client {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
}

// idle opens connections from an address and says nothing. It returns how many of
// them are still open.
func idle(t *testing.T, addr net.Addr, address string, n int) int {
	t.Helper()
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	open := 0
	for range n {
		c, err := d.Dial(addr.Network(), addr.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err != nil && strings.Contains(err.Error(), "timeout") {
			open++
		}
	}
	return open
}

// health asks for the server's health.
func health(t *testing.T, a *App, c *http.Client, path string) int {
	t.Helper()
	res, err := c.Get(a.URL() + path)
	if err != nil {
		t.Logf("%s: %v", path, err)
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// Connections that say nothing leave room for those of others, on every listener,
// and for operators where there is no room at all.
func TestIdleConnectionsLeaveRoom(t *testing.T) {
	cfg, key := guarded(t, testConfig(t))
	cfg.MQTT.Listen = "127.0.0.1:0"
	cfg.Server.ReadTimeout = time.Minute
	a, _ := startWith(t, cfg, forTests{descriptors: 150}) // 150 - 37 - 64 - 16: 33 connections
	if got := idle(t, a.Addr(), "127.0.0.2", 40); got != 16 {
		t.Errorf("%d idle connections of one address are open, want half of 33", got)
	}
	if got := health(t, a, from("127.0.0.3"), "/healthz"); got != http.StatusOK {
		t.Errorf("another address: got %d", got)
	}
	if address, _ := a.door.Refused(); address != 24 {
		t.Errorf("%d refusals were counted", address)
	}
	if got := idle(t, a.MQTTAddr(), "127.0.0.2", 5); got != 0 {
		t.Errorf("the same address has %d connections by MQTT", got)
	}
	if got := idle(t, a.MQTTAddr(), "127.0.0.4", 20); got != 16 {
		t.Errorf("another one has %d connections by MQTT, want 16", got)
	}
	idle(t, a.Addr(), "127.0.0.5", 2) // there is no room any more, but for four of an address
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if got := health(t, a, from("127.0.0.6"), path); got != http.StatusOK {
			t.Errorf("%s without room: got %d", path, got)
		}
	}
	req, err := http.NewRequest("GET", a.URL()+"/v1/users/alice/counts", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := from("127.0.0.6").Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "connections") {
		t.Errorf("other requests without room: got %d %s", res.StatusCode, body)
	}
	if _, all := a.door.Refused(); all != 0 {
		t.Logf("%d were refused in all", all)
	}
}

// What is closed, or stays, is not counted any more; a proxy is not counted.
func TestDoorCounts(t *testing.T) { plainAndTLS(t, doorCounts) }

func doorCounts(t *testing.T, cfg config.Config) {
	cfg, key := guarded(t, cfg)
	cfg.TrustedProxies = []string{"127.0.0.9/32"}
	a, _ := startWith(t, cfg, forTests{descriptors: 150})
	s := stream(t, a, "alice", key)
	next(t, s, "counts")
	eventually(t, "the stream stays", func() bool { return a.door.Open() == 0 && a.streams.Places() == 1 })
	for i := range 3 {
		path := fmt.Sprintf("/v1/users/alice/wait?timeout=%d", i)
		if status, body := call(t, "GET", a.URL()+path, key, ""); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	eventually(t, "all others are gone", func() bool { return a.door.Open() == 0 })
	if got := idle(t, a.Addr(), "127.0.0.9", 20); got != 20 {
		t.Errorf("%d connections of a proxy are open", got)
	}
}

package app

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// tenantCounts are counts as every transport shows them.
type tenantCounts struct {
	Unread   int
	ByTenant map[string]int `json:"by_tenant"`
	Cursor   string
}

// polled returns the counts by short poll.
func polled(t *testing.T, a *App, query string) (c tenantCounts) {
	t.Helper()
	status, body := call(t, "GET", a.URL()+"/v1/users/alice/counts"+query, "", "")
	if err := json.Unmarshal([]byte(body), &c); err != nil || status != http.StatusOK {
		t.Fatalf("counts%s: %d %s", query, status, body)
	}
	return c
}

// wantCounts waits until a transport has shown counts, alone or in an event.
func wantCounts(t *testing.T, transport string, got <-chan string, want tenantCounts) {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case text := <-got:
			var e struct {
				tenantCounts
				Counts *tenantCounts
			}
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				t.Fatalf("%s: %s: %v", transport, text, err)
			}
			if e.Counts == nil {
				e.Counts = &e.tenantCounts
			}
			if e.Counts.Cursor != want.Cursor {
				continue
			}
			if e.Counts.Unread != want.Unread || !maps.Equal(e.Counts.ByTenant, want.ByTenant) {
				t.Errorf("%s: got %s, want %+v", transport, text, want)
			}
			return
		case <-late:
			t.Fatalf("%s: %+v is not shown in time", transport, want)
		}
	}
}

// TestTenantsByEveryTransport publishes to workspaces of one user, reads and archives what is of
// one by HTTP, WebSocket and MQTT, and after each step looks at the counts by five
// transports, and at the end after a restart.
func TestTenantsByEveryTransport(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	a, _ := start(t, cfg)
	own := a.URL() + "/v1/users/alice"
	publish(t, a, "alice", "")
	if c := polled(t, a, ""); c.ByTenant != nil {
		t.Fatalf("got %+v without tenants", c)
	}
	page := stream(t, a, "alice", "")
	ws, frames := dialFrames(t, own+"/ws"), make(chan string, 100)
	go func() {
		for {
			_, frame, err := ws.conn.Read(t.Context())
			if err != nil {
				return
			}
			frames <- string(frame)
		}
	}()
	phone, _ := mqttClient(t, brokerOf(a), as("alice", "phone"))
	topics := make(chan string, 100)
	done(t, phone.Subscribe("users/me/counts", 1, func(_ paho.Client, m paho.Message) { topics <- string(m.Payload()) }))
	post := func(url, body string) {
		t.Helper()
		if status, answer := call(t, "POST", url, "", body); status >= 300 {
			t.Fatalf("%s %s: %d %s", url, body, status, answer)
		}
	}
	before := polled(t, a, "").Cursor
	for _, step := range []struct {
		what string
		do   func()
		want map[string]int
	}{
		{"a message of a tenant", func() { post(own+"/messages", `{"body":"1","tenant":"acme"}`) }, map[string]int{"acme": 1}},
		{"one of another", func() { post(own+"/messages", `{"body":"2","tenant":"globex"}`) }, map[string]int{"acme": 1, "globex": 1}},
		{"a broadcast of one", func() { post(a.URL()+"/v1/messages", `{"to":{"all":true},"body":"3","tenant":"acme"}`) }, map[string]int{"acme": 2, "globex": 1}},
		{"read by WebSocket", func() { ws.write(t, `{"type":"read","id":1,"all":true,"tenant":"globex"}`) }, map[string]int{"acme": 2}},
		{"one more", func() { post(own+"/messages", `{"body":"4","tenant":"globex"}`) }, map[string]int{"acme": 2, "globex": 1}},
		{"read by MQTT", func() { done(t, phone.Publish("users/me/read", 1, false, `{"all":true,"tenant":"acme"}`)) }, map[string]int{"globex": 1}},
		{"archived by HTTP", func() { post(own+"/archive", `{"all":true,"tenant":"globex"}`) }, map[string]int{}},
		{"a last one", func() { post(own+"/messages", `{"body":"5","tenant":"initech"}`) }, map[string]int{"initech": 1}},
	} {
		step.do()
		var now tenantCounts
		eventually(t, step.what, func() bool { now = polled(t, a, ""); return now.Cursor != before })
		if now.ByTenant == nil || !maps.Equal(now.ByTenant, step.want) {
			t.Fatalf("%s: got %+v, want %v", step.what, now, step.want)
		}
		wantCounts(t, "SSE, "+step.what, page, now)
		wantCounts(t, "WebSocket, "+step.what, frames, now)
		wantCounts(t, "MQTT, "+step.what, topics, now)
		status, body := call(t, "GET", own+"/wait?after="+before, "", "")
		var waited struct{ Counts tenantCounts }
		if err := json.Unmarshal([]byte(body), &waited); err != nil || status != http.StatusOK || !maps.Equal(waited.Counts.ByTenant, step.want) {
			t.Errorf("long poll, %s: got %d %s, want %v", step.what, status, body, step.want)
		}
		before = now.Cursor
	}
	if c := polled(t, a, "?tenant=initech"); c.Unread != 1 || c.Cursor != before {
		t.Errorf("counts of a tenant: got %+v", c)
	}
	if status, body := call(t, "GET", a.URL()+"/v1/users/alice/counts?tenant=a%20b", "", ""); status != http.StatusBadRequest || !strings.Contains(body, `"field":"tenant"`) {
		t.Errorf("counts of no tenant: got %d %s", status, body)
	}
	status, body := call(t, "GET", own+"/messages?state=all&tenant=acme", "", "")
	if strings.Count(body, `"tenant":"acme"`) != 2 || strings.Count(body, `"id"`) != 2 {
		t.Errorf("messages of a tenant: got %d %s", status, body)
	}
	stop(t, a)
	a, _ = start(t, cfg)
	if c := polled(t, a, ""); !maps.Equal(c.ByTenant, map[string]int{"initech": 1}) || c.Unread != 2 {
		t.Errorf("after a restart: got %+v", c)
	}
}

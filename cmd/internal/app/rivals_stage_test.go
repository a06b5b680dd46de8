//go:build unix

package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// What the tests of rivals' faults ask, and see.

// kill ends the server as SIGKILL does.
func (p *play) kill() {
	p.t.Helper()
	p.killed++
	p.server.kill(p.t)
}

// crash kills the server and starts it again.
func (p *play) crash() {
	p.t.Helper()
	p.kill()
	p.server.start(p.t)
}

// unread returns a user's count.
func (p *play) unread(user string) int {
	p.t.Helper()
	_, out := p.ops.asks("GET", "/v1/users/"+user+"/counts", "")
	n, _ := out["unread"].(float64)
	return int(n)
}

// messages returns a user's messages.
func (p *play) messages(user string) (all []map[string]any) {
	p.t.Helper()
	for next := ""; ; {
		_, out := p.ops.asks("GET", "/v1/users/"+user+"/messages?limit=200&next="+next, "")
		for _, m := range out["messages"].([]any) {
			all = append(all, m.(map[string]any))
		}
		if next, _ = out["next"].(string); next == "" {
			return all
		}
	}
}

// eachOnce holds that a user has so many messages, each once.
func (p *play) eachOnce(user string, want int) {
	p.t.Helper()
	seen := map[any]bool{}
	all := p.messages(user)
	for _, m := range all {
		seen[m["id"]] = true
	}
	if len(all) != want || len(seen) != want || p.unread(user) != want {
		p.t.Errorf("%s has %d messages, %d of them different, and %d unread; want %d: %v", user, len(all), len(seen), p.unread(user), want, all)
	}
}

// digests holds that a user has one digest, with so many items, each once.
func (p *play) digests(user string, want int) {
	p.t.Helper()
	all := p.messages(user)
	if len(all) != 1 || p.unread(user) != 1 {
		p.t.Fatalf("%s has %d messages, %d unread: %v", user, len(all), p.unread(user), all)
	}
	data := all[0]["data"].(map[string]any)
	ids := map[any]bool{}
	items := data["items"].([]any)
	for _, item := range items {
		ids[item.(map[string]any)["id"]] = true
	}
	if len(items) != want || len(ids) != want || data["total"] != float64(want) {
		p.t.Errorf("the digest counts %v, and has %d items, %d of them different; want %d", data["total"], len(items), len(ids), want)
	}
}

// batch publishes lines, and holds that each of them is answered by an id.
func (a *principal) batch(lines string, want int) {
	p := a.play
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), "POST", p.server.url+"/v1/messages/batch", strings.NewReader(lines))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.key)
	r.Header.Set("Content-Type", "application/x-ndjson")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if got := strings.Count(string(text), `"id":`); err != nil || got != want {
		p.t.Fatalf("%d of %d lines are answered by an id: %v\n%.500s", got, want, err, text)
	}
}

// opening returns how a stream begins.
func (a *principal) opening(path string) string {
	p := a.play
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", p.server.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.key)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	var all []byte
	for b := make([]byte, 8192); !strings.Contains(string(all), "unread"); {
		n, err := res.Body.Read(b)
		if all = append(all, b[:n]...); err != nil {
			return fmt.Sprintf("%s (%v)", all, err)
		}
	}
	return string(all)
}

// hello returns the first frame of a user's WebSocket.
func (a *principal) hello(user string) string {
	p := a.play
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, strings.Replace(p.server.url, "http", "ws", 1)+"/v1/users/"+user+"/ws", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + a.key}}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	_, text, err := c.Read(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

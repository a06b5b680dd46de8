package app

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/config"
	"reddot/transports"
)

// guarded returns the configuration of a server that lets in who has a token or
// the key, which may all.
func guarded(t *testing.T, cfg config.Config) (config.Config, string) {
	t.Helper()
	cfg.Dev, cfg.Token.Secret = false, transports.NewSecret(secret)
	_, key, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Name: "back end", Scopes: []string{"admin", "publish", "read"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return cfg, key.Reveal()
}

// fillInbox fills an inbox with about 4 MiB.
func fillInbox(t *testing.T, a *App, key, user string) {
	t.Helper()
	var lines strings.Builder
	for i := range 68 {
		fmt.Fprintf(&lines, "{\"to\":{\"user\":%q},\"title\":\"%d\",\"body\":%q}\n", user, i, strings.Repeat("x", 60<<10))
	}
	if status, body := call(t, "POST", a.URL()+"/v1/messages/batch", key, lines.String()); status != http.StatusOK || strings.Count(body, `"status":201`) != 68 {
		t.Fatalf("publish: %d %s", status, body)
	}
}

// askAndWait asks for an answer and does not read it. The client's own buffer is
// small.
func askAndWait(t *testing.T, a *App, path, token string) {
	t.Helper()
	c, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.(*net.TCPConn).SetReadBuffer(16 << 10)
	if a.cfg.Load().TLS.Cert != "" {
		secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		if err := secure.Handshake(); err != nil {
			t.Fatal(err)
		}
		c = secure
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: reddot\r\nAuthorization: Bearer %s\r\n\r\n", path, token); err != nil {
		t.Fatal(err)
	}
}

// Answers that nobody reads take no more than the user may have waiting; others
// are told so, and other users are not.
func TestUnreadAnswers(t *testing.T) { plainAndTLS(t, unreadAnswers) }

func unreadAnswers(t *testing.T, cfg config.Config) {
	const most, clients = 2 << 20, 20
	cfg, key := guarded(t, cfg)
	cfg.Limits.WaitingPerUser, cfg.Limits.WriteStall = most, 5*time.Second
	a, _ := start(t, cfg)
	alice, bob := issueFor(t, cfg, "alice", time.Hour), issueFor(t, cfg, "bob", time.Hour)
	fillInbox(t, a, key, "alice")
	fillInbox(t, a, key, "bob")
	before := int64(heapInUse())
	for range clients {
		askAndWait(t, a, "/v1/users/alice/messages?limit=200", alice)
	}
	eventually(t, "answers wait", func() bool { return a.budget.State().Callers > 0 })
	if w := a.budget.State().Waiting; w > most {
		t.Errorf("%d bytes wait, and %d may", w, most)
	}
	if status, body := call(t, "GET", a.URL()+"/v1/users/me/messages?limit=200", alice, ""); status != http.StatusTooManyRequests || !strings.Contains(body, "wait") {
		t.Errorf("the same user: %d %.200s", status, body)
	}
	if status, body := call(t, "GET", a.URL()+"/v1/users/me/messages?limit=200", bob, ""); status != http.StatusOK {
		t.Errorf("another user: %d %.200s", status, body)
	}
	if grown := int64(heapInUse()) - before; grown > 2*most+clients*(64<<10) {
		t.Errorf("%d clients that do not read take %d bytes", clients, grown)
	}
	eventually(t, "stalled clients are gone", func() bool { return a.budget.State().Waiting == 0 })
	if status, body := call(t, "GET", a.URL()+"/v1/users/me/messages?limit=200", alice, ""); status != http.StatusOK {
		t.Errorf("when they are gone: %d %.200s", status, body)
	}
}

// An export comes whole, in order, and holds one page at a time.
func TestExportIsWrittenInPages(t *testing.T) {
	cfg, key := guarded(t, testConfig(t))
	cfg.Limits.WaitingPerAddress, cfg.Limits.WaitingPerUser = 1<<20, 1<<20
	a, _ := start(t, cfg)
	fillInbox(t, a, key, "alice")
	status, body := call(t, "GET", a.URL()+"/v1/users/alice/export", key, "")
	var all struct {
		App, User string
		Counts    struct{ Unread int }
		Messages  []struct{ Title string }
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v", status, err)
	}
	if len(body) < 4<<20-(200<<10) || all.App != "default" || all.User != "alice" || all.Counts.Unread != len(all.Messages) {
		t.Errorf("got %d bytes: %s %s, %d messages, %d unread", len(body), all.App, all.User, len(all.Messages), all.Counts.Unread)
	}
	for i, m := range all.Messages {
		if want := fmt.Sprint(67 - i); m.Title != want {
			t.Fatalf("got message %s, want %s", m.Title, want)
		}
	}
	if w := a.budget.State(); w.Waiting != 0 || w.Callers != 0 {
		t.Errorf("got %+v", w)
	}
	before := int64(heapInUse())
	askAndWait(t, a, "/v1/users/alice/export", key)
	eventually(t, "a page waits", func() bool { return a.budget.State().Waiting > 0 })
	if grown := int64(heapInUse()) - before; grown > 1<<20 {
		t.Errorf("an export that nobody reads takes %d bytes", grown)
	}
}
